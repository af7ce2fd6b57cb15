"""Python's logging into the host's log, and the call and the trace that each record belongs to.

Every record of every logger has these attributes, for the formatters of any handler; each is None where it is
not known: ``invocation_id``, ``function_name``, ``trace_id`` (32 hex digits), ``span_id`` (16 hex digits).
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import threading
from typing import Any, Callable, Optional

#: The call of the asynchronous function that is running, in its task and what it awaits.
call: contextvars.ContextVar[Any] = contextvars.ContextVar("call", default=None)

#: ``context.thread_local_storage``: user threads set ``invocation_id`` to have their records attributed.
thread_local = threading.local()

#: What knows of a span within the call: an extension that lets function code open spans sets it, and answers
#: with the hex digits of (trace id, span id), or None for those of the call itself. It is asked on the thread
#: and in the context that logs, for each record that is made, and must not log itself. It gets the span id
#: of the call, or None for a record of no call.
current_span: Callable[[str | None], tuple[str, str] | None] | None = None

#: (invocation id, function, trace id, span id), from the host.
Ids = tuple[Optional[str], Optional[str], Optional[str], Optional[str]]

#: The attributes for them.
ATTRIBUTES = ("invocation_id", "function_name", "trace_id", "span_id")

#: What every record has, of itself or from a formatter: the rest is ``extra``, or from a filter.
STANDARD = {*vars(logging.makeLogRecord({})), *ATTRIBUTES, "asctime", "message", "taskName"}

_make_record = logging.Logger.makeRecord
_ids: Callable[[Any, Any], Ids]


class HostHandler(logging.Handler):
    """Hands each record to the host."""

    def __init__(self, write: Callable[..., None], as_json: bool) -> None:
        super().__init__()
        self._write = write
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # One that no logger has made.
            if not record.__dict__.keys() >= set(ATTRIBUTES):
                _add_ids(record)
            message, exception, fields = self.format(record), None, None
            if self._as_json:
                message, exception = _split(message, record.exc_text)
                fields = _fields(record)
            ids = (record.__dict__[name] for name in ATTRIBUTES)
            # Function code may have put anything there.
            texts = [None if value is None else str(value) for value in ids]
            self._write(record.levelno, record.name, message, texts, exception, fields)
        except Exception:
            self.handleError(record)


def install(
    write: Callable[..., None],
    ids: Callable[[Any, Any], Ids],
    as_json: bool,
    debug: bool,
) -> None:
    """Puts the handler first on the root logger, and the ids on all records that loggers make."""
    global _ids
    _ids = ids
    # Neither a record factory nor a filter would do: what a factory sets, ``extra`` must not (a KeyError), an
    # app may install a factory of its own, and the filters of a logger do not apply to its children.
    logging.Logger.makeRecord = _make_record_with_ids  # type: ignore[method-assign]
    root = logging.getLogger()
    root.handlers.insert(0, HostHandler(write, as_json))
    root.setLevel(logging.DEBUG if debug else logging.INFO)


def _make_record_with_ids(self: logging.Logger, *args: Any, **kwargs: Any) -> logging.LogRecord:
    record = _make_record(self, *args, **kwargs)
    _add_ids(record)
    return record


def _add_ids(record: logging.LogRecord) -> None:
    """What ``extra`` or a factory has set stays."""
    invocation, function, trace, span = _ids(call.get(), getattr(thread_local, "invocation_id", None))
    if current_span is not None:
        # That the extension fails here must cost no record.
        with contextlib.suppress(Exception):
            trace, span = current_span(span) or (trace, span)
    for name, value in zip(ATTRIBUTES, (invocation, function, trace, span)):
        record.__dict__.setdefault(name, value)


def _split(text: str, exception: str | None) -> tuple[str, str | None]:
    """The message and the exception, which the formatter has put into one text."""
    if not exception:
        return text, None
    before, found, after = text.rpartition(f"\n{exception}")
    # The formatter may be one that leaves it out.
    return (before + after if found else text), exception


def _fields(record: logging.LogRecord) -> str | None:
    """What the record has besides, as a JSON object."""
    fields = {key: value for key, value in record.__dict__.items() if key not in STANDARD}
    if not fields:
        return None
    try:
        return json.dumps(fields, default=str, allow_nan=False, ensure_ascii=False)
    # What JSON has not: a key that is no text, a number that is none, a list that holds itself.
    except Exception:
        fields = {str(key): repr(value) for key, value in fields.items()}
        return json.dumps(fields, ensure_ascii=False)
