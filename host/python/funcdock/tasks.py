"""Asynchronous functions as tasks of the worker's event loop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from typing import Any, Callable

from . import logs


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Makes the worker's event loop: uvloop's if the app has uvloop."""
    try:
        import uvloop
    except ImportError:
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def begin(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, None],
    ended: Callable[[asyncio.Task[None]], None],
) -> asyncio.Task[None] | None:
    """Begins a task, which calls ``ended`` later; returns None if it has ended already.

    The loop itself refers to its tasks weakly.
    """
    if sys.version_info >= (3, 12):
        # Runs until it first waits: many calls need no turn of the loop.
        task = asyncio.Task(coroutine, loop=loop, eager_start=True)
        if task.done():
            return None
    else:
        task = loop.create_task(coroutine)
    task.add_done_callback(ended)
    return task


def start(
    loop: asyncio.AbstractEventLoop,
    function: Callable[..., Any],
    arguments: dict[str, Any],
    call: Any,
) -> asyncio.Task[None] | None:
    """Starts a call, which reports its end to ``call``; returns None if it has ended already."""
    return begin(loop, _run(function, arguments, call), call.ended)


async def _run(function: Callable[..., Any], arguments: dict[str, Any], call: Any) -> None:
    logs.call.set(call.for_logs)
    try:
        result = await function(**arguments)
    # Catches SystemExit, too: it must not end the worker.
    except BaseException as error:
        call.raised(error)
    else:
        call.returned(result)


def run(loop: asyncio.AbstractEventLoop, is_stopping: Callable[[], bool]) -> None:
    """Runs the loop until the worker stops, even if a task of the app raises through the loop."""
    # The supervisor decides when the worker ends, but service managers signal all processes of a service at
    # once. A handler that does nothing, as for SIGINT: programs that a function starts would inherit an
    # ignored signal.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: None)
    while not is_stopping():
        try:
            loop.run_forever()
        # Most likely SystemExit in one of the app's own tasks.
        except BaseException:
            logging.getLogger("funcdock").exception("a background task of the app raised")
