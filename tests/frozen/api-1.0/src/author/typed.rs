//! Rust's own types as values, and typed arguments of methods.

use std::collections::{BTreeMap, HashMap};

use super::error::{Error, ErrorKind, Result};
use super::value::{Arguments, Value};

/// A type that a [`Value`] from Python can become.
///
/// There is one for `bool`, whole numbers, `f64`, `String`, `Vec<u8>` (from `bytes`), `Option` (`None` of Python), `Vec` (from
/// a list), maps with `String` keys, [`Value`] itself and [`serde_json::Value`].
#[diagnostic::on_unimplemented(
    message = "a value from Python does not become a `{Self}`",
    label = "not a type that an argument can have",
    note = "take a bool, a number, `String`, `Vec<u8>`, `Option`, `Vec`, a map with `String` keys, `serde_json::Value` or `Value`"
)]
pub trait FromValue: Sized {
    /// Converts a value.
    ///
    /// # Errors
    /// [`ErrorKind::Type`] for a value of another type, and [`ErrorKind::Value`] for a number that does not fit. The message
    /// says what was expected and found.
    fn from_value(value: Value) -> Result<Self>;

    /// Returns what stands for an argument that was not given; `None` if it must be given.
    #[doc(hidden)]
    fn missing() -> Option<Self> {
        None
    }
}

impl Value {
    /// Converts the value into a type of Rust's: `value.to::<i64>()?`.
    ///
    /// # Errors
    /// As for [`FromValue`].
    pub fn to<T: FromValue>(self) -> Result<T> {
        T::from_value(self)
    }
}

fn wrong(expected: &str, found: &Value) -> Error {
    let found = found.type_name();
    Error::new(ErrorKind::Type, format!("expected {expected}, found {found}"))
}

macro_rules! scalars {
    ($($type:ty, $variant:ident, $name:literal;)*) => {
        $(impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self> {
                match value {
                    Value::$variant(value) => Ok(value),
                    other => Err(wrong($name, &other)),
                }
            }
        })*
    };
}

scalars! {
    bool, Bool, "bool";
    i64, Int, "int";
    String, Str, "str";
    Vec<u8>, Bytes, "bytes";
}

macro_rules! numbers {
    ($($type:ty)*) => {
        $(impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self> {
                let number = i64::from_value(value)?;
                <$type>::try_from(number).map_err(|_| {
                    let (least, most) = (<$type>::MIN, <$type>::MAX);
                    Error::new(ErrorKind::Value, format!("expected a number from {least} to {most}, found {number}"))
                })
            }
        })*
    };
}

numbers! { i8 i16 i32 u16 u32 u64 usize }

impl FromValue for f64 {
    /// Takes an `int`, too, as Python does.
    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Float(value) => Ok(value),
            Value::Int(value) => Ok(value as f64),
            other => Err(wrong("float", &other)),
        }
    }
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self> {
        Ok(value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::None => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }

    fn missing() -> Option<Self> {
        Some(None)
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::List(values) => values.into_iter().map(T::from_value).collect(),
            other => Err(wrong("list", &other)),
        }
    }
}

fn entries<T: FromValue>(value: Value) -> Result<Vec<(String, T)>> {
    match value {
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| Ok((key, T::from_value(value)?)))
            .collect(),
        other => Err(wrong("dict", &other)),
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn from_value(value: Value) -> Result<Self> {
        Ok(entries(value)?.into_iter().collect())
    }
}

impl<T: FromValue> FromValue for HashMap<String, T> {
    fn from_value(value: Value) -> Result<Self> {
        Ok(entries(value)?.into_iter().collect())
    }
}

