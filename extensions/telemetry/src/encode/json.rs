//! OTLP's values as JSON, for exporters that write JSON.

use std::borrow::Cow;
use std::fmt;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde::{Serialize, Serializer};

/// The digits of an id.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A value that is written as its text: ids, times.
pub(crate) struct AsText<T>(pub(crate) T);

impl<T: fmt::Display> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Attributes as a JSON object.
pub(crate) struct Attributes<'a>(pub(crate) &'a [KeyValue]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.iter();
        serializer.collect_map(pairs.map(|pair| (&pair.key, AttributeValue(pair.value.as_ref()))))
    }
}

struct AttributeValue<'a>(Option<&'a AnyValue>);

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

/// NaN or an infinity, as protobuf's JSON spells it.
pub(crate) fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// Returns a value as text: a string as it is, anything else as JSON. `None` if there is no value.
pub(crate) fn text(value: Option<&AnyValue>) -> Option<Cow<'_, str>> {
    match value?.value.as_ref()? {
        Value::StringValue(text) => Some(Cow::Borrowed(text)),
        Value::DoubleValue(value) if !value.is_finite() => Some(Cow::Borrowed(not_finite(*value))),
        _ => serde_json::to_string(&AttributeValue(value)).ok().map(Cow::Owned),
    }
}
