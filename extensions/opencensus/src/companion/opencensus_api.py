"""OpenCensus' integrations on these spans: their tracer is that of the call that runs."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Callable

from . import spans


def connect(running: Callable[[], spans.Tracer | None]) -> None:
    """Has OpenCensus find the tracer of the call that runs, unless the app has set one of its own."""
    # The namespace may be there without it.
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

    context.get_opencensus_tracer = get_opencensus_tracer
