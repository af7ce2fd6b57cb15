"""Python's logging into the host's log, each record with the invocation that it belongs to."""

from __future__ import annotations

import contextvars
import logging
import threading
from typing import Callable, Optional

#: The invocation whose asynchronous function is running, in its task and what it awaits.
invocation: contextvars.ContextVar[Optional[str]] = contextvars.ContextVar("invocation", default=None)

#: ``context.thread_local_storage``: user threads set ``invocation_id`` to have their records attributed.
thread_local = threading.local()


class HostHandler(logging.Handler):
    """Hands each record to the host."""

    def __init__(
        self, write: Callable[[int, str, Optional[str], str], None], current: Callable[[], Optional[str]]
    ) -> None:
        super().__init__()
        self._write = write
        self._current = current

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # The thread-local comes last: on a thread of ours it may be left over from another call.
            record.invocation_id = (
                invocation.get() or self._current() or getattr(thread_local, "invocation_id", None)
            )
            self._write(record.levelno, record.name, record.invocation_id, self.format(record))
        except Exception:
            self.handleError(record)


def install(
    write: Callable[[int, str, Optional[str], str], None],
    current: Callable[[], Optional[str]],
    debug: bool,
) -> None:
    """Puts the handler first on the root logger."""
    root = logging.getLogger()
    root.handlers.insert(0, HostHandler(write, current))
    root.setLevel(logging.DEBUG if debug else logging.INFO)
