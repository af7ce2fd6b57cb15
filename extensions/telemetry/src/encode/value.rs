//! Attributes and values of OpenTelemetry.

use opentelemetry::{Array, KeyValue, Value};

use super::wire::{fixed64, message, string, varint};

/// Writes a key and the value that `any_value` writes.
#[inline]
pub(crate) fn attribute(out: &mut Vec<u8>, field: u32, key: &str, any_value: impl FnOnce(&mut Vec<u8>)) {
    message(out, field, |out| {
        string(out, 1, key);
        message(out, 2, any_value);
    });
}

/// Writes an attribute.
pub(crate) fn key_value(out: &mut Vec<u8>, field: u32, pair: &KeyValue) {
    attribute(out, field, pair.key.as_str(), |out| any_value(out, &pair.value));
}

/// Writes the content of an `AnyValue`.
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
