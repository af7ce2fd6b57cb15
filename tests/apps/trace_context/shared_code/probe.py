"""Returns what a function sees of its trace, and the headers it would send to others."""

import json


def main(req, context):
    trace = context.trace_context
    seen = {"traceparent": trace.trace_parent, "tracestate": trace.trace_state}
    tracer = getattr(context, "tracer", None)
    if tracer is not None:
        seen["span_context"] = tracer.span_context.traceparent
        seen["headers"] = tracer.propagator.to_headers()
        seen["baggage"] = tracer.baggage
        with tracer.span("inner") as span:
            span.add_attribute("key", "value")
            seen["inner"] = tracer.propagator.to_headers()
    return json.dumps(seen)
