"""Asynchronous functions as tasks of the worker's event loop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import Any, Callable

from . import import_loop, output, traces

logger = logging.getLogger("funcdock")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Makes the worker's event loop: uvloop's if the app has uvloop. It counts as running until it does."""
    import_loop.prepare()
    try:
        import uvloop
    except ImportError:
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    import_loop.begin(loop)
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
    traces.begin(call.for_logs)
    try:
        result = await function(**arguments)
    # Catches SystemExit, too: it must not end the worker.
    except BaseException as error:
        call.raised(error)
    else:
        call.returned(result)


#: The thread that runs the loop.
thread = 0

#: Tells the host that the process has got a SIGTERM. Set by the host.
signal_received: Callable[[], None] = lambda: None  # noqa: E731


class Termination:
    """The handler of SIGTERM: calls the app's own, once.

    It does not end the worker. The supervisor decides when that ends, but service managers signal all
    processes of a service at once. Not an ignored signal: the programs that a function starts would inherit
    that.
    """

    def __init__(self, own: Any) -> None:
        #: What was installed before: a callable, or SIG_DFL.
        self.own = own
        self._is_called = False

    def __call__(self, number: int, frame: Any) -> None:
        if self._is_called:
            return
        self._is_called = True
        signal_received()
        if not callable(self.own):
            return
        try:
            self.own(number, frame)
        except SystemExit:
            logger.debug("the app's handler of SIGTERM exits: the worker does so when its calls have ended")
        # It must not end the function that happens to run on this thread.
        except BaseException:
            logger.exception("the app's handler of SIGTERM raised")


def handle_termination() -> None:
    """Puts our handler of SIGTERM around the app's own. Call this before the imported app is served."""
    own = signal.getsignal(signal.SIGTERM)
    # None is a handler that is not Python's.
    if own not in (signal.SIG_IGN, None):
        signal.signal(signal.SIGTERM, Termination(own))


def run(loop: asyncio.AbstractEventLoop, is_stopping: Callable[[], bool]) -> None:
    """Runs the loop until the worker stops, even if a task of the app raises through the loop."""
    global thread
    thread = threading.get_ident()
    import_loop.end()
    # What was printed while the app was imported.
    output.flush()
    while not is_stopping():
        try:
            loop.run_forever()
        # Most likely SystemExit in one of the app's own tasks.
        except BaseException:
            logger.exception("a background task of the app raised")
    _finish_tasks(loop)


#: The seconds for tasks to end that do not when they are cancelled.
LAST_WORDS = 1.0


def _finish_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels the tasks that are left, and lets them end, as ``asyncio.run`` does.

    They are those of the app, and of calls that nobody waits for any more: their ``finally`` blocks and post
    hooks are still to run.
    """
    pending = asyncio.all_tasks(loop)
    if not pending:
        return
    for task in pending:
        task.cancel()
    try:
        loop.run_until_complete(asyncio.wait(pending, timeout=LAST_WORDS))
    except BaseException:
        logger.exception("a task of the app raised when the worker ended")
