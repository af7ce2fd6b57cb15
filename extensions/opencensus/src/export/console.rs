//! The console exporter: one JSON object a span, one span a line.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use humantime::{Rfc3339Timestamp, format_rfc3339_nanos};
use opentelemetry::trace::{Event, SpanId, SpanKind, Status, TraceId};
use opentelemetry::{Array, Key, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use serde::{Serialize, Serializer};

/// A pipe takes a write of this size whole (PIPE_BUF), so that lines of several workers do not mix.
const ATOMIC_WRITE: usize = 4096;

#[derive(Debug)]
pub(super) struct Console<W> {
    out: Mutex<W>,
    resource: Vec<KeyValue>,
}

impl<W: Write> Console<W> {
    pub(super) fn new(out: W, resource: &Resource) -> Self {
        let pair = |(key, value): (&Key, &Value)| KeyValue::new(key.clone(), value.clone());
        let mut resource: Vec<_> = resource.iter().map(pair).collect();
        // Of a hash map: without this, each start of the app would have an order of its own.
        resource.sort_by(|a, b| a.key.cmp(&b.key));
        Console {
            out: Mutex::new(out),
            resource,
        }
    }

    /// Writes the batch in chunks of whole lines.
    fn write(&self, batch: &[SpanData]) -> std::io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chunk = Vec::with_capacity(ATOMIC_WRITE);
        for span in batch {
            let start = chunk.len();
            serde_json::to_writer(&mut chunk, &Line::new(span, &self.resource))?;
            chunk.push(b'\n');
            if chunk.len() > ATOMIC_WRITE {
                out.write_all(&chunk[..start])?;
                chunk.drain(..start);
            }
        }
        out.write_all(&chunk)?;
        out.flush()
    }
}

impl<W: Write + Send + fmt::Debug> SpanExporter for Console<W> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.write(&batch)
            .map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }
}

#[derive(Serialize)]
struct Line<'a> {
    trace_id: Shown<TraceId>,
    span_id: Shown<SpanId>,
    parent_span_id: Option<Shown<SpanId>>,
    name: &'a str,
    kind: &'static str,
    start: Shown<Rfc3339Timestamp>,
    end: Shown<Rfc3339Timestamp>,
    duration_us: u64,
    status: StatusLine<'a>,
    attributes: Attributes<'a>,
    events: Vec<EventLine<'a>>,
    resource: Attributes<'a>,
}

#[derive(Serialize)]
struct StatusLine<'a> {
    code: &'static str,
    description: Option<&'a str>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    name: &'a str,
    time: Shown<Rfc3339Timestamp>,
    attributes: Attributes<'a>,
}

impl<'a> Line<'a> {
    fn new(span: &'a SpanData, resource: &'a [KeyValue]) -> Self {
        let lasted = span.end_time.duration_since(span.start_time).unwrap_or_default();
        let (code, description) = match &span.status {
            Status::Unset => ("unset", None),
            Status::Ok => ("ok", None),
            Status::Error { description } => ("error", Some(&**description)),
        };
        Line {
            trace_id: Shown(span.span_context.trace_id()),
            span_id: Shown(span.span_context.span_id()),
            parent_span_id: (span.parent_span_id != SpanId::INVALID).then_some(Shown(span.parent_span_id)),
            name: &span.name,
            kind: match span.span_kind {
                SpanKind::Client => "client",
                SpanKind::Server => "server",
                SpanKind::Producer => "producer",
                SpanKind::Consumer => "consumer",
                SpanKind::Internal => "internal",
            },
            start: Shown(format_rfc3339_nanos(span.start_time)),
            end: Shown(format_rfc3339_nanos(span.end_time)),
            duration_us: u64::try_from(lasted.as_micros()).unwrap_or(u64::MAX),
            status: StatusLine {
                code,
                description: description.filter(|text| !text.is_empty()),
            },
            attributes: Attributes(&span.attributes),
            events: span.events.iter().map(EventLine::new).collect(),
            resource: Attributes(resource),
        }
    }
}

impl<'a> EventLine<'a> {
    fn new(event: &'a Event) -> Self {
        EventLine {
            name: &event.name,
            time: Shown(format_rfc3339_nanos(event.timestamp)),
            attributes: Attributes(&event.attributes),
        }
    }
}

