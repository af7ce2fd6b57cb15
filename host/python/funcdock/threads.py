"""The threads that run synchronous functions, and each call in a context of its own."""

from __future__ import annotations

import contextvars
import threading
from typing import Callable


class FunctionThread(threading.Thread):
    """A thread of Python's own, so that debuggers and profilers see it.

    The interpreter does not wait for it at its end, as a call may hang. It does wait for the threads that
    functions start, unless these say otherwise: a new thread is a daemon if the one that starts it is.
    """

    def __init__(self, name: str, serve: Callable[[int], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._serve = serve
        self._serves = False

    @property
    def daemon(self) -> bool:
        """Whether threads that this one starts are daemons. While it starts itself: whether it is one.

        At the end of the interpreter it is one again: a debugger waits for those that are not.
        """
        return not (self._serves and threading.main_thread().is_alive())

    @daemon.setter
    def daemon(self, daemonic: bool) -> None:
        raise RuntimeError("this thread belongs to the host")

    def run(self) -> None:
        self._serves = True
        # The context of each call is a copy of this one.
        imported.copy().run(self._serve, threading.get_ident())


def start(number: int, serve: Callable[[int], None]) -> None:
    """Starts a thread that calls ``serve`` with its number of :func:`threading.get_ident`."""
    FunctionThread(f"function-{number}", serve).start()


#: The context of the app's imports, which those of all calls begin as.
imported: contextvars.Context


def keep_context() -> None:
    """Makes the current context the one that those of all calls begin as."""
    global imported
    imported = contextvars.copy_context()
