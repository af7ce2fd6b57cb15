//! A span as OTLP encodes it.

use std::time::SystemTime;

use opentelemetry::trace::{Event, Status, TraceFlags};
use opentelemetry_proto::tonic::trace::v1::SpanFlags;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as EncodedKind;

use super::Span;
use super::record::{Link, Record};
use crate::encode::{self, Attributes};

/// The number of `ScopeSpans.spans`.
const SCOPE_SPANS_SPANS: u32 = 2;

/// Writes a span as one of the `spans` of OTLP's `ScopeSpans`. `write` writes attributes that function code did not set.
pub(super) fn span(
    out: &mut Vec<u8>,
    span: &Span,
    record: &Record,
    end: SystemTime,
    write: impl FnOnce(&mut Attributes<'_>),
) {
    encode::large_message(out, SCOPE_SPANS_SPANS, |out| {
        encode::bytes(out, 1, &span.context.trace_id().to_bytes());
        encode::bytes(out, 2, &span.context.span_id().to_bytes());
        let trace_state = span.context.trace_state().header();
        if !trace_state.is_empty() {
            encode::string(out, 3, trace_state);
        }
        if let Some(parent) = &record.parent {
            encode::bytes(out, 4, &parent.id.to_bytes());
        }
        let has_remote_parent = record.parent.is_some_and(|parent| parent.is_remote);
        let flags = span_flags(span.context.trace_flags(), has_remote_parent);
        encode::fixed32(out, 16, flags);
        encode::string(out, 5, record.name.as_deref().unwrap_or(&span.name));
        encode::varint(out, 6, EncodedKind::from(record.kind.clone()) as u64);
        encode::fixed64(out, 7, encode::unix_nanos(record.start));
        encode::fixed64(out, 8, encode::unix_nanos(end));
        let mut attributes = Attributes::new(out, &record.attributes, record.limits);
        write(&mut attributes);
        let dropped = record.dropped_attributes + attributes.finish();
        if dropped > 0 {
            encode::varint(out, 10, dropped as u64);
        }
        for item in &record.events {
            event(out, 11, item);
        }
        if record.dropped_events > 0 {
            encode::varint(out, 12, record.dropped_events as u64);
        }
        for item in &record.links {
            link(out, 13, item);
        }
        if record.dropped_links > 0 {
            encode::varint(out, 14, record.dropped_links as u64);
        }
        status(out, 15, &record.status);
    });
}

fn event(out: &mut Vec<u8>, field: u32, event: &Event) {
    encode::message(out, field, |out| {
        encode::fixed64(out, 1, encode::unix_nanos(event.timestamp));
        encode::string(out, 2, &event.name);
        for pair in &event.attributes {
            encode::key_value(out, 3, pair);
        }
    });
}

fn link(out: &mut Vec<u8>, field: u32, link: &Link) {
    let to = &link.to;
    encode::message(out, field, |out| {
        encode::bytes(out, 1, &to.trace_id().to_bytes());
        encode::bytes(out, 2, &to.span_id().to_bytes());
        let trace_state = to.trace_state().header();
        if !trace_state.is_empty() {
            encode::string(out, 3, trace_state);
        }
        for pair in &link.attributes {
            encode::key_value(out, 4, pair);
        }
        encode::fixed32(out, 6, span_flags(to.trace_flags(), to.is_remote()));
    });
}

/// Returns the flags of a span or a link, which also say whether the parent or the linked span is remote.
fn span_flags(flags: TraceFlags, is_remote: bool) -> u32 {
    let mut all = u32::from(flags.to_u8()) | SpanFlags::ContextHasIsRemoteMask as u32;
    if is_remote {
        all |= SpanFlags::ContextIsRemoteMask as u32;
    }
    all
}

fn status(out: &mut Vec<u8>, field: u32, status: &Status) {
    encode::message(out, field, |out| match status {
        Status::Unset => {}
        Status::Ok => encode::varint(out, 3, 1),
        Status::Error { description } => {
            encode::string(out, 2, description);
            encode::varint(out, 3, 2);
        }
    });
}
