"""The threads that run synchronous functions, and each call in a context of its own."""

from __future__ import annotations

import contextvars
import threading
from typing import Any, Callable

from . import logs


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
        """Whether threads that this one starts are daemons. While it starts itself: whether it is one."""
        return not self._serves

    @daemon.setter
    def daemon(self, daemonic: bool) -> None:
        raise RuntimeError("this thread belongs to the host")

    def run(self) -> None:
        self._serves = True
        self._serve(threading.get_ident())


def start(number: int, serve: Callable[[int], None]) -> None:
    """Starts a thread that calls ``serve`` with its number of :func:`threading.get_ident`."""
    FunctionThread(f"function-{number}", serve).start()


def run(call: Any, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Calls a function, in the context of this call."""
    _set_call(call)
    return function(**arguments)


_set_call: Callable[[Any], Any] = logs.call.set


def context() -> contextvars.Context:
    """Returns the context that those of all calls begin as: that of the app's imports."""
    return contextvars.copy_context()
