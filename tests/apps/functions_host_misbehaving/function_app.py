"""Functions that harm the worker, as far as Python lets them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


class Ends(BaseException):
    pass


def harm(what: str) -> str:
    if what == "exit":
        sys.exit(3)
    if what == "exit without a code":
        sys.exit()
    if what == "base":
        raise Ends("of all")
    if what == "cancelled":
        raise asyncio.CancelledError
    if what == "interrupt":
        raise KeyboardInterrupt
    if what == "generator":
        raise GeneratorExit
    if what == "stop":
        raise StopIteration("stopped")
    if what == "memory":
        raise MemoryError
    if what == "recursion":
        return harm(what)
    if what == "environment":
        os.environ.clear()
    if what == "directory":
        os.chdir("/")
    if what == "logging":
        logging.Logger.handle = None
        logging.getLogger().handlers.clear()
        logging.shutdown()
    if what == "output":
        sys.stdout = sys.stderr = None
    if what == "descriptors":
        with contextlib.suppress(OSError):
            os.close(0)
    if what == "thread":
        threading.Thread(target=sys.exit).start()
    if what == "fork":
        child = os.fork()
        if child == 0:
            os._exit(7)
        return str(os.waitpid(child, 0)[1] >> 8)
    return what


@app.route(route="sync")
def in_thread(req: func.HttpRequest) -> str:
    return harm(req.params["what"])


@app.route(route="async")
async def on_loop(req: func.HttpRequest) -> str:
    return harm(req.params["what"])


@app.route(route="large")
def large(req: func.HttpRequest) -> bytes:
    made = bytes(int(req.params["size"]))
    print("all is made", flush=True)
    return made


@app.route(route="loud")
def loud(req: func.HttpRequest) -> str:
    for _ in range(int(req.params["records"])):
        logging.warning("x" * int(req.params["size"]))
    print("all is said", flush=True)
    return "said"


@app.route(route="blocks")
def blocks(req: func.HttpRequest) -> str:
    time.sleep(float(req.params["seconds"]))
    return "slept"


@app.route(route="stops_loop")
async def stops_loop(req: func.HttpRequest) -> str:
    asyncio.get_running_loop().stop()
    return "stopped"


@app.route(route="leaves")
def leaves(req: func.HttpRequest) -> str:
    os._exit(9)
