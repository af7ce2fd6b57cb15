"""Spans as function code sees them, by OpenCensus' names and OpenTelemetry's.

A new span is the child of the current one.

Tracing must not break a function: what cannot be recorded is logged and ignored. Calls with wrong arguments
raise, as any Python call does.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from funcdock import errors

from . import current
from .context import Identity, NoSampler, Propagator, SpanContext
from .convert import Attribute, plain_attributes, plain_text, status_of


class Tracer:
    """``context.tracer``: opens the spans of one invocation."""

    sampler = NoSampler()
    exporter = None

    def __init__(self, native: Any, extension: Any) -> None:
        #: The invocation's own span.
        self.root = Span(native, None, self, None)
        self.propagator = Propagator(extension, self)
        self._native = native

    def span(self, name: str = "span") -> Span:
        """Starts a child of the current span and makes it current: for ``with``, or until ``end()``."""
        before = current.store.get()
        if before is None or isinstance(before, Span):
            return self._nearest(before).open_within(name, before)
        return self.root.open_within(name, before, current.store.foreign(before))

    start_span = span

    def end_span(self) -> None:
        """Ends the current span; its parent is current again."""
        self.current_span().end()

    def finish(self) -> None:
        """Ends the spans that are open here, except the invocation's own."""
        while (span := self.current_span()) is not self.root:
            span.end()

    def current_span(self) -> Span:
        """The open span: the newest of function code, or the invocation's own."""
        span = current.store.get()
        return self._nearest(span if isinstance(span, Span) else None)

    def _nearest(self, span: Span | None) -> Span:
        # On a pool's thread it may be an ended span of another invocation.
        while span is not None and (span.ended or span.context_tracer is not self):
            span = span.parent_span
        return span or self.root

    @property
    def span_context(self) -> SpanContext:
        """The context of the current span."""
        return self.current_span().span_context

    @property
    def baggage(self) -> dict[str, str]:
        """What the caller sends along for all services that are called."""
        native: dict[str, str] = self._native.baggage
        return native

    def add_attribute_to_current_span(self, attribute_key: str, attribute_value: Attribute) -> None:
        self.current_span().add_attribute(attribute_key, attribute_value)

    def __repr__(self) -> str:
        return f"<Tracer of {self.root!r}>"


