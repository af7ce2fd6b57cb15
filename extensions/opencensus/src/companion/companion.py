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
        # A call costs nothing in Python where neither is there.
        if self._has_opentelemetry or self._opencensus:
            self.pre_invocation = self._enter

    def _enter(self, _logger: Any, context: Any, _arguments: Any) -> None:
        tracer = getattr(context, "tracer", None)
        # An extension that comes later may have replaced it.
        if not isinstance(tracer, spans.Tracer):
            return
        if self._has_opentelemetry:
            opentelemetry_api.enter(tracer)
        if self._opencensus:
            self._opencensus.set_opencensus_tracer(tracer)


dock = Companion


def _execution_context() -> Any:
    """Where OpenCensus' integrations find their tracer; None without OpenCensus."""
    try:
        found = importlib.util.find_spec("opencensus.trace")
    # Not even the namespace is there.
    except ImportError:
        found = None
    return found and importlib.import_module("opencensus.trace.execution_context")
