//! OTLP's values as JSON, for exporters that write it.

use std::borrow::Cow;
use std::fmt;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde::{Serialize, Serializer};

/// An id's digits.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is written as its text: ids, times.
pub(super) struct Shown<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Attributes as a JSON object.
pub(super) struct Attributes<'a>(pub(super) &'a [KeyValue]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.iter();
        serializer.collect_map(pairs.map(|pair| (&pair.key, AttributeValue(pair.value.as_ref()))))
    }
}

pub(super) struct AttributeValue<'a>(pub(super) Option<&'a AnyValue>);

impl Serialize for AttributeValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.and_then(|value| value.value.as_ref()) {
            Some(Value::BoolValue(value)) => value.serialize(serializer),
            Some(Value::IntValue(value)) => value.serialize(serializer),
            Some(Value::DoubleValue(value)) if value.is_finite() => value.serialize(serializer),
            // JSON has no such numbers.
            Some(Value::DoubleValue(value)) => serializer.serialize_str(not_finite(*value)),
            Some(Value::StringValue(value)) => value.serialize(serializer),
            Some(Value::ArrayValue(list)) => {
                serializer.collect_seq(list.values.iter().map(|value| AttributeValue(Some(value))))
            }
            Some(Value::KvlistValue(list)) => Attributes(&list.values).serialize(serializer),
            // Spans have no others.
            _ => serializer.serialize_none(),
        }
    }
}

/// A number that is none, as protobuf's JSON spells it.
pub(super) fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// A value as text: a string as it is, anything else as JSON. `None` where there is no value.
pub(super) fn text(value: Option<&AnyValue>) -> Option<Cow<'_, str>> {
    match value?.value.as_ref()? {
        Value::StringValue(text) => Some(Cow::Borrowed(text)),
        Value::DoubleValue(value) if !value.is_finite() => Some(Cow::Borrowed(not_finite(*value))),
        _ => serde_json::to_string(&AttributeValue(value)).ok().map(Cow::Owned),
    }
}
