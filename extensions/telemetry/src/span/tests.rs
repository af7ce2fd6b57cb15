//! What a span keeps, and how it is encoded.

use std::time::Duration;

use opentelemetry::trace::{Event, SpanId};
use opentelemetry::{Array, InstrumentationScope};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span as Encoded};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use prost::Message;

use super::record::LINKS;
use super::*;
use crate::encode::Limits;
use crate::propagation::parse_traceparent;

/// A context as OpenTelemetry's type.
fn foreign(context: &SpanContext) -> opentelemetry::trace::SpanContext {
    opentelemetry::trace::SpanContext::new(
        context.trace_id(),
        context.span_id(),
        context.trace_flags(),
        context.is_remote(),
        context.trace_state().header().parse().expect("simple members"),
    )
}

/// What opentelemetry-proto makes of the same span.
fn reference(span: &Span, record: &Record, end: SystemTime, written: Vec<KeyValue>) -> Encoded {
    let mut events = SpanEvents::default();
    events.events = record.events.clone();
    events.dropped_count = record.dropped_events as u32;
    let mut links = SpanLinks::default();
    links.links = record
        .links
        .iter()
        .map(|link| opentelemetry::trace::Link::new(foreign(&link.to), link.attributes.clone(), 0))
        .collect();
    links.dropped_count = record.dropped_links as u32;
    Encoded::from(SpanData {
        span_context: foreign(&span.context),
        parent_span_id: record.parent.map_or(SpanId::INVALID, |parent| parent.id),
        parent_span_is_remote: record.parent.is_some_and(|parent| parent.is_remote),
        span_kind: record.kind.clone(),
        name: record.name.clone().map_or_else(|| span.name.clone(), Cow::from),
        start_time: record.start,
        end_time: end,
        attributes: [written, record.attributes.clone()].concat(),
        dropped_attributes_count: record.dropped_attributes as u32,
        events,
        links,
        status: record.status.clone(),
        instrumentation_scope: InstrumentationScope::default(),
    })
}

/// A span of another trace.
fn linked(number: u64, tracestate: &str) -> SpanContext {
    let traceparent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{number:016x}-01");
    let state = tracestate.parse().expect("valid");
    parse_traceparent(&traceparent)
        .expect("valid")
        .with_trace_state(state)
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
        links: vec![
            Link {
                to: linked(1, "a=b"),
                attributes: values[..4].to_vec(),
            },
            Link {
                to: linked(2, ""),
                attributes: Vec::new(),
            },
        ],
        dropped_links: 200,
        status: Status::error("why"),
        name: Some("renamed".to_owned()),
        start,
        ..Record::new(SpanKind::Server, SystemTime::now(), Limits::default())
    };
    let ok = Record {
        status: Status::Ok,
        start,
        ..Record::new(SpanKind::Server, SystemTime::now(), Limits::default())
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
            Record {
                start,
                ..Record::new(SpanKind::Client, SystemTime::now(), Limits::default())
            },
            "nothing",
        ),
    ];
    for (traceparent, tracestate, kind, name, mut record, reason) in cases {
        record.kind = kind.clone();
        record.parent = None;
        let state = tracestate.parse().expect("valid");
        let parent = parse_traceparent(traceparent).map(|parent| parent.with_trace_state(state));
        let span = Span::start(&Pipeline::off(), name.to_owned().into(), kind, parent.as_ref());
        let end = start + Duration::from_micros(5);
        let mut out = Vec::new();
        encode::span(&mut out, &span, &record, end, |attributes| {
            attributes.string("known", "x");
            attributes.bool("known.bool", false);
            attributes.int("known.int", -7);
            attributes.string("text", "function code set this itself");
        });
        let decoded = ScopeSpans::decode(&out[..]).unwrap_or_else(|error| panic!("{reason}: {error}"));
        let mut written = vec![
            KeyValue::new("known", "x"),
            KeyValue::new("known.bool", false),
            KeyValue::new("known.int", -7),
        ];
        if record.attributes.is_empty() {
            written.push(KeyValue::new("text", "function code set this itself"));
        }
        assert_eq!(
            decoded.spans,
            [reference(&span, &record, end, written)],
            "{reason}"
        );
    }
}

#[test]
fn links_stop_at_the_limit() {
    let record = Record::new(SpanKind::Server, SystemTime::now(), Limits::default());
    let mut span = Span::start(&Pipeline::off(), "batch".into(), SpanKind::Server, None);
    span.is_recorded = true;
    *span.record() = Some(record);
    for number in 1..=LINKS as u64 + 3 {
        span.add_link(linked(number, ""), vec![KeyValue::new("number", number as i64)]);
    }
    let record = span.record().take().expect("it is open");
    assert_eq!((record.links.len(), record.dropped_links), (LINKS, 3));
    assert_eq!(record.links[0].to.span_id(), SpanId::from(1), "the first is kept");
    span.add_link(linked(1, ""), Vec::new());
    assert!(span.record().is_none(), "ended");
}

#[test]
fn a_span_holds_what_its_limits_allow() {
    let limits = Limits {
        attributes: 3,
        value_length: 4,
        events: 1,
    };
    let mut record = Record::new(SpanKind::Internal, SystemTime::now(), limits);
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
    record.add_event("one".into(), vec![KeyValue::new("why", "because")], None);
    record.add_event("two".into(), Vec::new(), None);

    let span = Span::start(&Pipeline::off(), "limited".into(), SpanKind::Internal, None);
    let mut out = Vec::new();
    encode::span(&mut out, &span, &record, SystemTime::UNIX_EPOCH, |attributes| {
        attributes.string("known", "by the extension");
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
