"""The tracing extension in Python: ``context.tracer``, and what other libraries take for their tracer."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from typing import Any

from . import logs, opentelemetry_api, spans


class Companion:
    """What the host finds of it."""

    def __init__(self, native: Any) -> None:
        self.attributes = {"tracer": functools.partial(spans.Tracer, extension=native)}
        logs.connect(native)
        self._has_opentelemetry = opentelemetry_api.connect(native)
        self._opencensus = _execution_context()
        if self._opencensus:
            spans.currency = OpenCensusCurrency(self._opencensus, spans.currency)
        # A call costs nothing in Python where neither is there.
        if self._has_opentelemetry or self._opencensus:
            self.pre_invocation = self._enter

    def _enter(self, _logger: Any, context: Any, _arguments: Any) -> None:
        tracer = getattr(context, "tracer", None)
        # An extension that comes later may have replaced it.
        if not isinstance(tracer, spans.Tracer):
            return
        if self._opencensus:
            self._opencensus.set_opencensus_tracer(tracer)
            # Nothing is left of the call before on this thread.
            spans.currency.set(None)
        if self._has_opentelemetry:
            opentelemetry_api.enter(tracer)


dock = Companion


class OpenCensusCurrency(spans.Currency):
    """The current span is OpenCensus' as well, whose integrations take it along to threads."""

    def __init__(self, execution_context: Any, other: spans.Currency) -> None:
        self._context = execution_context
        self._other = other

    def get(self) -> Any:
        span = self._other.get()
        return self._context.get_current_span() if span is None else span

    def set(self, span: Any) -> None:
        self._context.set_current_span(span)
        self._other.set(span)

    def foreign(self, span: Any) -> spans.SpanContext | None:
        if not hasattr(span, "context_tracer"):
            return self._other.foreign(span)
        context = getattr(span.context_tracer, "span_context", None)
        if context is None:
            return None
        flags = int(context.trace_options.trace_options_byte)
        return spans.SpanContext(context.trace_id, span.span_id, flags, "")


def _execution_context() -> Any:
    """Where OpenCensus' integrations find their tracer; None without OpenCensus."""
    try:
        found = importlib.util.find_spec("opencensus.trace")
    # Not even the namespace is there.
    except ImportError:
        found = None
    return found and importlib.import_module("opencensus.trace.execution_context")
