"""OpenCensus' integrations on these spans: they get the tracer of the running call."""

from __future__ import annotations

import contextvars
import importlib
import importlib.util
from typing import Any, Callable

from funcdock import companions

from . import current, spans
from .context import SpanContext

#: The call that a thread or a task last ran.
_call: contextvars.ContextVar[str | None] = contextvars.ContextVar("call", default=None)


class CurrentSpan(current.CurrentSpan):
    """Keeps the current span in OpenCensus' context, too, as its integrations copy that to threads."""

    def __init__(self, execution_context: Any, other: current.CurrentSpan) -> None:
        self._context = execution_context
        self._other = other

    def get(self) -> Any:
        self._enter_call()
        span = self._other.get()
        return self._context.get_current_span() if span is None else span

    def set(self, span: Any) -> None:
        self._enter_call()
        self._context.set_current_span(span)
        self._other.set(span)

    def foreign(self, span: Any) -> SpanContext | None:
        if not hasattr(span, "context_tracer"):
            return self._other.foreign(span)
        context = getattr(span.context_tracer, "span_context", None)
        if context is None:
            return None
        flags = int(context.trace_options.trace_options_byte)
        return SpanContext(context.trace_id, span.span_id, flags, "")

    def _enter_call(self) -> None:
        """Removes what the previous call has left on this thread."""
        call = companions.running()
        if call is not None and _call.get() != call.invocation_id:
            _call.set(call.invocation_id)
            self._context.set_current_span(None)


def connect(running: Callable[[], spans.Tracer | None]) -> None:
    """Gives OpenCensus the tracer of the running call, unless the app has set another."""
    # The namespace may exist without it.
    try:
        found = importlib.util.find_spec("opencensus.trace")
    except ImportError:
        found = None
    if not found:
        return
    context: Any = importlib.import_module("opencensus.trace.execution_context")
    idle = importlib.import_module("opencensus.trace.tracers.noop_tracer").NoopTracer
    get = context.get_opencensus_tracer

    def get_opencensus_tracer() -> Any:
        tracer = get()
        return running() or tracer if isinstance(tracer, idle) else tracer

    get_all = context.get_opencensus_full_context

    def get_opencensus_full_context() -> Any:
        _, span, attributes = get_all()
        return get_opencensus_tracer(), span, attributes

    context.get_opencensus_tracer = get_opencensus_tracer
    context.get_opencensus_full_context = get_opencensus_full_context
    current.store = CurrentSpan(context, current.store)
