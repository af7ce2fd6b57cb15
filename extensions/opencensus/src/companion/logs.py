"""Log records: the span that they were made in, and their way to the exporters."""

from __future__ import annotations

import functools
import logging
import re
from typing import Any

from funcdock import errors, logs

from . import convert, current, spans

#: The fields of a record that do not become attributes.
NOT_ATTRIBUTES = {*logs.STANDARD, "message", "asctime"}

#: A trace id and a span id with a hyphen between.
IDS = re.compile("[0-9a-fA-F]{32}-[0-9a-fA-F]{16}")


def connect(native: Any) -> None:
    """Lets records name the current span, and passes them to the extension if it exports them."""
    logs.current_span = _current_span
    logger, insights = native.logger, native.insights_logger
    if logger.enabled:
        logging.getLogger().addHandler(Handler(logger))
    if insights.enabled:
        logs.export = functools.partial(_to_insights, insights)


def _current_span(call: str | None) -> tuple[str, str] | None:
    """The current span's ids. ``call`` is the span id of the record's call, if any."""
    span = current.store.get()
    if not isinstance(span, spans.Span):
        foreign = None if span is None else current.store.foreign(span)
        return None if foreign is None else (foreign.trace_id, foreign.span_id)
    # On a pool's thread it may be left from another call.
    tracer = span.context_tracer
    if call is not None and tracer is not None and tracer.root.span_id != call:
        return None
    while not span.is_open():
        if span.parent_span is None:
            return None
        span = span.parent_span
    return span.trace_id, span.span_id


class Handler(logging.Handler):
    """Passes records to the extension."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _log(self._logger, record, logs.message_of(record), _attributes(record))
        except Exception:
            self.handleError(record)


def _to_insights(logger: Any, record: logging.LogRecord, text: str) -> None:
    """Passes a record to Application Insights, which gets the text of the host's log, as in Azure."""
    attributes: dict[str, Any] = {}
    function = record.__dict__.get("function_name")
    if function is not None:
        # The first one, as attributes beyond a limit are left out.
        attributes["funcdock.function"] = convert.plain_text(function)
    attributes.update(_attributes(record))
    _log(logger, record, text, attributes)


def _log(logger: Any, record: logging.LogRecord, text: str, attributes: dict[str, Any]) -> None:
    trace_id, span_id = (getattr(record, name, None) for name in ("trace_id", "span_id"))
    if trace_id is not None and not IDS.fullmatch(f"{trace_id}-{span_id}"):
        # Set by the app, through ``extra``.
        attributes.update(trace_id=convert.plain_text(trace_id), span_id=convert.plain_text(span_id))
        trace_id = span_id = None
    logger.log(
        record.levelno,
        convert.plain_text(record.name),
        convert.plain_text(text),
        record.created,
        trace_id,
        span_id,
        attributes,
    )


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
    attributes.update((key, value) for key, value in record.__dict__.items() if key not in NOT_ATTRIBUTES)
    return {convert.plain_text(key): _plain(value) for key, value in attributes.items()}


def _plain(value: Any) -> Any:
    """Converts a value to a type that the extension takes; other types become text."""
    if value is None:
        return None
    try:
        return convert.plain_value(value)
    except Exception:
        return convert.plain_text(value)
