//! OTLP's encoding of a span's parts: protobuf, written straight from what a span knows.
//!
//! opentelemetry-proto has a transformation too, which makes an object with copies of every key and text first.
//! At 100,000 spans a second that costs several times the rest of the extension. Its types read what is written
//! here, in the tests and in exporters that want objects.

use std::ops::Range;

use opentelemetry::trace::{Event, Status, TraceFlags};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_proto::tonic::trace::v1::SpanFlags;
use prost::encoding::{WireType, encode_varint};

use crate::settings::Limits;
use crate::span::Link;

/// The number of `Span.attributes`.
const SPAN_ATTRIBUTES: u32 = 9;

/// A field's number and type: one byte for the numbers up to 15, which most are.
#[inline]
fn key(out: &mut Vec<u8>, field: u32, wire_type: WireType) {
    length(out, (field << 3 | wire_type as u32) as usize);
}

#[inline]
fn length(out: &mut Vec<u8>, length: usize) {
    if length < 0x80 {
        out.push(length as u8);
    } else {
        encode_varint(length as u64, out);
    }
}

#[inline]
pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    key(out, field, WireType::LengthDelimited);
    length(out, value.len());
    out.extend_from_slice(value);
}

pub(crate) fn string(out: &mut Vec<u8>, field: u32, value: &str) {
    bytes(out, field, value.as_bytes());
}

pub(crate) fn varint(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, WireType::Varint);
    encode_varint(value, out);
}

#[inline]
pub(crate) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, WireType::SixtyFourBit);
    out.extend_from_slice(&value.to_le_bytes());
}

#[inline]
pub(crate) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    key(out, field, WireType::ThirtyTwoBit);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A message within a message. Its length goes in front of it and is known after it.
#[inline]
pub(crate) fn message(out: &mut Vec<u8>, field: u32, content: impl FnOnce(&mut Vec<u8>)) {
    key(out, field, WireType::LengthDelimited);
    // Room for the length of a short one, which most are; longer ones are moved.
    let at = out.len();
    out.push(0);
    content(out);
    let length = out.len() - at - 1;
    if length < 0x80 {
        out[at] = length as u8;
    } else {
        move_for_length(out, at..at + 1, length);
    }
}

/// As [`message`], for those that mostly take from 128 bytes to 16 KiB.
#[inline]
pub(crate) fn large_message(out: &mut Vec<u8>, field: u32, content: impl FnOnce(&mut Vec<u8>)) {
    key(out, field, WireType::LengthDelimited);
    let at = out.len();
    out.extend_from_slice(&[0; 2]);
    content(out);
    let length = out.len() - at - 2;
    if (0x80..0x4000).contains(&length) {
        out[at] = length as u8 | 0x80;
        out[at + 1] = (length >> 7) as u8;
    } else {
        move_for_length(out, at..at + 2, length);
    }
}

/// Writes a length that does not fit the room that was left for it.
#[cold]
fn move_for_length(out: &mut Vec<u8>, room: Range<usize>, length: usize) {
    let mut varint = Vec::with_capacity(10);
    encode_varint(length as u64, &mut varint);
    out.splice(room, varint);
}

/// A span's attributes as they are written: first what the extension tells, then what function code set, which
/// replaces what it has the same key as.
pub(crate) struct Attributes<'a> {
    out: &'a mut Vec<u8>,
    own: &'a [KeyValue],
    limits: Limits,
    written: usize,
}

impl<'a> Attributes<'a> {
    /// Writes behind `out`. `own` are those that function code set.
    pub(crate) fn new(out: &'a mut Vec<u8>, own: &'a [KeyValue], limits: Limits) -> Self {
        Attributes {
            out,
            own,
            limits,
            written: 0,
        }
    }

    /// Writes what `tell` does, encoded already. It is asked where function code may have replaced something of it.
    #[inline]
    pub(crate) fn encoded(&mut self, encoded: &Encoded, tell: impl FnOnce(&mut Self)) {
        if self.own.is_empty() {
            self.out.extend_from_slice(&encoded.bytes);
            self.written += encoded.count;
        } else {
            tell(self);
        }
    }

