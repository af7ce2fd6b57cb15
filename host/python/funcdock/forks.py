"""Children of the worker that are forked: by ``os.fork``, by ``multiprocessing``, by libraries.

A child has the thread that made it, and nothing else of the worker: no loop, no log of the host, no triggers.
It must not answer the parent's calls, nor take anything from what both share.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import sys
import threading
from typing import Any, Callable, NoReturn

from . import errors, import_loop, tasks

#: Whether this process is such a child.
is_child = False

#: The signals that end a child, as ``terminate()`` does.
_ENDING = (signal.SIGTERM, signal.SIGINT)

#: The worker's handlers of signals, of which a child must not have any.
_handlers: dict[int, Any] = {}

_loop: asyncio.AbstractEventLoop
_kept: list[Any] = []


def install(
    loop: asyncio.AbstractEventLoop,
    after_in_child: Callable[[], None],
) -> None:
    """Prepares for children. Call this before code of the app is imported."""
    global _loop
    _loop = loop
    _handlers[signal.SIGINT] = signal.getsignal(signal.SIGINT)

    # Several threads may fork at once.
    masks = threading.local()

    def hold_signals() -> None:
        # What a child gets before it has handlers of its own would be lost in those of the worker.
        masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)

    def release_signals() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    def enter_child() -> None:
        global is_child
        is_child = True
        after_in_child()
        _reset_signals()
        _leave_loop()
        try:
            release_signals()
        except KeyboardInterrupt:
            # From here nobody could catch it, and it would be lost. So it ends the child as if nobody did.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)

    # Of the hooks before a fork, the first one comes last; of those after it, first.
    os.register_at_fork(before=hold_signals, after_in_parent=release_signals, after_in_child=enter_child)


def end_call(error: BaseException | None) -> NoReturn:
    """Ends a child whose function has returned, or raised: the call is the parent's."""
    code = 0
    if isinstance(error, SystemExit):
        status = error.code
        code = status if isinstance(status, int) else 0 if status is None else 1
    elif error is not None:
        code = 1
        name, message, trace = errors.describe(error)
        tasks.logger.error("a forked child ends: its function raised %s: %s\n%s", name, message, trace)
    _exit(code)


def _exit(code: int) -> NoReturn:
    """Ends the process without its handlers of ``atexit``, which are the worker's."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    os._exit(code & 0xFF)


def _reset_signals() -> None:
    """Gives signals the effect that they have in any program: ``terminate()`` is a SIGTERM."""
    if signal.getsignal(signal.SIGINT) is _handlers[signal.SIGINT]:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    handler = signal.getsignal(signal.SIGTERM)
    if isinstance(handler, tasks.Termination):
        own = handler.own
        is_loops = getattr(own, "__module__", "").partition(".")[0] in ("asyncio", "uvloop")
        signal.signal(signal.SIGTERM, signal.SIG_DFL if is_loops else own)
    signal.set_wakeup_fd(-1)


def _leave_loop() -> None:
    """Keeps a child of an asynchronous function from the parent's loop, whose descriptors they share."""
    import_loop.forget()
    # As asyncio does from 3.12 on: the child may have a loop of its own.
    local = getattr(asyncio.get_event_loop_policy(), "_local", None)
    if local is not None:
        local._loop, local._set_called = None, False
    if threading.get_ident() != tasks.thread:
        return
    if isinstance(_loop, asyncio.BaseEventLoop):
        # What waits there is the parent's. It is kept, as it would run code of the app when it is dropped.
        parent: Any = _loop
        _kept.extend((parent._ready, parent._scheduled))
        parent._ready, parent._scheduled = type(parent._ready)(), []
        with contextlib.suppress(OSError):
            parent._selector.close()
        parent._selector = selectors.SelectSelector()
    # What the loop does next, if the child comes back to it.
    _loop.call_soon(came_back)


def came_back() -> NoReturn:
    """Ends a child that has come back to the parent's loop."""
    tasks.logger.error(
        "a child that an asynchronous function has forked cannot await: the event loop is its parent's; use "
        "multiprocessing or asyncio.create_subprocess_exec, or fork in a synchronous function"
    )
    _exit(1)