impl FromValue for serde_json::Value {
    /// `bytes` and numbers that are not finite have no form in JSON.
    fn from_value(value: Value) -> Result<Self> {
        Ok(match value {
            Value::None => serde_json::Value::Null,
            Value::Bool(value) => value.into(),
            Value::Int(value) => value.into(),
            Value::Float(value) => {
                let number = serde_json::Number::from_f64(value);
                let error = || Error::new(ErrorKind::Value, format!("{value} has no form in JSON"));
                number.ok_or_else(error)?.into()
            }
            Value::Str(value) => value.into(),
            value @ Value::List(_) => serde_json::Value::Array(value.to()?),
            value @ Value::Map(_) => {
                let entries = entries::<serde_json::Value>(value)?;
                serde_json::Value::Object(entries.into_iter().collect())
            }
            other @ (Value::Bytes(_) | Value::Object(_)) => return Err(wrong("a value of JSON", &other)),
        })
    }
}

macro_rules! into_value {
    ($($type:ty)*) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Value::Int(value.into())
            }
        })*
    };
}

into_value! { i8 i16 i32 u16 u32 }

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::None, Into::into)
    }
}

/// `bytes`, as [`FromValue`] reads them.
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Bytes(bytes)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<BTreeMap<String, T>> for Value {
    fn from(entries: BTreeMap<String, T>) -> Self {
        let entry = |(key, value): (String, T)| (key, value.into());
        Value::Map(entries.into_iter().map(entry).collect())
    }
}

/// A whole number beyond 64 bits with a sign becomes a float.
impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Value::None,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(value) => match value.as_i64() {
                Some(value) => Value::Int(value),
                // Only numbers of arbitrary precision have no f64, and these are off.
                None => Value::Float(value.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(value) => Value::Str(value),
            serde_json::Value::Array(values) => values.into(),
            serde_json::Value::Object(entries) => {
                let entry = |(key, value): (String, serde_json::Value)| (key, value.into());
                Value::Map(entries.into_iter().map(entry).collect())
            }
        }
    }
}

/// A tuple of types that the arguments of a method can become, each a [`FromValue`].
pub trait FromArguments<const N: usize>: Sized {
    /// Converts arguments that were bound to these names.
    #[doc(hidden)]
    fn from_bound(names: [&str; N], bound: [Option<Value>; N]) -> Result<Self>;
}

impl Arguments {
    /// Binds the arguments to these parameter names, in order, as Python would, and converts them:
    /// `let (by, label): (i64, Option<String>) = arguments.parse(["by", "label"])?`. An `Option` need not be given.
    ///
    /// # Errors
    /// [`ErrorKind::Type`] for too many arguments, an unknown keyword, one given twice, one that is missing, or one of another
    /// type; [`ErrorKind::Value`] for a number that does not fit.
    pub fn parse<T: FromArguments<N>, const N: usize>(self, names: [&str; N]) -> Result<T> {
        T::from_bound(names, self.bind(names)?)
    }
}

/// Converts an argument of a method, for [`methods`](macro@crate::methods); `None` if it was not given.
pub fn argument<T: FromValue>(name: &str, value: Option<Value>) -> Result<T> {
    match value {
        Some(value) => T::from_value(value)
            .map_err(|error| Error::new(error.kind(), format!("{name}: {}", error.message()))),
        None => T::missing()
            .ok_or_else(|| Error::new(ErrorKind::Type, format!("missing a required argument: {name:?}"))),
    }
}

macro_rules! arguments {
    ($($count:literal: $($type:ident $value:ident $name:ident),*;)*) => {
        $(impl<$($type: FromValue),*> FromArguments<$count> for ($($type,)*) {
            fn from_bound(names: [&str; $count], bound: [Option<Value>; $count]) -> Result<Self> {
                let ([$($name),*], [$($value),*]) = (names, bound);
                Ok(($(argument::<$type>($name, $value)?,)*))
            }
        })*
    };
}

arguments! {
    0: ;
    1: A a a_name;
    2: A a a_name, B b b_name;
    3: A a a_name, B b b_name, C c c_name;
    4: A a a_name, B b b_name, C c c_name, D d d_name;
    5: A a a_name, B b b_name, C c c_name, D d d_name, E e e_name;
    6: A a a_name, B b b_name, C c c_name, D d d_name, E e e_name, F f f_name;
}

#[cfg(test)]
mod tests;
