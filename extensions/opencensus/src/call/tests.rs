//! Parentage, nesting, and outcomes, as an exporter gets them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, UNIX_EPOCH};

use funcdock_telemetry::export::{Batch, Delivery, ExportError, Exporter, ShutdownSignal};
use funcdock_telemetry::propagation::parse_traceparent;
use funcdock_telemetry::sampling::Sampler;
use funcdock_telemetry::settings::Batching;
use funcdock_telemetry::signal::Signal;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span as Encoded, SpanFlags};

use super::*;
use crate::testing::{HELLO, caller};

mod outcomes;

/// The default limit of attributes and of events.
const LIMIT: usize = 128;
const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const RETURNED: CallEnd<'_> = CallEnd {
    is_cold: false,
    invocation_id: "an-id",
    retry: 0,
    waited: Duration::ZERO,
    request: None,
    kind: OutcomeKind::Returned,
    http_status: Some(200),
    exception: None,
    extension: None,
};

/// A span of function code.
fn inner_of(call: &Call, parent: &Span, name: &str) -> Arc<Span> {
    call.open_span(name.to_owned(), SpanKind::Internal, parent.context(), true)
}

/// An exporter that sends its spans to the test.
struct ToTest(Sender<Encoded>);

impl Exporter for ToTest {
    fn export(&mut self, batch: &Batch, _: &ShutdownSignal) -> Result<Delivery, ExportError> {
        for span in batch.spans().expect("protobuf") {
            self.0.send(span).expect("the test waits");
        }
        Ok(Delivery::default())
    }
}

struct Fixture {
    pipeline: Arc<Pipeline>,
    exported: Receiver<Encoded>,
}

impl Fixture {
    fn new() -> Self {
        let batching = Batching {
            queue: 1024,
            queue_bytes: 1 << 20,
            batch: 512,
            delay: Duration::from_secs(3600),
        };
        let (sender, exported) = channel();
        let pipeline = Pipeline::to(Signal::Traces, ToTest(sender), "a test", batching).expect("a thread");
        Fixture {
            pipeline: Arc::new(pipeline),
            exported,
        }
    }

    fn call(&self, traceparent: &str, tracestate: &str) -> Call {
        let caller = caller(&[("traceparent", traceparent), ("tracestate", tracestate)]);
        let context = caller.begin(&Sampler::default());
        Call::start(Arc::clone(&self.pipeline), &HELLO, context, caller)
    }

    /// The spans, in the order in which they ended. No more are taken.
    fn ended(&self) -> Vec<Encoded> {
        let shutdown = self.pipeline.shutdown(Duration::from_secs(20));
        shutdown.expect("nothing hinders the exporter");
        self.exported.try_iter().collect()
    }
}

fn attribute<'a>(span: &'a Encoded, key: &str) -> Option<&'a Value> {
    let pair = span.attributes.iter().find(|pair| pair.key == key)?;
    pair.value.as_ref()?.value.as_ref()
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

/// Code and description.
fn status(span: &Encoded) -> (StatusCode, &str) {
    let status = span.status.as_ref().expect("every span has one");
    (status.code(), &status.message)
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
        fixture.call(traceparent, "").finish(&RETURNED, SystemTime::now());
        let [span] = fixture.ended().try_into().expect("one span");
        let caller = parse_traceparent(CALLER).expect("valid");
        let of_caller = (caller.trace_id().to_bytes(), caller.span_id().to_bytes());
        assert_eq!(span.trace_id == of_caller.0, is_child, "{reason}");
        assert_eq!(span.parent_span_id == of_caller.1, is_child, "{reason}");
        assert_eq!(span.parent_span_id.is_empty(), !is_child, "{reason}");
        let parent_is_remote = span.flags & SpanFlags::ContextIsRemoteMask as u32 != 0;
        assert_eq!(parent_is_remote, is_child, "{reason}");
        assert!(span.flags & 1 == 1, "{reason}: sampled");
        assert!(span.trace_id.iter().any(|byte| *byte != 0), "{reason}: valid");
        assert_ne!(span.span_id, of_caller.1, "{reason}");
        assert_eq!(span.kind(), Kind::Server, "{reason}");
        assert_eq!(span.name, "hello", "{reason}");
    }
}