class Span:
    """A span: one of function code, or the invocation's own, which starts and ends with it."""

    __slots__ = (
        "__weakref__",
        "_before",
        "_identity",
        "_kind",
        "_name",
        "_native",
        "context_tracer",
        "ended",
        "parent_span",
    )

    def __init__(self, native: Any, name: str | None, tracer: Tracer | None, parent: Span | None) -> None:
        self._native = native
        self._name = name
        self._kind: int | None = None
        self._identity: Identity | None = None
        #: None outside of invocations.
        self.context_tracer = tracer
        self.parent_span = parent
        self.ended = False
        #: The span that is current after the end of this one.
        self._before: Any = parent

    def span(self, name: str = "span") -> Span:
        """Starts a child and makes it current. It ends with the invocation at the latest."""
        return self.open_within(name, current.store.get())

    def open_within(self, name: str, before: Any, foreign: SpanContext | None = None) -> Span:
        """As ``span``, if ``before`` is current; the child's parent is ``foreign``, if given."""
        if foreign is None:
            native = self._native.span(plain_text(name), 0, None, True)
        else:
            native = self._native.span(
                plain_text(name), 0, None, True, foreign.traceparent, foreign.tracestate
            )
        child = Span(native, name, self.context_tracer, self)
        child._become_current(before)
        return child

    def open(self, name: str, kind: int, start_time: int | None) -> Any:
        """Starts a child that does not become current, and does not end with the invocation."""
        return self._native.span(plain_text(name), kind, start_time, False)

    @property
    def name(self) -> str:
        return self._identified().name if self._name is None else self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = str(name)
        self._native.rename(plain_text(name))

    def update_name(self, name: str) -> None:
        self.name = name

    @property
    def span_kind(self) -> int:
        """0 internal, 1 server, 2 client, 3 producer, 4 consumer."""
        return self._identified().kind if self._kind is None else self._kind

    @span_kind.setter
    def span_kind(self, kind: int) -> None:
        self._kind = int(kind)
        self._native.kind(self._kind)

    def add_attribute(self, attribute_key: str, attribute_value: Attribute) -> None:
        """Sets an attribute; one of that name is replaced."""
        if not isinstance(attribute_key, str):
            raise TypeError(f"an attribute's key is a str, not {type(attribute_key).__name__}")
        try:
            self._native.attribute(attribute_key, attribute_value)
        # A type that it does not take, a lone surrogate, a list that contains itself.
        except Exception:
            for key, value in plain_attributes({attribute_key: attribute_value}).items():
                self._native.attribute(key, value)

    set_attribute = add_attribute

    def set_attributes(self, attributes: Mapping[str, Attribute]) -> None:
        for key, value in attributes.items():
            self.add_attribute(key, value)

    def add_annotation(self, description: str, **attributes: Attribute) -> None:
        """Adds an event now, with attributes."""
        self.add_event(description, attributes)

    def add_event(
        self, name: str, attributes: Mapping[str, Attribute] | None = None, timestamp: int | None = None
    ) -> None:
        """Adds an event; ``timestamp`` in nanoseconds since 1970, now by default."""
        self._native.event(plain_text(name), plain_attributes(attributes), timestamp)

    def add_link(self, context: Any, attributes: Mapping[str, Attribute] | None = None) -> None:
        """Links another span: its context, or an OpenCensus ``Link``."""
        attributes = attributes or getattr(context, "attributes", None)
        trace_id, span_id = (
            f"{value:0{digits}x}" if isinstance(value, int) else str(value)
            for value, digits in ((context.trace_id, 32), (context.span_id, 16))
        )
        # OpenTelemetry ignores links to no span, too.
        if trace_id.strip("0") and span_id.strip("0"):
            self._native.link(trace_id, span_id, plain_attributes(attributes))

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Sets the status.

        ``"ok"``, ``"error"`` or ``"unset"``; a canonical code of OpenCensus, of which 0 is ok and all others
        are errors; a status of OpenCensus or of OpenTelemetry.
        """
        code, own_description = status_of(status)
        self._native.status(code, plain_text(description or own_description or ""))

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Attribute] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Adds an event for an exception, and does not change the status."""
        type_name, message, traceback = errors.describe(exception)
        event = {"exception.type": type_name, "exception.message": message, "exception.stacktrace": traceback}
        if escaped:
            event["exception.escaped"] = "True"
        self.add_event("exception", {**event, **(attributes or {})}, timestamp)

    @property
    def span_context(self) -> SpanContext:
        """What another service needs to continue the trace."""
        own = self._identified()
        return SpanContext(own.trace_id, own.span_id, own.flags, own.tracestate, self._native)

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return self._identified().trace_id

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits."""
        return self._identified().span_id

    def is_recording(self) -> bool:
        """Whether changes to the span are exported."""
        return not self.ended and self._identified().is_recorded

    def is_open(self) -> bool:
        """Whether it has not ended, by itself or with its invocation."""
        return not self.ended and (not self.is_recording() or bool(self._native.open))

    def get_span_context(self) -> Any:
        """OpenTelemetry's context of the span; needs its API."""
        from .opentelemetry_api import span_context

        own = self._identified()
        return span_context(own.trace_id, own.span_id, own.flags, own.tracestate)

    @property
    def context(self) -> Any:
        """As ``get_span_context()``: the SDK's spans have it, and packages rely on that."""
        return self.get_span_context()

    @property
    def kind(self) -> Any:
        """``span_kind`` as OpenTelemetry's ``SpanKind``, as the SDK's spans have it; needs its API."""
        from .opentelemetry_api import span_kind

        return span_kind(self.span_kind)

    def start(self) -> None:
        """Restarts the span now, and makes it current."""
        if not self.ended and self is not self._root():
            self._native.restart()
            self._become_current(current.store.get())

    def _become_current(self, before: Any) -> None:
        # A span of another call, left on this thread, must not be kept.
        is_stray = isinstance(before, Span) and before.context_tracer is not self.context_tracer
        self._before = None if is_stray else before
        current.store.set(self)

    def end(self, end_time: int | None = None) -> None:
        """Ends the span, at ``end_time`` in nanoseconds since 1970, or now. Ending it twice does nothing."""
        if self.ended or self is self._root():
            return
        self.ended = True
        self._native.end(end_time)
        if current.store.get() is self:
            before = self._before
            while isinstance(before, Span) and before.ended:
                before = before.parent_span
            current.store.set(before)

    finish = end

    def __enter__(self) -> Span:
        if current.store.get() is not self:
            self.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # ShutdownSignal a generator is not a failure.
        if exception is not None and not isinstance(exception, GeneratorExit):
            self._native.raised(*map(plain_text, errors.describe(exception)))
        self.end()

    def __repr__(self) -> str:
        return f"<Span {self.name!r} {self.span_id} of trace {self.trace_id}>"

    def _root(self) -> Span | None:
        return None if self.context_tracer is None else self.context_tracer.root

    def _identified(self) -> Identity:
        if self._identity is None:
            self._identity = Identity(*self._native.identity())
        return self._identity
