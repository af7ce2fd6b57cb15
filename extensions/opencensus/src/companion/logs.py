"""Log records with the span that they were made in, and on their way to a collector."""

from __future__ import annotations

import logging
from typing import Any

from funcdock import errors, logs

from . import spans

#: What a record has that is told otherwise, or not at all.
TOLD = {*logs.STANDARD, "message", "asctime"}


def connect(native: Any) -> None:
    """Has records name the current span, and gives them to the extension where it exports them."""
    logs.current_span = _current_span
    logger = native.logger
    if logger.enabled:
        logging.getLogger().addHandler(Handler(logger))


def _current_span(call: str | None) -> tuple[str, str] | None:
    """``call`` is the span id of the call, where the record is of one."""
    span = spans.currency.get()
    if not isinstance(span, spans.Span):
        foreign = None if span is None else spans.currency.foreign(span)
        return None if foreign is None else (foreign.trace_id, foreign.span_id)
    # On a thread of a pool it may be left over from another call.
    tracer = span.context_tracer
    if call is not None and tracer is not None and tracer.root.span_id != call:
        return None
    while not span.is_open():
        if span.parent_span is None:
            return None
        span = span.parent_span
    return span.trace_id, span.span_id


class Handler(logging.Handler):
    """Gives records to the extension."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._logger.log(
                record.levelno,
                record.name,
                record.getMessage(),
                record.created,
                getattr(record, "trace_id", None),
                getattr(record, "span_id", None),
                _attributes(record),
            )
        except Exception:
            self.handleError(record)


def _attributes(record: logging.LogRecord) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "code.file.path": record.pathname,
        "code.function.name": record.funcName,
        "code.line.number": record.lineno,
        "thread.name": record.threadName,
    }
    if getattr(record, "invocation_id", None):
        attributes["faas.invocation_id"] = record.__dict__["invocation_id"]
    if record.exc_info and record.exc_info[1] is not None:
        type_name, message, traceback = errors.describe(record.exc_info[1])
        attributes["exception.type"] = type_name
        attributes["exception.message"] = message
        attributes["exception.stacktrace"] = traceback
    for key, value in record.__dict__.items():
        if key not in TOLD:
            # As text, where it is of no kind that a record's attribute can be.
            is_plain = value is None or isinstance(value, (str, bool, int, float))
            attributes[key] = value if is_plain else str(value)
    return attributes
