"""Python's logging into the host's log, each record with the invocation that it belongs to."""

from __future__ import annotations

import contextvars
import logging
import threading
from typing import Callable

#: The invocation whose asynchronous function is running, in its task and what it awaits.
invocation: contextvars.ContextVar[str | None] = contextvars.ContextVar("invocation", default=None)

#: ``context.thread_local_storage``: user threads set ``invocation_id`` to have their records attributed.
thread_local = threading.local()


class HostHandler(logging.Handler):
    """Hands each record to the host."""

    def __init__(
        self,
        write: Callable[[int, str, str | None, str], None],
        current: Callable[[], str | None],
    ) -> None:
        super().__init__()
        self._write = write
        self._current = current

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # The thread-local comes last: on a thread of ours it may be left over from another call.
            identifier = invocation.get() or self._current() or getattr(thread_local, "invocation_id", None)
            # For formatters.
            record.__dict__["invocation_id"] = identifier
            self._write(record.levelno, record.name, identifier, self.format(record))
        except Exception:
            self.handleError(record)


def install(
    write: Callable[[int, str, str | None, str], None],
    current: Callable[[], str | None],
    debug: bool,
) -> None:
    """Puts the handler first on the root logger."""
    root = logging.getLogger()
    root.handlers.insert(0, HostHandler(write, current))
    root.setLevel(logging.DEBUG if debug else logging.INFO)
