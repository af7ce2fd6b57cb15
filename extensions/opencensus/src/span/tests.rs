//! Tests of `span.rs`.

use std::time::Duration;

use opentelemetry::{Array, InstrumentationScope};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span as Encoded};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use prost::Message;

use super::*;
use crate::parent;

/// What opentelemetry-proto makes of the same span.
fn reference(span: &Span, record: &Record, end: SystemTime, told: Vec<KeyValue>) -> Encoded {
    let mut events = SpanEvents::default();
    events.events = record.events.clone();
    events.dropped_count = record.dropped_events as u32;
    Encoded::from(SpanData {
        span_context: span.context.clone(),
        parent_span_id: span.parent.map_or(SpanId::INVALID, |parent| parent.id),
        parent_span_is_remote: span.parent.is_some_and(|parent| parent.is_remote),
        span_kind: span.kind.clone(),
        name: span.name.clone(),
        start_time: record.start,
        end_time: end,
        attributes: [told, record.attributes.clone()].concat(),
        dropped_attributes_count: record.dropped_attributes as u32,
        events,
        links: SpanLinks::default(),
        status: record.status.clone(),
        instrumentation_scope: InstrumentationScope::default(),
    })
}

#[test]
fn encoded_as_opentelemetry_does() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
    let texts = |length: usize| Value::Array(Array::String(vec!["t".repeat(length).into(), "".into()]));
    let values = [
        ("empty", "".into()),
        ("text", "é".repeat(100).into()),
        ("no", false.into()),
        ("yes", true.into()),
        ("negative", Value::I64(-1)),
        ("zero", Value::I64(0)),
        ("float", Value::F64(-0.5)),
        ("texts", texts(300)),
        ("bools", Value::Array(Array::Bool(vec![true, false]))),
        ("ints", Value::Array(Array::I64(vec![0, i64::MIN, i64::MAX]))),
        ("floats", Value::Array(Array::F64(vec![0.0, f64::MAX]))),
        ("nothing", Value::Array(Array::I64(Vec::new()))),
    ];
    let values = values.map(|(key, value)| KeyValue::new(key, value));
    let event = |name: &str| Event::new(name.to_owned(), start, values[..4].to_vec(), 0);
    let full = Record {
        attributes: values.to_vec(),
        dropped_attributes: 3,
        events: vec![event(""), event(&"e".repeat(20_000))],
        dropped_events: 300,
        status: Status::error("why"),
        ..Record::starting(start, Limits::default())
    };
    let ok = Record {
        status: Status::Ok,
        ..Record::starting(start, Limits::default())
    };
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let cases = [
        (
            caller,
            "a=b,c=d",
            SpanKind::Server,
            "hello",
            full,
            "everything, and long",
        ),
        (caller, "", SpanKind::Internal, "", ok, "little"),
        (
            "",
            "",
            SpanKind::Client,
            "a root",
            Record::starting(start, Limits::default()),
            "nothing",
        ),
    ];
    for (traceparent, tracestate, kind, name, record, reason) in cases {
        let parent = parent::parse(traceparent, tracestate);
        let span = Span::start(&Pipeline::off(), name.to_owned().into(), kind, parent.as_ref());
        let end = start + Duration::from_micros(5);
        let mut out = Vec::new();
        span.encode(&mut out, &record, end, |attributes| {
            attributes.string("told", "x");
            attributes.bool("told.bool", false);
            attributes.int("told.int", -7);
            attributes.string("text", "function code set this itself");
        });
        let decoded = ScopeSpans::decode(&out[..]).unwrap_or_else(|error| panic!("{reason}: {error}"));
        let mut told = vec![
            KeyValue::new("told", "x"),
            KeyValue::new("told.bool", false),
            KeyValue::new("told.int", -7),
        ];
        if record.attributes.is_empty() {
            told.push(KeyValue::new("text", "function code set this itself"));
        }
        assert_eq!(decoded.spans, [reference(&span, &record, end, told)], "{reason}");
    }
}

#[test]
fn a_span_holds_what_its_limits_allow() {
    let limits = Limits {
        attributes: 3,
        value_length: 4,
        events: 1,
    };
    let mut record = Record::starting(SystemTime::UNIX_EPOCH, limits);
    let texts = Value::Array(Array::String(vec!["long enough".into(), "ok".into()]));
    let values: [(_, Value); 4] = [
        ("text", "schöner".into()),
        ("texts", texts),
        ("int", 123_456.into()),
        ("too many", true.into()),
    ];
    for (key, value) in values {
        record.set_attribute(Key::from_static_str(key), value);
    }
    record.set_attribute(Key::from_static_str("text"), "à la carte".into());
    record.add_event("one".into(), vec![KeyValue::new("why", "because")]);
    record.add_event("two".into(), Vec::new());

    let span = Span::start(&Pipeline::off(), "limited".into(), SpanKind::Internal, None);
    let mut out = Vec::new();
    span.encode(&mut out, &record, SystemTime::UNIX_EPOCH, |attributes| {
        attributes.string("told", "by the extension");
    });
    let decoded = ScopeSpans::decode(&out[..]).expect("protobuf");
    let span = &decoded.spans[0];
    let shown = |pairs: &[opentelemetry_proto::tonic::common::v1::KeyValue]| {
        let texts = pairs.iter().map(|pair| format!("{} {:?}", pair.key, pair.value));
        texts.collect::<Vec<_>>().join(", ")
    };
    let attributes = shown(&span.attributes);
    for kept in ["\"by t\"", "\"à la\"", "\"long\"", "\"ok\""] {
        assert!(attributes.contains(kept), "{kept} in {attributes}");
    }
    assert!(!attributes.contains("int"), "{attributes}");
    assert_eq!((span.attributes.len(), span.dropped_attributes_count), (3, 2));
    assert_eq!((span.events.len(), span.dropped_events_count), (1, 1));
    assert!(shown(&span.events[0].attributes).contains("\"beca\""));
}
