//! Parentage, nesting, and what outcomes leave on spans, seen through the SDK's in-memory exporter.

use std::time::Duration;

use opentelemetry::Value;
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::InMemorySpanExporter;

use super::*;
use crate::parent;
use crate::settings::Batching;
use crate::span::LIMIT;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const RETURNED: Ending<'_> = Ending {
    kind: OutcomeKind::Returned,
    http_status: Some(200),
    raised: None,
    extension: None,
};

struct Fixture {
    pipeline: Arc<Pipeline>,
    exporter: InMemorySpanExporter,
}

impl Fixture {
    fn new() -> Self {
        let exporter = InMemorySpanExporter::default();
        let batching = Batching {
            queue: 1024,
            batch: 512,
            delay: Duration::from_secs(3600),
        };
        let resource = Resource::builder_empty().build();
        let pipeline = Pipeline::to(exporter.clone(), "memory", &resource, batching);
        Fixture {
            pipeline: Arc::new(pipeline),
            exporter,
        }
    }

    fn call(&self, traceparent: &str, tracestate: &str) -> Call {
        let caller = parent::parse(traceparent, tracestate);
        Call::start(Arc::clone(&self.pipeline), "hello", caller.as_ref(), Vec::new)
    }

    /// The spans so far, in the order in which they ended.
    fn ended(&self) -> Vec<SpanData> {
        self.pipeline.flush();
        self.exporter.get_finished_spans().expect("no thread panicked")
    }
}

fn attribute<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
    let pair = span.attributes.iter().find(|pair| pair.key.as_str() == key);
    pair.map(|pair| &pair.value)
}

#[test]
fn the_invocation_is_a_child_of_its_caller() {
    let malformed = CALLER.to_uppercase();
    let cases = [
        (CALLER, true, "a caller"),
        ("", false, "no caller"),
        (malformed.as_str(), false, "a malformed caller"),
    ];
    for (traceparent, is_child, reason) in cases {
        let fixture = Fixture::new();
        fixture.call(traceparent, "").finish(&RETURNED);
        let [span] = fixture.ended().try_into().expect("one span");
        let caller = parent::parse(CALLER, "").expect("valid");
        let context = &span.span_context;
        assert_eq!(context.trace_id() == caller.trace_id(), is_child, "{reason}");
        assert_eq!(span.parent_span_id == caller.span_id(), is_child, "{reason}");
        assert_eq!(span.parent_span_id == SpanId::INVALID, !is_child, "{reason}");
        assert_eq!(span.parent_span_is_remote, is_child, "{reason}");
        assert!(context.is_valid() && context.is_sampled(), "{reason}");
        assert_ne!(context.span_id(), caller.span_id(), "{reason}");
        assert_eq!(span.span_kind, SpanKind::Server, "{reason}");
        assert_eq!(span.name, "hello", "{reason}");
    }
}

#[test]
fn what_the_caller_does_not_sample_is_passed_on_and_not_exported() {
    let fixture = Fixture::new();
    let call = fixture.call(CALLER.replace("-01", "-00").as_str(), "congo=t61");
    let inner = call.open_span("inner".to_owned(), call.invocation());
    inner.set_attribute("a", 1.into());
    let context = inner.context();
    assert_eq!(context.trace_id(), call.invocation().context().trace_id());
    assert_eq!(context.trace_state().header(), "congo=t61");
    assert!(!context.is_sampled());
    call.end_span(&inner);
    call.finish(&RETURNED);
    assert_eq!(fixture.ended(), []);
}

#[test]
fn spans_nest_and_end_in_any_order() {
    let fixture = Fixture::new();
    let call = fixture.call(CALLER, "congo=t61");
    let current = |call: &Call| call.current().map(|span| span.name().to_owned());
    let outer = call.open_span("outer".to_owned(), call.invocation());
    let inner = call.open_span("inner".to_owned(), &call.current().expect("outer is open"));
    call.end_span(&outer);
    assert_eq!(
        current(&call).as_deref(),
        Some("inner"),
        "a span may outlive its parent"
    );
    call.end_span(&inner);
    call.end_span(&inner);
    assert_eq!(current(&call), None);
    call.finish(&RETURNED);

    let [outer, inner, invocation] = fixture.ended().try_into().expect("three spans, each once");
    let names = [&outer, &inner, &invocation].map(|span| span.name.clone());
    assert_eq!(names, ["outer", "inner", "hello"]);
    assert_eq!(outer.parent_span_id, invocation.span_context.span_id());
    assert_eq!(inner.parent_span_id, outer.span_context.span_id());
    for span in [outer, inner] {
        assert_eq!(span.span_context.trace_id(), invocation.span_context.trace_id());
        assert_eq!(span.span_context.trace_state().header(), "congo=t61");
        assert_eq!(span.span_kind, SpanKind::Internal);
        assert!(!span.parent_span_is_remote);
        assert!(span.start_time >= invocation.start_time && span.end_time <= invocation.end_time);
    }
}

