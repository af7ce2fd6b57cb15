"""OpenTelemetry's API on these spans: ``get_current_span()``, ``get_tracer()``, and instrumenting packages.

Does nothing without opentelemetry-api in the app's environment.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable

from funcdock import companions

from . import current, spans
from .context import SpanContext

logger = logging.getLogger("funcdock.opencensus")

#: The entry points of packages that instrument libraries, by OpenTelemetry's convention.
INSTRUMENTORS = "opentelemetry_instrumentor"

#: Names of such packages that are not used, with commas between.
DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


class Span(spans.Span):
    """A span from OpenTelemetry's API, which does not become current by being started."""

    __slots__ = ()

    def __enter__(self) -> Span:
        return self


class CurrentSpan(current.CurrentSpan):
    """Keeps the current span in OpenTelemetry's context, so that all see the same."""

    def get(self) -> Any:
        span = trace.get_current_span()
        return None if span is trace.INVALID_SPAN else span

    def set(self, span: Any) -> None:
        context.attach(trace.set_span_in_context(trace.INVALID_SPAN if span is None else span))

    def foreign(self, span: Any) -> SpanContext | None:
        known = span.get_span_context()
        if not known.is_valid:
            return None
        trace_id, span_id = f"{known.trace_id:032x}", f"{known.span_id:016x}"
        return SpanContext(trace_id, span_id, int(known.trace_flags), known.trace_state.to_header())


class Tracer:
    """What ``get_tracer()`` returns."""

    def __init__(self, native: Any) -> None:
        self._native = native

    def start_span(
        self,
        name: str,
        context: Any = None,
        kind: Any = None,
        attributes: Mapping[str, Any] | None = None,
        links: Iterable[Any] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        """Starts a child of the context's span, which may be one of another service; or a root."""
        number = 0 if kind is None else kind.value
        parent = trace.get_current_span(context)
        if isinstance(parent, spans.Span):
            span = Span(parent.open(name, number, start_time), name, parent.context_tracer, parent)
        else:
            remote = current.store.foreign(parent)
            headers = () if remote is None else (remote.traceparent, remote.tracestate)
            native = self._native.span(str(name), number, start_time, *headers)
            span = Span(native, name, None, None)
        span.set_attributes(attributes or {})
        for link in links or ():
            span.add_link(link.context, link.attributes)
        return span

    @contextlib.contextmanager
    def start_as_current_span(
        self,
        name: str,
        *arguments: Any,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
        **options: Any,
    ) -> Iterator[Span]:
        """As ``start_span``, for ``with``: the span is current in the block."""
        span = self.start_span(name, *arguments, **options)
        with trace.use_span(span, end_on_exit, record_exception, set_status_on_exception):
            yield span


class TracerProvider:
    """What ``get_tracer_provider()`` returns, unless the app has set another."""

    def __init__(self, native: Any) -> None:
        self._tracer = Tracer(native)

    def get_tracer(self, *_: Any, **__: Any) -> Tracer:
        """The same tracer for all instrumented libraries."""
        return self._tracer


class RuntimeContext:
    """OpenTelemetry's context. The first one of a call has the call's own span."""

    #: The key of the call that a context belongs to.
    CALL = "funcdock-call"

    def __init__(self, kept: Any, running: Callable[[Any], spans.Tracer | None]) -> None:
        self._kept = kept
        self._running = running

    def get_current(self) -> Any:
        kept = self._kept.get_current()
        call = companions.running()
        if call is None or kept.get(self.CALL) == call.invocation_id:
            return kept
        tracer = self._running(call)
        if tracer is None:
            return kept
        # Without anything from the previous call on this thread.
        first = trace.set_span_in_context(tracer.root, context.Context({self.CALL: call.invocation_id}))
        for key, value in tracer.baggage.items():
            first = baggage.set_baggage(key, value, first)
        self._kept.attach(first)
        return first

    def attach(self, context: Any) -> Any:
        return self._kept.attach(context)

    def detach(self, token: Any) -> None:
        self._kept.detach(token)


def connect(native: Any, running: Callable[[Any], spans.Tracer | None]) -> None:
    """Connects these spans to OpenTelemetry's API, if it is installed."""
    global baggage, context, trace
    try:
        baggage = importlib.import_module("opentelemetry.baggage")
        context = importlib.import_module("opentelemetry.context")
        trace = importlib.import_module("opentelemetry.trace")
    except ImportError:
        return
    # The API checks with isinstance.
    trace.Span.register(spans.Span)
    trace.Tracer.register(Tracer)
    trace.TracerProvider.register(TracerProvider)
    context._RUNTIME_CONTEXT = RuntimeContext(context._RUNTIME_CONTEXT, running)
    current.store = CurrentSpan()
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(TracerProvider(native))
        if native.instrument:
            _instrument()


def span_context(trace_id: str, span_id: str, flags: int, tracestate: str) -> Any:
    """OpenTelemetry's context of a span."""
    return trace.SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=False,
        trace_flags=trace.TraceFlags(flags),
        trace_state=trace.TraceState.from_header([tracestate] if tracestate else []),
    )


def span_kind(number: int) -> Any:
    """OpenTelemetry's kind of span."""
    return trace.SpanKind(number)


def _instrument() -> None:
    """Lets the installed packages instrument their libraries."""
    disabled = {name.strip() for name in os.environ.get(DISABLED, "").split(",")}
    for entry_point in _entry_points():
        if entry_point.name in disabled or "*" in disabled:
            continue
        try:
            instrumentor = entry_point.load()()
            if not instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.instrument(raise_exception_on_conflict=True)
        except ModuleNotFoundError as error:
            # The library is missing, and the package imports it.
            logger.debug("%s instruments nothing: %s", entry_point.name, error)
        # Any error costs only the spans of one library.
        except Exception as error:
            if type(error).__name__ == "DependencyConflictError":
                # The library is missing or too old.
                logger.debug("%s instruments nothing: %s", entry_point.name, error)
            else:
                logger.exception("%s cannot instrument its library", entry_point.name)


def _entry_points() -> Iterable[importlib.metadata.EntryPoint]:
    try:
        return importlib.metadata.entry_points(group=INSTRUMENTORS)
    # Python 3.9 has a dict of them.
    except TypeError:
        found: Any = importlib.metadata.entry_points()
        entry_points: Iterable[importlib.metadata.EntryPoint] = found.get(INSTRUMENTORS, ())
        return entry_points


baggage: Any = None
context: Any = None
trace: Any = None
