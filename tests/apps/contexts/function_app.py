"""What a synchronous function sees of its context and its thread."""

from __future__ import annotations

import asyncio
import contextvars
import decimal
import json
import logging
import os
import sys
import threading
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
logger = logging.getLogger("contexts")

user = contextvars.ContextVar("user", default="nobody")
at_import = contextvars.ContextVar("at_import", default="lost")
at_import.set("kept")

#: The names of traced functions that threads of Python's own have called.
traced: set[str] = set()


def trace(frame, event, argument):
    if frame.f_code.co_filename == __file__:
        traced.add(frame.f_code.co_name)


if os.environ.get("TRACE_THREADS"):
    # As debuggers do.
    threading.settrace(trace)


@app.route("set")
def set_values(req: func.HttpRequest) -> str:
    seen = {"user": user.get(), "at_import": at_import.get(), "precision": decimal.getcontext().prec}
    user.set(req.params["user"])
    decimal.getcontext().prec = 5
    return json.dumps(seen)


@app.route("stream")
def stream(req: func.HttpRequest) -> func.HttpResponse:
    before = user.get()
    user.set(req.params["user"])

    def parts():
        yield f"{before} ".encode()
        yield user.get().encode()
        user.set("changed while the body is made")

    return parts()


@app.route("threads")
def threads(req: func.HttpRequest) -> str:
    async def main() -> None:
        logger.info("in the function's own loop")
        await asyncio.to_thread(logger.info, "in a thread of that loop")

    asyncio.run(main())
    return "done"


@app.route("thread")
def thread(req: func.HttpRequest) -> str:
    this = threading.current_thread()
    return json.dumps(
        {
            "is_thread": isinstance(this, threading.Thread),
            "is_dummy": type(this).__name__ == "_DummyThread",
            "name": this.name,
            "is_listed": this in threading.enumerate(),
            "children_are_daemons": threading.Thread(target=print).daemon,
            "traced": sorted(traced),
            "count": sum(thread.name.startswith("function-") for thread in threading.enumerate()),
        }
    )


@app.route("send-later")
def send_later(req: func.HttpRequest) -> str:
    """Returns before its own thread has done its work."""

    def send() -> None:
        while not Path("stopping").exists():
            threading.Event().wait(0.01)
        Path("sent").write_text("sent")

    threading.Thread(target=send).start()
    return "accepted"


@app.route("recursion")
def recursion(req: func.HttpRequest) -> str:
    sys.setrecursionlimit(6000)

    def depth(left: int) -> int:
        return 1 + depth(left - 1) if left else 0

    return str(depth(5000))
