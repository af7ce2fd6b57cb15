"""Lets OpenTelemetry's API in the app go on with the trace of each call, where no extension traces calls.

Spans of the app are children then of the span from which the call came: that of Microsoft's Functions host,
or of an HTTP client.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any, Callable

from . import logs

logger = logging.getLogger("funcdock")

SETTING = "PYTHON_ENABLE_OPENTELEMETRY"

#: Makes the trace of a call the current one, in the context of the call; None if nothing is to be done.
attach: Callable[[Any], None] | None = None


def begin(call: Any) -> None:
    """Begins the context of a call."""
    logs.call.set(call)
    if attach is not None:
        attach(call)


def use_opentelemetry() -> Callable[[Any], None] | None:
    """Has calls go on with their traces from now on; returns :data:`attach`."""
    # An extension that lets function code open spans knows the span of the call, which is the parent then.
    if logs.current_span is None:
        global attach
        attach = _opentelemetry()
    return attach


def _opentelemetry() -> Callable[[Any], None] | None:
    try:
        context: Any = importlib.import_module("opentelemetry.context")
        tracecontext: Any = importlib.import_module("opentelemetry.trace.propagation.tracecontext")
    except ImportError as error:
        logger.warning(
            "%s is on, but OpenTelemetry's API cannot be imported, so spans of the app do not go on with the "
            "traces of calls: install opentelemetry-api in the app's environment (%s)",
            SETTING,
            error,
        )
        return None
    propagator = tracecontext.TraceContextTextMapPropagator()

    def attach(call: Any) -> None:
        trace_parent, trace_state = call.trace_context()
        if trace_parent:
            carrier = {"traceparent": trace_parent, "tracestate": trace_state}
            context.attach(propagator.extract(carrier, context.Context()))

    return attach
