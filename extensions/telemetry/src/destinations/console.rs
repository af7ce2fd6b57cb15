//! The console: one JSON object a span, one span a line.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use humantime::{Rfc3339Timestamp, format_rfc3339_nanos};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use serde::Serialize;

use crate::encode::json::{AsText, Attributes, Hex};
use crate::export::{Batch, Delivery, ExportError, Exporter, ShutdownSignal};

/// The size of a write that a pipe takes whole (PIPE_BUF), so that lines of several workers do not mix.
const ATOMIC_WRITE: usize = 4096;

/// Writes spans to a stream, stdout but for tests.
pub(super) struct Console<W> {
    out: W,
    resource: Vec<KeyValue>,
}

impl<W: Write> Console<W> {
    pub(super) fn new(out: W, resource: &Resource) -> Self {
        let mut resource = ResourceAttributesWithSchema::from(resource).attributes.0;
        // They come from a hash map, whose order differs between starts of the app.
        resource.sort_by(|a, b| a.key.cmp(&b.key));
        Console { out, resource }
    }

    /// Writes the spans in chunks of whole lines.
    fn write(&mut self, spans: &[Span]) -> io::Result<()> {
        let mut chunk = Vec::with_capacity(ATOMIC_WRITE);
        for span in spans {
            let start = chunk.len();
            serde_json::to_writer(&mut chunk, &Line::new(span, &self.resource))?;
            chunk.push(b'\n');
            if chunk.len() > ATOMIC_WRITE {
                self.out.write_all(&chunk[..start])?;
                chunk.drain(..start);
            }
        }
        self.out.write_all(&chunk)?;
        self.out.flush()
    }
}

impl<W: Write + Send + 'static> Exporter for Console<W> {
    fn export(&mut self, batch: &Batch, _: &ShutdownSignal) -> Result<Delivery, ExportError> {
        let spans = batch.spans().map_err(io::Error::other)?;
        self.write(&spans)?;
        Ok(Delivery::default())
    }
}

#[derive(Serialize)]
struct Line<'a> {
    trace_id: AsText<Hex<'a>>,
    span_id: AsText<Hex<'a>>,
    parent_span_id: Option<AsText<Hex<'a>>>,
    name: &'a str,
    kind: &'static str,
    start: AsText<Rfc3339Timestamp>,
    end: AsText<Rfc3339Timestamp>,
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
    time: AsText<Rfc3339Timestamp>,
    attributes: Attributes<'a>,
}

impl<'a> Line<'a> {
    fn new(span: &'a Span, resource: &'a [KeyValue]) -> Self {
        let lasted = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
        let description = span.status.as_ref().map(|status| status.message.as_str());
        Line {
            trace_id: AsText(Hex(&span.trace_id)),
            span_id: AsText(Hex(&span.span_id)),
            parent_span_id: (!span.parent_span_id.is_empty()).then(|| AsText(Hex(&span.parent_span_id))),
            name: &span.name,
            kind: match span.kind() {
                SpanKind::Client => "client",
                SpanKind::Server => "server",
                SpanKind::Producer => "producer",
                SpanKind::Consumer => "consumer",
                SpanKind::Internal | SpanKind::Unspecified => "internal",
            },
            start: time(span.start_time_unix_nano),
            end: time(span.end_time_unix_nano),
            duration_us: lasted / 1000,
            status: StatusLine {
                code: match span.status.as_ref().map(|status| status.code()) {
                    Some(StatusCode::Ok) => "ok",
                    Some(StatusCode::Error) => "error",
                    Some(StatusCode::Unset) | None => "unset",
                },
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
            time: time(event.time_unix_nano),
            attributes: Attributes(&event.attributes),
        }
    }
}

fn time(unix_nanos: u64) -> AsText<Rfc3339Timestamp> {
    AsText(format_rfc3339_nanos(
        SystemTime::UNIX_EPOCH + Duration::from_nanos(unix_nanos),
    ))
}

#[cfg(test)]
mod tests;
