"""The worker's loop counts as running while the app is imported, although it does not turn yet.

So modules may make what belongs to the loop at their top level: tasks, client sessions. asyncio refuses to
run a loop while another one is running, but modules run loops, too: ``asyncio.run(...)``, or this very loop.
So this loop is hidden from that check.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Callable, Optional

Loop = Optional[asyncio.AbstractEventLoop]

_get: Callable[[], Loop] = asyncio._get_running_loop
_set: Callable[[Loop], None] = asyncio._set_running_loop

#: The loop, while the app is imported, and the thread that imports it.
_loop: Loop = None
_thread = 0


def prepare() -> None:
    """Replaces what asyncio checks with. Call this before uvloop is imported, which keeps what it finds."""
    _replace(_get_unless_idle, _set_or_restore)


def begin(loop: asyncio.AbstractEventLoop) -> None:
    """Makes this the running loop of this thread until ``end``."""
    global _loop, _thread
    _loop, _thread = loop, threading.get_ident()
    _set(loop)


def end() -> None:
    """Makes it the thread's loop that may run."""
    global _loop
    loop, _loop = _loop, None
    _set(None)
    _replace(_get, _set)
    # A module may have set another one, and `asyncio.run` leaves none.
    asyncio.set_event_loop(loop)


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Leaves no loop that counts as running, for libraries that look for one in other ways than asyncio."""
    is_idle = _loop is not None and _get() is _loop and not _loop.is_running()
    if is_idle:
        _set(None)
    try:
        yield
    finally:
        if is_idle:
            _set(_loop)


def forget() -> None:
    """Leaves no loop in a forked child, neither running nor counted as such."""
    global _loop
    _loop = None
    _set(None)
    _replace(_get, _set)


def _get_unless_idle() -> Loop:
    """Returns the running loop, if it turns."""
    loop = _get()
    return None if loop is not None and loop is _loop and not loop.is_running() else loop


def _set_or_restore(loop: Loop) -> None:
    """Sets the running loop; after the end of another one it is this one again."""
    is_over = loop is None and threading.get_ident() == _thread
    _set(_loop if is_over else loop)


def _replace(get: Callable[[], Loop], set_: Callable[[Loop], None]) -> None:
    # asyncio's own modules look them up in `events`.
    modules: tuple[Any, ...] = (asyncio, asyncio.events)
    for module in modules:
        module._get_running_loop = get
        module._set_running_loop = set_
