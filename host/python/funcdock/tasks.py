"""Asynchronous functions as tasks of the worker's event loop."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Any, Callable

from . import logs


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The worker's event loop: uvloop's where the app has it."""
    try:
        import uvloop
    except ImportError:
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def start(
    loop: asyncio.AbstractEventLoop,
    function: Callable[..., Any],
    arguments: dict[str, Any],
    call: Any,
) -> asyncio.Task[None]:
    """Starts a call; its end is told to ``call``. The loop itself holds its tasks weakly."""
    task = loop.create_task(_run(function, arguments, call))
    task.add_done_callback(call.ended)
    return task


async def _run(function: Callable[..., Any], arguments: dict[str, Any], call: Any) -> None:
    logs.call.set(call.for_logs)
    try:
        result = await function(**arguments)
    # SystemExit, too: it must not end the worker.
    except BaseException as error:
        call.raised(error)
    else:
        call.returned(result)


def run(loop: asyncio.AbstractEventLoop, is_stopping: Callable[[], bool]) -> None:
    """Runs the loop until the worker stops, whatever a task of the app raises through it."""
    # When to end is the supervisor's to say, but service managers signal all processes of a service at once.
    # As for SIGINT, a handler that does nothing: what is ignored stays so in programs that a function starts.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: None)
    while not is_stopping():
        try:
            loop.run_forever()
        # SystemExit, most likely, in a task of the app's own.
        except BaseException:
            logging.getLogger("funcdock").exception("a background task of the app raised")