#[test]
fn what_is_left_open_ends_with_the_invocation() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    let outer = call.open_span("outer".to_owned(), call.invocation());
    let inner = call.open_span("inner".to_owned(), &outer);
    call.finish(&RETURNED);
    inner.set_attribute("too", "late".into());
    call.restart(&inner);
    call.end_span(&inner);

    let spans = fixture.ended();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(
        names,
        ["inner", "outer", "hello"],
        "the inner one first, each once"
    );
    assert_eq!(spans[0].attributes, [], "nothing is added after the end");
    assert_eq!(spans[0].end_time, spans[2].end_time);
}

#[test]
fn a_with_block_starts_its_span_anew() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    let first = call.open_span("first".to_owned(), call.invocation());
    let _second = call.open_span("second".to_owned(), call.invocation());
    let before = SystemTime::now();
    call.restart(&first);
    let current = call.current().expect("two are open");
    assert!(Arc::ptr_eq(&current, &first), "it is current again");
    call.end_span(&first);
    assert!(fixture.ended()[0].start_time >= before);
}

#[test]
fn an_exception_is_an_event_and_a_status() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    let span = call.open_span("work".to_owned(), call.invocation());
    let raised = Raised {
        type_name: "ValueError",
        message: "no",
        traceback: "Traceback …",
    };
    span.record(&raised);
    call.end_span(&span);
    call.finish(&Ending {
        kind: OutcomeKind::Raised,
        http_status: Some(500),
        raised: Some(raised),
        extension: None,
    });
    let spans = fixture.ended();
    assert_eq!(spans.len(), 2);
    for span in &spans {
        assert_eq!(span.status, Status::error("ValueError: no"), "{}", span.name);
        assert_eq!(
            attribute(span, "error.type"),
            Some(&"ValueError".into()),
            "{}",
            span.name
        );
        let [event] = &span.events[..] else {
            panic!("{}: one event", span.name);
        };
        assert_eq!(event.name, "exception");
        let expected = [
            KeyValue::new("exception.type", "ValueError"),
            KeyValue::new("exception.message", "no"),
            KeyValue::new("exception.stacktrace", "Traceback …"),
        ];
        assert_eq!(event.attributes, expected);
    }
    assert_eq!(
        attribute(&spans[1], "http.response.status_code"),
        Some(&500.into())
    );
}

#[test]
fn outcomes() {
    let error = Status::error("");
    let cases = [
        (OutcomeKind::Returned, Some(200), None, Status::Unset, "success"),
        (
            OutcomeKind::Returned,
            Some(404),
            None,
            Status::Unset,
            "the client's fault",
        ),
        (
            OutcomeKind::Returned,
            Some(503),
            Some("503"),
            error.clone(),
            "the server's fault",
        ),
        (OutcomeKind::Returned, None, None, Status::Unset, "not HTTP"),
        (
            OutcomeKind::Answered,
            Some(429),
            None,
            Status::Unset,
            "an extension answered",
        ),
        (
            OutcomeKind::Refused,
            Some(500),
            Some("refused"),
            error.clone(),
            "an extension refused",
        ),
        (
            OutcomeKind::TimedOut,
            Some(500),
            Some("timeout"),
            error.clone(),
            "too slow",
        ),
        (
            OutcomeKind::Cancelled,
            None,
            Some("cancelled"),
            error.clone(),
            "the worker stopped",
        ),
        (
            OutcomeKind::Raised,
            Some(500),
            Some("_OTHER"),
            error,
            "raised what nobody described",
        ),
    ];
    for (kind, http_status, error_type, status, reason) in cases {
        let fixture = Fixture::new();
        fixture.call("", "").finish(&Ending {
            kind,
            http_status,
            ..RETURNED
        });
        let [span] = fixture.ended().try_into().expect("one span");
        let error_type = error_type.map(Value::from);
        assert_eq!(attribute(&span, "error.type"), error_type.as_ref(), "{reason}");
        assert_eq!(span.status, status, "{reason}");
        let code = http_status.map(|status| Value::from(i64::from(status)));
        assert_eq!(
            attribute(&span, "http.response.status_code"),
            code.as_ref(),
            "{reason}"
        );
    }
}

#[test]
fn attributes_replace_and_stop_at_the_limit() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    let span = call.invocation();
    span.set_attribute("a", 1.into());
    span.set_attribute("a", 2.into());
    for index in 0..LIMIT {
        span.set_attribute(format!("a{index}"), true.into());
        span.add_event("e", Vec::new());
    }
    span.add_event("one too many", Vec::new());
    call.finish(&Ending {
        http_status: None,
        ..RETURNED
    });
    let [span] = fixture.ended().try_into().expect("one span");
    assert_eq!(attribute(&span, "a"), Some(&2.into()));
    assert_eq!((span.attributes.len(), span.dropped_attributes_count), (LIMIT, 1));
    assert_eq!((span.events.len(), span.events.dropped_count), (LIMIT, 1));
}

#[test]
fn ok_is_final() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    call.invocation().set_status(Status::Ok);
    call.finish(&Ending {
        http_status: Some(500),
        ..RETURNED
    });
    assert_eq!(fixture.ended()[0].status, Status::Ok);
}
