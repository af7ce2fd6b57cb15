//! The attributes of a span.

use opentelemetry::KeyValue;

use super::limits::Limits;
use super::value::{attribute, key_value};
use super::wire::{string, varint};

/// The number of `Span.attributes`.
const SPAN_ATTRIBUTES: u32 = 9;

/// Writes a span's attributes: first those that the extension knows, then those that function code set. The latter
/// replace the former of the same key.
pub struct Attributes<'a> {
    out: &'a mut Vec<u8>,
    own: &'a [KeyValue],
    limits: Limits,
    written: usize,
}

impl<'a> Attributes<'a> {
    /// Writes behind `out`. `own` are the attributes that function code set.
    pub fn new(out: &'a mut Vec<u8>, own: &'a [KeyValue], limits: Limits) -> Self {
        Attributes {
            out,
            own,
            limits,
            written: 0,
        }
    }

    /// Writes attributes that are encoded already. Calls `write`, which writes the same, if function code may have replaced
    /// one of them.
    #[inline]
    pub fn encoded(&mut self, encoded: &Encoded, write: impl FnOnce(&mut Self)) {
        if self.own.is_empty() {
            self.out.extend_from_slice(&encoded.bytes);
            self.written += encoded.count;
        } else {
            write(self);
        }
    }

    /// Writes a text, cut by the limits.
    #[inline]
    pub fn string(&mut self, key: &'static str, text: &str) {
        if self.is_ours(key) {
            text_attribute(self.out, key, self.limits.cut(text));
        }
    }

    /// Writes a boolean.
    pub fn bool(&mut self, key: &'static str, value: bool) {
        self.write(key, |out| varint(out, 2, value.into()));
    }

    /// Writes an integer.
    pub fn int(&mut self, key: &'static str, value: i64) {
        self.write(key, |out| varint(out, 3, value as u64));
    }

    fn write(&mut self, key: &'static str, any_value: impl FnOnce(&mut Vec<u8>)) {
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

    /// Writes function code's attributes; returns how many exceed the span's limit and are dropped.
    pub fn finish(self) -> usize {
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
pub struct Encoded {
    bytes: Vec<u8>,
    count: usize,
}

impl Encoded {
    /// Encodes the attributes that `write` writes.
    pub fn of(limits: Limits, write: impl FnOnce(&mut Attributes<'_>)) -> Self {
        let mut bytes = Vec::new();
        let mut attributes = Attributes::new(&mut bytes, &[], limits);
        write(&mut attributes);
        let count = attributes.written;
        Encoded { bytes, count }
    }
}

/// Writes a span's attribute that is text. Short ones, ten in each span of a request, are put together aside and appended
/// at once, which halves their cost.
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

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::*;

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
