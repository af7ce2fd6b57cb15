//! The `resource` setting: attributes with values of the kinds that OpenTelemetry has.

use std::fmt;

use opentelemetry::{Array, KeyValue, Value};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::{Settings, SettingsError};

/// The value of an attribute: text, a boolean, a number, or a list of these.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ResourceValue(Value);

impl fmt::Display for ResourceValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Settings {
    /// Returns the resource's attributes in the settings.
    pub(crate) fn resource_attributes(&self) -> impl Iterator<Item = KeyValue> {
        let pairs = self.resource.iter();
        pairs.map(|(key, value)| KeyValue::new(key.clone(), value.0.clone()))
    }

    /// Checks what the types do not.
    pub(super) fn check_resource(&self) -> Result<(), SettingsError> {
        match self.resource.keys().any(|key| key.trim().is_empty()) {
            true => Err(SettingsError::ResourceName),
            false => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for ResourceValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(ResourceValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, true or false, a number, or a list of one of these")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        // JSON's readers take what exceeds i64 for a float, too.
        Ok(i64::try_from(value).map_or_else(|_| Value::from(value as f64), Value::from))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.to_owned().into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(ResourceValue(value)) = list.next_element()? {
            values.push(value);
        }
        let mixed = || A::Error::custom("the values of a list are all text, all booleans or all numbers");
        array(values).map(Value::Array).ok_or_else(mixed)
    }
}

/// Makes a list of values of one kind; integers among floats count as floats.
fn array(values: Vec<Value>) -> Option<Array> {
    let is_float = values.iter().any(|value| matches!(value, Value::F64(_)));
    Some(match values.first() {
        None | Some(Value::String(_)) => Array::String(all(values, |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })?),
        Some(Value::Bool(_)) => Array::Bool(all(values, |value| match value {
            Value::Bool(value) => Some(value),
            _ => None,
        })?),
        Some(Value::I64(_) | Value::F64(_)) if is_float => Array::F64(all(values, |value| match value {
            Value::F64(value) => Some(value),
            Value::I64(value) => Some(value as f64),
            _ => None,
        })?),
        Some(Value::I64(_)) => Array::I64(all(values, |value| match value {
            Value::I64(value) => Some(value),
            _ => None,
        })?),
        // Lists of lists.
        Some(_) => return None,
    })
}

fn all<T>(values: Vec<Value>, convert: impl Fn(Value) -> Option<T>) -> Option<Vec<T>> {
    values.into_iter().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_each_kind() {
        let cases = [
            (r#""text""#, "String(Owned(\"text\"))", "text"),
            ("true", "Bool(true)", "a boolean"),
            ("-3", "I64(-3)", "an integer"),
            ("1.5", "F64(1.5)", "a float"),
            ("18446744073709551615", "F64(1.8446744073709552e19)", "beyond i64"),
            (
                r#"["a", "b"]"#,
                r#"Array(String([Owned("a"), Owned("b")]))"#,
                "texts",
            ),
            ("[]", "Array(String([]))", "an empty list"),
            ("[true]", "Array(Bool([true]))", "booleans"),
            ("[1, 2]", "Array(I64([1, 2]))", "integers"),
            ("[1, 2.5]", "Array(F64([1.0, 2.5]))", "numbers"),
        ];
        for (json, expected, reason) in cases {
            let value: ResourceValue = serde_json::from_str(json).unwrap_or_else(|error| {
                panic!("{reason}: {error}");
            });
            assert_eq!(format!("{:?}", value.0), expected, "{reason}");
        }
    }

    #[test]
    fn values_that_are_refused() {
        let cases = [
            (
                "{}",
                "invalid type: map, expected text, true or false, a number",
                "a map",
            ),
            ("null", "invalid type: null, expected text", "nothing"),
            (r#"["a", 1]"#, "the values of a list are all text", "a mixed list"),
            ("[[1]]", "the values of a list are all text", "a list of lists"),
        ];
        for (json, expected, reason) in cases {
            let error = serde_json::from_str::<ResourceValue>(json).expect_err(reason);
            assert!(error.to_string().contains(expected), "{reason}: {error}");
        }
    }
}
