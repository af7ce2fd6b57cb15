"""Sets up OpenTelemetry: spans are printed, one a line, when their batch is full or the worker stops."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable

import azure.functions as func
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator


def one_line(span: ReadableSpan) -> str:
    return f"span {span.to_json(indent=None)}\n"


provider = TracerProvider(resource=Resource.create({"deployment.environment": "test"}))
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(formatter=one_line)))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("own_otel")


@contextmanager
def server_span(context: func.Context) -> Iterator[None]:
    """The span of a call, whose parent is the caller's span."""
    trace_context = context.trace_context
    carrier = {"traceparent": trace_context.Traceparent, "tracestate": trace_context.Tracestate or ""}
    with tracer.start_as_current_span(
        context.function_name,
        context=TraceContextTextMapPropagator().extract(carrier),
        kind=trace.SpanKind.SERVER,
        attributes={"faas.invocation_id": context.invocation_id},
    ):
        yield


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a span of each call of a function that takes the context."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapped(req: func.HttpRequest, context: func.Context) -> Any:
            with server_span(context):
                return await function(req, context)
    else:

        @functools.wraps(function)
        def wrapped(req: func.HttpRequest, context: func.Context) -> Any:
            with server_span(context):
                return function(req, context)

    return wrapped