/// What is written as its text: ids, times.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Attributes as a JSON object.
struct Attributes<'a>(&'a [KeyValue]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.iter();
        serializer.collect_map(pairs.map(|pair| (pair.key.as_str(), AttributeValue(&pair.value))))
    }
}

struct AttributeValue<'a>(&'a Value);

impl Serialize for AttributeValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Bool(value) => value.serialize(serializer),
            Value::I64(value) => value.serialize(serializer),
            Value::F64(value) => value.serialize(serializer),
            Value::String(value) => value.as_str().serialize(serializer),
            Value::Array(Array::Bool(values)) => values.serialize(serializer),
            Value::Array(Array::I64(values)) => values.serialize(serializer),
            Value::Array(Array::F64(values)) => values.serialize(serializer),
            Value::Array(Array::String(values)) => {
                serializer.collect_seq(values.iter().map(|value| value.as_str()))
            }
            // Kinds of value that a later OpenTelemetry may add.
            other => serializer.collect_str(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use opentelemetry::trace::{SpanContext, TraceFlags, TraceState};
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
    use serde_json::json;

    use super::*;

    fn span(name: &str) -> SpanData {
        let start = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let id = TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128);
        SpanData {
            span_context: SpanContext::new(id, 2.into(), TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Server,
            name: name.to_owned().into(),
            start_time: start,
            end_time: start + Duration::from_micros(1500),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: Default::default(),
        }
    }

    fn lines(batch: &[SpanData]) -> Vec<serde_json::Value> {
        let resource = Resource::builder_empty().with_service_name("app").build();
        let console = Console::new(Vec::new(), &resource);
        console.write(batch).expect("a Vec takes everything");
        let written = console.out.into_inner().expect("no thread panicked");
        let text = String::from_utf8(written).expect("JSON is UTF-8");
        assert!(text.ends_with('\n'), "the last line is whole");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
            .collect()
    }

    #[test]
    fn a_span_is_a_line_of_json() {
        let mut full = span("hello");
        full.parent_span_id = 1.into();
        full.status = Status::error("ValueError: no");
        full.attributes = vec![
            KeyValue::new("text", "a\"b\nc"),
            KeyValue::new("number", 7),
            KeyValue::new("list", Value::Array(Array::String(vec!["x".into(), "y".into()]))),
        ];
        let event = Event::new(
            "exception",
            full.end_time,
            vec![KeyValue::new("exception.type", "E")],
            0,
        );
        full.events.events.push(event);
        let lines = lines(&[full, span("root")]);
        let expected = json!({
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "span_id": "0000000000000002",
            "parent_span_id": "0000000000000001",
            "name": "hello",
            "kind": "server",
            "start": "2023-11-14T22:13:20.123000000Z",
            "end": "2023-11-14T22:13:20.124500000Z",
            "duration_us": 1500,
            "status": {"code": "error", "description": "ValueError: no"},
            "attributes": {"text": "a\"b\nc", "number": 7, "list": ["x", "y"]},
            "events": [{
                "name": "exception",
                "time": "2023-11-14T22:13:20.124500000Z",
                "attributes": {"exception.type": "E"},
            }],
            "resource": {"service.name": "app"},
        });
        assert_eq!(lines[0], expected);
        assert_eq!(lines[1]["parent_span_id"], json!(null));
        assert_eq!(lines[1]["status"], json!({"code": "unset", "description": null}));
        assert_eq!(lines.len(), 2);
    }

    /// Counts writes, and checks that each ends a line.
    #[derive(Debug, Default)]
    struct WholeLines(Vec<usize>);

    impl Write for WholeLines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            assert!(bytes.ends_with(b"\n"), "a write ends a line");
            self.0.push(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn writes_hold_whole_lines() {
        let console = Console::new(WholeLines::default(), &Resource::builder_empty().build());
        let long = "x".repeat(2 * ATOMIC_WRITE);
        let mut batch = vec![span("hello"); 40];
        batch.insert(0, span(&long));
        batch.insert(20, span(&long));
        console.write(&batch).expect("it takes everything");
        let sizes = console.out.into_inner().expect("no thread panicked").0;
        let long_ones = sizes.iter().filter(|size| **size > ATOMIC_WRITE).count();
        assert_eq!(long_ones, 2, "only what no chunk holds goes beyond: {sizes:?}");
        assert!(sizes.len() < 12, "lines share writes: {sizes:?}");
    }
}