    #[inline]
    pub(crate) fn string(&mut self, key: &'static str, text: &str) {
        if self.is_ours(key) {
            text_attribute(self.out, key, self.limits.cut(text));
        }
    }

    pub(crate) fn bool(&mut self, key: &'static str, value: bool) {
        self.tell(key, |out| varint(out, 2, value.into()));
    }

    pub(crate) fn int(&mut self, key: &'static str, value: i64) {
        self.tell(key, |out| varint(out, 3, value as u64));
    }

    fn tell(&mut self, key: &'static str, any_value: impl FnOnce(&mut Vec<u8>)) {
        if self.is_ours(key) {
            attribute(self.out, SPAN_ATTRIBUTES, key, any_value);
        }
    }

    #[inline]
    fn is_ours(&mut self, key: &'static str) -> bool {
        let is_ours = self.own.iter().all(|pair| pair.key.as_str() != key);
        self.written += usize::from(is_ours);
        is_ours
    }

    /// Writes function code's own; returns how many are beyond the limit of a span and left out.
    pub(crate) fn finish(self) -> usize {
        let room = self
            .limits
            .attributes
            .saturating_sub(self.written)
            .min(self.own.len());
        for pair in &self.own[..room] {
            key_value(self.out, SPAN_ATTRIBUTES, pair);
        }
        self.own.len() - room
    }
}

/// Attributes that many spans have, encoded once.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    count: usize,
}

