"""The tracing extension in Python: ``context.tracer``, and what other libraries take for their tracer."""

from __future__ import annotations

import weakref
from typing import Any

from funcdock import companions

from . import logs, opencensus_api, opentelemetry_api, spans


class Companion:
    """What the host finds of it. It has no hooks: all is made when it is asked for."""

    def __init__(self, native: Any) -> None:
        self._native = native
        #: Those that somebody uses, by the ids of their invocations' own spans.
        self._tracers: weakref.WeakValueDictionary[str, spans.Tracer] = weakref.WeakValueDictionary()
        self.attributes = {"tracer": self.tracer}
        logs.connect(native)
        opentelemetry_api.connect(native, self.running)
        opencensus_api.connect(self.running)

    def tracer(self, native: Any) -> spans.Tracer:
        """The one tracer of the invocation whose own span this is."""
        tracer = spans.Tracer(native, self._native)
        return self._tracers.setdefault(tracer.root.span_id, tracer)

    def running(self, call: Any = None) -> spans.Tracer | None:
        """That of this call, or of the one that runs here; None without one."""
        call = call or companions.running()
        native = call and call.attribute("tracer")
        # An extension that comes later may have replaced it.
        return self.tracer(native) if hasattr(native, "identity") else None


dock = Companion
