//! OTLP's encoding of a span's parts: protobuf, written straight from what a span knows.
//!
//! opentelemetry-proto has a transformation too, which makes an object with copies of every key and text first.
//! At 100,000 spans a second that costs several times the rest of the extension. Its types read what is written
//! here, in the tests and in exporters that want objects.

use opentelemetry::trace::{Event, Status};
use opentelemetry::{Array, KeyValue, Value};
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::span::LIMIT;

/// The number of `Span.attributes`.
const SPAN_ATTRIBUTES: u32 = 9;

pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

pub(crate) fn string(out: &mut Vec<u8>, field: u32, value: &str) {
    bytes(out, field, value.as_bytes());
}

pub(crate) fn varint(out: &mut Vec<u8>, field: u32, value: u64) {
    encode_key(field, WireType::Varint, out);
    encode_varint(value, out);
}

pub(crate) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    encode_key(field, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    encode_key(field, WireType::ThirtyTwoBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A message within a message. Its length goes in front of it and is known after it.
pub(crate) fn message(out: &mut Vec<u8>, field: u32, content: impl FnOnce(&mut Vec<u8>)) {
    encode_key(field, WireType::LengthDelimited, out);
    // Room for the length of a short one, which most are; longer ones are moved.
    let length_at = out.len();
    out.push(0);
    let start = out.len();
    content(out);
    let length = out.len() - start;
    if length < 0x80 {
        out[length_at] = length as u8;
        return;
    }
    let mut varint = [0; 10];
    let mut rest = &mut varint[..];
    encode_varint(length as u64, &mut rest);
    let width = 10 - rest.len();
    let end = out.len();
    out.resize(end + width - 1, 0);
    out.copy_within(start..end, length_at + width);
    out[length_at..length_at + width].copy_from_slice(&varint[..width]);
}

/// A span's attributes as they are written: first what the extension tells, then what function code set, which
/// replaces what it has the same key as.
pub(crate) struct Attributes<'a> {
    out: &'a mut Vec<u8>,
    own: &'a [KeyValue],
    written: usize,
}

impl<'a> Attributes<'a> {
    /// Writes behind `out`. `own` are those that function code set.
    pub(crate) fn new(out: &'a mut Vec<u8>, own: &'a [KeyValue]) -> Self {
        Attributes { out, own, written: 0 }
    }

    pub(crate) fn string(&mut self, key: &'static str, text: &str) {
        self.tell(key, |out| string(out, 1, text));
    }

    pub(crate) fn bool(&mut self, key: &'static str, value: bool) {
        self.tell(key, |out| varint(out, 2, value.into()));
    }

    pub(crate) fn int(&mut self, key: &'static str, value: i64) {
        self.tell(key, |out| varint(out, 3, value as u64));
    }

    fn tell(&mut self, key: &'static str, any_value: impl FnOnce(&mut Vec<u8>)) {
        if self.own.iter().all(|pair| pair.key.as_str() != key) {
            self.written += 1;
            attribute(self.out, SPAN_ATTRIBUTES, key, any_value);
        }
    }

    /// Writes function code's own; returns how many are beyond the limit of a span and left out.
    pub(crate) fn finish(self) -> usize {
        let room = LIMIT.saturating_sub(self.written).min(self.own.len());
        for pair in &self.own[..room] {
            key_value(self.out, SPAN_ATTRIBUTES, pair);
        }
        self.own.len() - room
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

pub(crate) fn unix_nanos(time: std::time::SystemTime) -> u64 {
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[inline]
fn attribute(out: &mut Vec<u8>, field: u32, key: &str, any_value: impl FnOnce(&mut Vec<u8>)) {
    message(out, field, |out| {
        string(out, 1, key);
        message(out, 2, any_value);
    });
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
