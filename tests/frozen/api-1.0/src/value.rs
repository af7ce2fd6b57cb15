//! Values that pass between an extension and Python.

use std::fmt;

use abi_stable::std_types::Tuple2;

use crate::abi;
use crate::{ContextObject, Error, ErrorKind, Result};

/// A value given to Python (an attribute of `context`, a result) or taken from it (an argument).
#[non_exhaustive]
pub enum Value {
    /// `None`.
    None,
    /// `bool`.
    Bool(bool),
    /// `int`, as far as 64 bits reach.
    Int(i64),
    /// `float`.
    Float(f64),
    /// `str`.
    Str(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `list`.
    List(Vec<Value>),
    /// `dict` with `str` keys.
    Map(Vec<(String, Value)>),
    /// An object whose methods Python can call. Never an argument: Python's own objects stay in Python.
    Object(Box<dyn ContextObject>),
}

impl Value {
    /// An object for Python to call.
    pub fn object(object: impl ContextObject) -> Value {
        Value::Object(Box::new(object))
    }

    /// The Python type's name, for error messages.
    pub fn type_name(&self) -> &str {
        match self {
            Value::None => "None",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "dict",
            Value::Object(object) => object.class_name(),
        }
    }

    /// The string, or an error that becomes a Python `TypeError`.
    pub fn into_string(self) -> Result<String> {
        match self {
            Value::Str(text) => Ok(text),
            other => Err(Error::new(
                ErrorKind::Type,
                format!("expected str, found {}", other.type_name()),
            )),
        }
    }

    pub(crate) fn into_abi(self) -> abi::Value {
        match self {
            Value::None => abi::Value::None,
            Value::Bool(value) => abi::Value::Bool(value),
            Value::Int(value) => abi::Value::Int(value),
            Value::Float(value) => abi::Value::Float(value),
            Value::Str(value) => abi::Value::Str(value.into()),
            Value::Bytes(value) => abi::Value::Bytes(value.into()),
            Value::List(values) => abi::Value::List(values.into_iter().map(Value::into_abi).collect()),
            Value::Map(entries) => abi::Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| Tuple2(key.into(), value.into_abi()))
                    .collect(),
            ),
            Value::Object(object) => abi::Value::Object(crate::object::into_abi(object)),
        }
    }

    /// Objects do not travel from Python to an extension; the host never sends one, and one that a faulty
    /// host sent would arrive as `None`.
    pub(crate) fn from_abi(value: abi::Value) -> Value {
        match value {
            abi::Value::None | abi::Value::Object(_) => Value::None,
            abi::Value::Bool(value) => Value::Bool(value),
            abi::Value::Int(value) => Value::Int(value),
            abi::Value::Float(value) => Value::Float(value),
            abi::Value::Str(value) => Value::Str(value.into()),
            abi::Value::Bytes(value) => Value::Bytes(value.into()),
            abi::Value::List(values) => Value::List(values.into_iter().map(Value::from_abi).collect()),
            abi::Value::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|Tuple2(key, value)| (key.into(), Value::from_abi(value)))
                    .collect(),
            ),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::None => f.write_str("None"),
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            Value::Float(value) => value.fmt(f),
            Value::Str(value) => value.fmt(f),
            Value::Bytes(value) => value.fmt(f),
            Value::List(values) => values.fmt(f),
            Value::Map(entries) => entries.fmt(f),
            Value::Object(object) => write!(f, "<{}>", object.class_name()),
        }
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Value::None
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Str(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Str(value)
    }
}
