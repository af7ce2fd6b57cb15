"""Code as OpenCensus' users write it."""

from types import SimpleNamespace


def main(req, context):
    tracer = context.tracer
    own = tracer.current_span()
    assert own.name == "by_opencensus" and repr(own) in repr(tracer)
    own.add_attribute("of.the.invocation", True)
    own.end()
    with tracer.span(name="parent") as parent:
        assert tracer.current_span() is parent
        with parent.span("child") as child:
            assert child.parent_span is parent and child.context_tracer is tracer
            tracer.add_attribute_to_current_span("answer", 42)
        child.add_attribute("too", "late")
    started = tracer.start_span("started")
    started.name = "renamed"
    started.span_kind = 2
    started.add_annotation("half way", bytes=12, ratio=0.5, names=["a", "b"], odd={1: 2})
    started.add_attribute("odd", object())
    started.add_attribute("large", 1 << 70)
    started.set_status(SimpleNamespace(canonical_code=4, description="too slow"))
    tracer.end_span()
    assert tracer.current_span() is own
    tracer.end_span()
    tracer.start_span("finished").span("finished within")
    tracer.finish()
    assert tracer.current_span() is own
    tracer.start_span("left open")
    context_of = tracer.span_context
    headers = tracer.propagator.to_headers(context_of)
    assert headers["traceparent"] == context_of.traceparent
    assert context_of.trace_id in headers["traceparent"] and context_of.span_id in headers["traceparent"]
    assert context_of.trace_options.enabled and context_of.trace_options.get_enabled()
    for wrong in (lambda: started.add_attribute(1, 2), lambda: started.set_status(None)):
        try:
            wrong()
        except TypeError:
            pass
        else:
            raise AssertionError("it should have raised")
    return "done"
