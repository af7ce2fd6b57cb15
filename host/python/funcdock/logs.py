"""Writes Python's log records to the host's log, with the call and the trace that each belongs to.

Every record of every logger has these attributes, for the formatters of any handler; each is None if it is
not known: ``invocation_id``, ``function_name``, ``trace_id`` (32 hex digits), ``span_id`` (16 hex digits).
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import threading
from typing import Any, Callable, Optional

from . import errors, output

#: The call of the asynchronous function that is running, in its task and what it awaits.
call: contextvars.ContextVar[Any] = contextvars.ContextVar("call", default=None)
output.call_of_task = call.get

#: ``context.thread_local_storage``: user threads set ``invocation_id`` to have their records attributed.
thread_local = threading.local()

#: Returns the current span: the hex digits of (trace id, span id), or None for the call's own span. Set by an
#: extension that lets function code open spans. Called for each new record, on the thread and in the context
#: that logs, with the span id of the call, or None for a record outside of calls. It must not log itself.
current_span: Callable[[str | None], tuple[str, str] | None] | None = None

#: Takes each record that the host logs, and its text: what the formatter of the host's handler makes of it,
#: without the exception. Set by an extension that exports records. Called on the thread that logs; it must
#: neither block nor log.
export: Callable[[logging.LogRecord, str], None] | None = None

#: How many records that are logged while functions are imported are kept for :data:`export`.
MAX_EARLY = 1000

#: (invocation id, function, trace id, span id), as the host returns them.
Ids = tuple[Optional[str], Optional[str], Optional[str], Optional[str]]

#: The record's attributes for :data:`Ids`.
ATTRIBUTES = ("invocation_id", "function_name", "trace_id", "span_id")

#: The attributes that every record has, or gets from a formatter. Others come from ``extra`` or a filter.
STANDARD = {*vars(logging.makeLogRecord({})), *ATTRIBUTES, "asctime", "message", "taskName"}

_make_record = logging.Logger.makeRecord
_ids: Callable[[Any, Any], Ids]
_handler: HostHandler


class HostHandler(logging.Handler):
    """Passes each record to the host."""

    def __init__(self, write: Callable[..., bool], as_json: bool) -> None:
        super().__init__()
        self._write = write
        self._as_json = as_json
        #: What was logged before the extensions started, with its text; None from then on.
        self._early: list[tuple[logging.LogRecord, str]] | None = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # The record was not made by a logger.
            if not record.__dict__.keys() >= set(ATTRIBUTES):
                _add_ids(record)
            try:
                message = self.format(record)
            # An argument or an exception raises when it is shown, or the arguments do not fit the message.
            except BaseException as error:
                message = _unformatted(record, error)
            text, exception = _split(message, record.exc_text)
            fields = _fields(record) if self._as_json else None
            ids = (record.__dict__[name] for name in ATTRIBUTES)
            # Function code may have set values of any type.
            texts = [value if value is None or type(value) is str else errors.text(value) for value in ids]
            written = (text, texts, exception) if self._as_json else (message, texts, None)
            if self._write(record.levelno, errors.text(record.name), *written, fields):
                self._export(record, text)
        except Exception:
            self.handleError(record)

    def _export(self, record: logging.LogRecord, text: str) -> None:
        if self._early is None:
            if export is not None:
                export(record, text)
        elif len(self._early) < MAX_EARLY:
            self._early.append((record, text))

    def end_early(self) -> None:
        """Exports what was logged before the extensions started."""
        self.acquire()
        try:
            early, self._early = self._early, None
            for record, text in early or ():
                try:
                    self._export(record, text)
                except Exception:
                    self.handleError(record)
        finally:
            self.release()


def install(
    write: Callable[..., bool],
    ids: Callable[[Any, Any], Ids],
    as_json: bool,
    least: int,
) -> None:
    """Inserts the handler first on the root logger, and adds the ids to all records that loggers make.

    Records below the ``least`` level are not made.
    """
    global _ids, _handler
    _ids = ids
    # A record factory or a filter does not work here: ``extra`` must not set what a factory has set (a
    # KeyError), an app may replace the factory, and the filters of a logger do not apply to its children.
    logging.Logger.makeRecord = _make_record_with_ids  # type: ignore[method-assign]
    root = logging.getLogger()
    _handler = HostHandler(write, as_json)
    root.handlers.insert(0, _handler)
    root.setLevel(least)


def extensions_started() -> None:
    """Called by the host when the extensions, which may have set :data:`export`, have started."""
    _handler.end_early()


def _make_record_with_ids(self: logging.Logger, *args: Any, **kwargs: Any) -> logging.LogRecord:
    record = _make_record(self, *args, **kwargs)
    _add_ids(record)
    return record


def _add_ids(record: logging.LogRecord) -> None:
    """Adds the ids. Values from ``extra`` or a factory stay."""
    invocation, function, trace, span = _ids(call.get(), getattr(thread_local, "invocation_id", None))
    if current_span is not None:
        # A failure of the extension must not lose the record.
        with contextlib.suppress(Exception):
            trace, span = current_span(span) or (trace, span)
    for name, value in zip(ATTRIBUTES, (invocation, function, trace, span)):
        record.__dict__.setdefault(name, value)


def message_of(record: logging.LogRecord) -> str:
    """Returns a record's message, or what can be said of it; never raises."""
    try:
        return str.__str__(record.getMessage())
    except BaseException as error:
        name, message, _ = errors.describe(error)
        place = f"{errors.text(record.pathname)}:{record.lineno}"
        return f"{errors.text(record.msg)} (not formatted with its arguments, in {place}: {name}: {message})"


def _unformatted(record: logging.LogRecord, error: BaseException) -> str:
    """Returns the text of a record that its formatter fails on, with its exception."""
    message = message_of(record)
    if record.exc_info and record.exc_info[1] is not None:
        # For other handlers, too, which do not make it again.
        record.exc_text = errors.describe(record.exc_info[1])[2]
        return f"{message}\n{record.exc_text}"
    # The arguments are not to blame.
    if not record.args:
        return f"{message} (not formatted: {': '.join(errors.describe(error)[:2])})"
    return message


def _split(text: str, exception: str | None) -> tuple[str, str | None]:
    """Splits a formatter's text into the message and the exception."""
    if not exception:
        return text, None
    before, found, after = text.rpartition(f"\n{exception}")
    # The formatter may leave the exception out.
    return (before + after if found else text), exception


def _fields(record: logging.LogRecord) -> str | None:
    """Returns the record's other attributes as a JSON object."""
    fields = {key: value for key, value in record.__dict__.items() if key not in STANDARD}
    if not fields:
        return None
    try:
        return json.dumps(fields, default=errors.text, allow_nan=False, ensure_ascii=False)
    # JSON cannot represent it: a key that is not a string, NaN, a list that contains itself.
    except BaseException:
        fields = {errors.text(key): errors.text(value, repr) for key, value in fields.items()}
        return json.dumps(fields, ensure_ascii=False)