#[test]
fn what_the_caller_does_not_sample_is_passed_on_and_not_exported() {
    let fixture = Fixture::new();
    let call = fixture.call(CALLER.replace("-01", "-00").as_str(), "congo=t61");
    let inner = inner_of(&call, call.invocation(), "inner");
    inner.set_attribute("a", 1.into());
    let context = inner.context();
    assert_eq!(context.trace_id(), call.invocation().context().trace_id());
    assert_eq!(context.trace_state().header(), "congo=t61");
    assert!(!context.is_sampled());
    call.end_span(&inner, SystemTime::now());
    call.finish(&RETURNED, SystemTime::now());
    assert_eq!(fixture.ended(), []);
}

#[test]
fn spans_nest_and_end_in_any_order() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    let outer = inner_of(&call, call.invocation(), "outer");
    let inner = inner_of(&call, &outer, "inner");
    call.end_span(&outer, SystemTime::now());
    call.end_span(&inner, SystemTime::now());
    call.end_span(&inner, SystemTime::now());
    call.finish(&RETURNED, SystemTime::now());

    let spans = fixture.ended();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["outer", "inner", "hello"], "once each");
    assert_eq!(spans[1].parent_span_id, spans[0].span_id);
    assert_eq!(spans[0].parent_span_id, spans[2].span_id);
}

#[test]
fn what_is_left_open_ends_with_the_invocation() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    let outer = inner_of(&call, call.invocation(), "outer");
    let inner = inner_of(&call, &outer, "inner");
    call.finish(&RETURNED, SystemTime::now());
    inner.set_attribute("too", "late".into());
    inner.start_at(Some(SystemTime::now()));
    call.end_span(&inner, SystemTime::now());

    let spans = fixture.ended();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        names,
        ["inner", "outer", "hello"],
        "the inner one first, each once"
    );
    assert_eq!(spans[0].attributes, [], "nothing is added after the end");
    assert_eq!(spans[0].end_time_unix_nano, spans[2].end_time_unix_nano);
}

#[test]
fn what_is_not_bound_outlives_the_invocation() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    let span = call.open_span(
        "task".to_owned(),
        SpanKind::Client,
        call.invocation().context(),
        false,
    );
    call.finish(&RETURNED, SystemTime::now());
    let later = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    call.end_span(&span, later);
    let spans = fixture.ended();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["hello", "task"]);
    assert_eq!(spans[1].kind(), Kind::Client);
    assert_eq!(spans[1].end_time_unix_nano, 4_000_000_000_000_000_000);
}

#[test]
fn names_kinds_and_times_can_change() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    let span = inner_of(&call, call.invocation(), "GET");
    span.rename("/users".to_owned());
    span.set_kind(SpanKind::Client);
    span.start_at(Some(UNIX_EPOCH + Duration::from_nanos(7)));
    span.start_at(None);
    call.end_span(&span, UNIX_EPOCH + Duration::from_nanos(9));
    span.rename("too late".to_owned());
    call.finish(&RETURNED, SystemTime::now());
    let spans = fixture.ended();
    assert_eq!(
        (spans[0].name.as_str(), spans[0].kind()),
        ("/users", Kind::Client)
    );
    assert_eq!(
        (spans[0].start_time_unix_nano, spans[0].end_time_unix_nano),
        (7, 9)
    );
}

#[test]
fn attributes_replace_and_stop_at_the_limit() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    let span = call.invocation();
    span.set_attribute("a", 1.into());
    span.set_attribute("a", 2.into());
    span.set_attribute("faas.name", "mine".into());
    for index in 0..LIMIT {
        span.set_attribute(format!("a{index}"), true.into());
        span.add_event("e", Vec::new(), None);
    }
    span.add_event("one too many", Vec::new(), None);
    call.finish(&RETURNED, SystemTime::now());
    let [span] = fixture.ended().try_into().expect("one span");
    assert_eq!(attribute(&span, "a"), Some(&Value::IntValue(2)));
    let named: Vec<_> = span
        .attributes
        .iter()
        .filter(|pair| pair.key == "faas.name")
        .collect();
    assert_eq!(named.len(), 1, "function code's own replaces ours");
    assert_eq!(attribute(&span, "faas.name"), Some(&text("mine")));
    assert_eq!(
        attribute(&span, "http.response.status_code"),
        Some(&Value::IntValue(200))
    );
    // Ours: trigger, invocation_id, coldstart, status_code. The function's: a, faas.name and a0 to a127.
    assert_eq!(span.attributes.len(), LIMIT);
    assert_eq!(span.dropped_attributes_count as usize, 4 + 2 + LIMIT - LIMIT);
    assert_eq!((span.events.len(), span.dropped_events_count), (LIMIT, 1));
}
