"""The tracing extension in Python: ``context.tracer``, and its connections to other libraries."""

from __future__ import annotations

import os
import weakref
from typing import Any

from funcdock import companions

from . import logs, opencensus_api, opentelemetry_api, spans


class Companion:
    """What the host gets. It has no hooks: tracers are made when they are first used."""

    def __init__(self, native: Any) -> None:
        self._native = native
        #: The tracers in use, by the ids of their invocations' own spans.
        self._tracers: weakref.WeakValueDictionary[str, spans.Tracer] = weakref.WeakValueDictionary()
        self.attributes = {"tracer": self.tracer}
        os.register_at_fork(after_in_child=native.enter_forked_child)
        logs.connect(native)
        opentelemetry_api.connect(native, self.running)
        opencensus_api.connect(self.running)

    def tracer(self, native: Any) -> spans.Tracer:
        """The tracer of the invocation whose own span this is: always the same."""
        tracer = spans.Tracer(native, self._native)
        return self._tracers.setdefault(tracer.root.span_id, tracer)

    def running(self, call: Any = None) -> spans.Tracer | None:
        """The tracer of this call, or of the running one; None without a call."""
        call = call or companions.running()
        native = call and call.attribute("tracer")
        # A later extension may have replaced it.
        return self.tracer(native) if hasattr(native, "identity") else None


dock = Companion
