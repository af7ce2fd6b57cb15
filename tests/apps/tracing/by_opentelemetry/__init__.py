"""Uses OpenTelemetry's API, if it is installed."""


def main(req, context):
    from opentelemetry import baggage, trace

    own = trace.get_current_span()
    assert own is context.tracer.current_span(), own
    assert trace.format_trace_id(own.get_span_context().trace_id) == own.trace_id
    tracer = trace.get_tracer("an.app")
    link = trace.Link(own.get_span_context(), {"why": "same"})
    with context.tracer.span("ours") as ours:
        assert trace.get_current_span() is ours
        with tracer.start_as_current_span("theirs", attributes={"a": 1}, links=[link]) as theirs:
            assert context.tracer.current_span() is theirs and theirs.is_recording()
            with context.tracer.span("ours within"):
                pass
            theirs.update_name("renamed")
            theirs.set_status(trace.Status(trace.StatusCode.ERROR, "why"))
        assert trace.get_current_span() is ours
        try:
            with tracer.start_as_current_span("fails"):
                raise ValueError("no luck")
        except ValueError:
            pass
        not_current = tracer.start_span("not current", kind=trace.SpanKind.PRODUCER, start_time=1_000)
        with not_current:
            assert trace.get_current_span() is ours
    remote = trace.SpanContext(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0xF067AA0BA902B7, True, trace.TraceFlags(1))
    elsewhere = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    tracer.start_span("of another service", elsewhere).end()
    assert not trace.get_current_span().is_recording() or trace.get_current_span() is own
    assert baggage.get_baggage("left") is None
    from opentelemetry import context as current

    current.attach(baggage.set_baggage("left", "over"))
    return own.name