impl Encoded {
    /// What `tell` writes.
    pub(crate) fn of(limits: Limits, tell: impl FnOnce(&mut Attributes<'_>)) -> Self {
        let mut bytes = Vec::new();
        let mut attributes = Attributes::new(&mut bytes, &[], limits);
        tell(&mut attributes);
        let count = attributes.written;
        Encoded { bytes, count }
    }
}

pub(crate) fn event(out: &mut Vec<u8>, field: u32, event: &Event) {
    message(out, field, |out| {
        fixed64(out, 1, unix_nanos(event.timestamp));
        string(out, 2, &event.name);
        for pair in &event.attributes {
            key_value(out, 3, pair);
        }
    });
}

pub(crate) fn link(out: &mut Vec<u8>, field: u32, link: &Link) {
    let to = &link.to;
    message(out, field, |out| {
        bytes(out, 1, &to.trace_id().to_bytes());
        bytes(out, 2, &to.span_id().to_bytes());
        let trace_state = to.trace_state().header();
        if !trace_state.is_empty() {
            string(out, 3, trace_state);
        }
        for pair in &link.attributes {
            key_value(out, 4, pair);
        }
        fixed32(out, 6, span_flags(to.trace_flags(), to.is_remote()));
    });
}

/// The flags of a span or a link, which say where the parent or the linked span is from, too.
pub(crate) fn span_flags(flags: TraceFlags, is_remote: bool) -> u32 {
    let mut all = u32::from(flags.to_u8()) | SpanFlags::ContextHasIsRemoteMask as u32;
    if is_remote {
        all |= SpanFlags::ContextIsRemoteMask as u32;
    }
    all
}

pub(crate) fn status(out: &mut Vec<u8>, field: u32, status: &Status) {
    message(out, field, |out| match status {
        Status::Unset => {}
        Status::Ok => varint(out, 3, 1),
        Status::Error { description } => {
            string(out, 2, description);
            varint(out, 3, 2);
        }
    });
}

/// Right until 2554.
pub(crate) fn unix_nanos(time: std::time::SystemTime) -> u64 {
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(since.subsec_nanos().into())
}

#[inline]
pub(crate) fn attribute(out: &mut Vec<u8>, field: u32, key: &str, any_value: impl FnOnce(&mut Vec<u8>)) {
    message(out, field, |out| {
        string(out, 1, key);
        message(out, 2, any_value);
    });
}

/// A span's attribute that is text. The short ones, ten in each span of a request, are put together aside and appended at
/// once: that halves their cost.
#[inline]
fn text_attribute(out: &mut Vec<u8>, key: &str, text: &str) {
    let any_value = 2 + text.len();
    let pair = 2 + key.len() + 2 + any_value;
    if pair >= 0x80 {
        return attribute(out, SPAN_ATTRIBUTES, key, |out| string(out, 1, text));
    }
    let mut short = [0; 0x82];
    let (head, rest) = short.split_at_mut(4);
    head.copy_from_slice(&[
        (SPAN_ATTRIBUTES << 3) as u8 | 2,
        pair as u8,
        1 << 3 | 2,
        key.len() as u8,
    ]);
    let (name, rest) = rest.split_at_mut(key.len());
    name.copy_from_slice(key.as_bytes());
    let (head, rest) = rest.split_at_mut(4);
    head.copy_from_slice(&[2 << 3 | 2, any_value as u8, 1 << 3 | 2, text.len() as u8]);
    rest[..text.len()].copy_from_slice(text.as_bytes());
    out.extend_from_slice(&short[..2 + pair]);
}

fn key_value(out: &mut Vec<u8>, field: u32, pair: &KeyValue) {
    attribute(out, field, pair.key.as_str(), |out| any_value(out, &pair.value));
}

/// The content of an `AnyValue`.
fn any_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => string(out, 1, text.as_str()),
        Value::Bool(value) => varint(out, 2, u64::from(*value)),
        Value::I64(value) => varint(out, 3, *value as u64),
        Value::F64(value) => fixed64(out, 4, value.to_bits()),
        Value::Array(array) => message(out, 5, |out| match array {
            Array::String(values) => list(out, values, |out, text| string(out, 1, text.as_str())),
            Array::Bool(values) => list(out, values, |out, value| varint(out, 2, u64::from(*value))),
            Array::I64(values) => list(out, values, |out, value| varint(out, 3, *value as u64)),
            Array::F64(values) => list(out, values, |out, value| fixed64(out, 4, value.to_bits())),
            other => message(out, 1, |out| string(out, 1, &other.to_string())),
        }),
        // Kinds of value that a later OpenTelemetry may add.
        other => string(out, 1, &other.to_string()),
    }
}

fn list<T>(out: &mut Vec<u8>, values: &[T], any_value: impl Fn(&mut Vec<u8>, &T)) {
    for value in values {
        message(out, 1, |out| any_value(out, value));
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::*;

    #[test]
    fn messages_of_every_length() {
        for length in (0..300).chain([(1 << 14) - 1, 1 << 14, 1 << 21]) {
            let content = vec![7; length];
            let mut expected = Vec::new();
            bytes(&mut expected, 5, &content);
            let (mut small, mut large) = (Vec::new(), Vec::new());
            message(&mut small, 5, |out| out.extend_from_slice(&content));
            large_message(&mut large, 5, |out| out.extend_from_slice(&content));
            assert_eq!(small, expected, "{length}");
            assert_eq!(large, expected, "{length}");
        }
    }

    #[test]
    fn texts_of_every_length() {
        for length in (0..300).chain([1 << 14, 1 << 21]) {
            let text = "x".repeat(length);
            let mut out = Vec::new();
            Attributes::new(&mut out, &[], Limits::default()).string("key", &text);
            let span = Span::decode(&out[..]).unwrap_or_else(|error| panic!("{length}: {error}"));
            assert_eq!(span.encode_to_vec(), out, "{length}: no byte more than is needed");
            let value = span.attributes[0]
                .value
                .as_ref()
                .and_then(|any| any.value.as_ref());
            assert_eq!(span.attributes[0].key, "key", "{length}");
            assert_eq!(value, Some(&any_value::Value::StringValue(text)), "{length}");
        }
    }
}
