"""What other services need to know of a span: its context, and the headers of outgoing calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Identity(NamedTuple):
    """The constant parts of a span."""

    trace_id: str
    span_id: str
    flags: int
    tracestate: str
    is_recorded: bool
    #: The first name.
    name: str
    #: The first kind, as in ``span_kind``.
    kind: int


class TraceOptions:
    """Whether the trace is sampled, in OpenCensus' form."""

    def __init__(self, flags: int) -> None:
        self.trace_options_byte = str(flags)
        self.enabled = bool(flags & 1)

    def get_enabled(self) -> bool:
        return self.enabled


class SpanContext:
    """A span as other services know it."""

    def __init__(self, trace_id: str, span_id: str, flags: int, tracestate: str, native: Any = None) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.trace_options = TraceOptions(flags)
        self.tracestate = tracestate
        #: The extension's object, if the span is one of ours.
        self.native = native

    @property
    def traceparent(self) -> str:
        """The W3C header."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.trace_options.trace_options_byte):02x}"

    def __repr__(self) -> str:
        return f"<SpanContext {self.traceparent}>"


class Propagator:
    """``tracer.propagator``: the headers of outgoing calls, in the formats that the settings name."""

    def __init__(self, extension: Any, tracer: Any) -> None:
        self._extension = extension
        self._tracer = tracer

    def to_headers(self, span_context: Any = None) -> dict[str, str]:
        """The headers of a call within this span, the current one by default."""
        context = span_context or self._tracer.span_context
        native = getattr(context, "native", None)
        if native is not None:
            headers: dict[str, str] = native.headers()
        else:
            # A span of another service, or one that OpenCensus made.
            flags = int(context.trace_options.trace_options_byte)
            traceparent = f"00-{context.trace_id}-{context.span_id}-{flags:02x}"
            headers = self._extension.inject(traceparent, str(context.tracestate or ""))
        return headers

    def from_headers(self, headers: Mapping[str, str]) -> SpanContext | None:
        """The span that these headers name, if any."""
        found = self._extension.extract(dict(headers))
        return found and SpanContext(*found)


class NoSampler:
    """The sampler of tracers that OpenCensus makes from ours.

    Its integration of ``threading`` makes one for each task of a pool, which would export its spans itself.
    Calls to other services continue the trace in any case.
    """

    def should_sample(self, _context: Any) -> bool:
        return False
