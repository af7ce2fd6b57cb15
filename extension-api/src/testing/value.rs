//! Values that an extension gave to Python, held as Python holds them.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use abi_stable::std_types::{ROption, Tuple2};

use super::log::Scope;
use crate::author::convert::value_into_abi;
use crate::driver::name_panic;
use crate::{Arguments, Error, ErrorKind, Result, Value, abi};

/// A value as function code sees it: an attribute of `context`, or what a method returned.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PyValue {
    /// `None`.
    None,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `float`.
    Float(f64),
    /// `str`.
    Str(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `list`.
    List(Vec<PyValue>),
    /// `dict`, in insertion order.
    Map(Vec<(String, PyValue)>),
    /// An object of the extension.
    Object(PyObject),
}

impl PyValue {
    /// The object.
    ///
    /// # Panics
    /// For any other value.
    #[track_caller]
    pub fn into_object(self) -> PyObject {
        match self {
            PyValue::Object(object) => object,
            other => panic!("{other:?} is not an object of an extension"),
        }
    }

    /// Returns a plain value as a host gives it to other extensions; `None` of an object. Objects in collections become
    /// `None`.
    pub(super) fn to_abi(&self) -> Option<abi::Value> {
        let or_none = |value: &PyValue| value.to_abi().unwrap_or(abi::Value::None);
        Some(match self {
            PyValue::None => abi::Value::None,
            PyValue::Bool(value) => abi::Value::Bool(*value),
            PyValue::Int(value) => abi::Value::Int(*value),
            PyValue::Float(value) => abi::Value::Float(*value),
            PyValue::Str(value) => abi::Value::Str(value.as_str().into()),
            PyValue::Bytes(value) => abi::Value::Bytes(value.clone().into()),
            PyValue::List(values) => abi::Value::List(values.iter().map(or_none).collect()),
            PyValue::Map(entries) => {
                let entry = |(key, value): &(String, PyValue)| Tuple2(key.as_str().into(), or_none(value));
                abi::Value::Map(entries.iter().map(entry).collect())
            }
            PyValue::Object(_) => return None,
        })
    }

    pub(super) fn from_abi(value: abi::Value, scope: &Scope) -> Self {
        match value {
            abi::Value::None => PyValue::None,
            abi::Value::Bool(value) => PyValue::Bool(value),
            abi::Value::Int(value) => PyValue::Int(value),
            abi::Value::Float(value) => PyValue::Float(value),
            abi::Value::Str(value) => PyValue::Str(value.into()),
            abi::Value::Bytes(value) => PyValue::Bytes(value.into()),
            abi::Value::List(values) => {
                let values = values.into_iter().map(|value| PyValue::from_abi(value, scope));
                PyValue::List(values.collect())
            }
            abi::Value::Map(entries) => {
                let entry = |Tuple2(key, value)| (String::from(key), PyValue::from_abi(value, scope));
                PyValue::Map(entries.into_iter().map(entry).collect())
            }
            abi::Value::Object(object) => PyValue::Object(PyObject(Arc::new(Held {
                object: ManuallyDrop::new(object),
                scope: scope.clone(),
            }))),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident,)*) => {
        $(impl From<$type> for PyValue {
            fn from(value: $type) -> Self {
                PyValue::$variant(value.into())
            }
        })*
    };
}

from! {
    bool => Bool,
    i64 => Int,
    f64 => Float,
    &str => Str,
    String => Str,
    Vec<PyValue> => List,
}

/// An object of the extension as function code holds it; clones are the same object. It lives on after the call, as
/// Python may keep it.
#[derive(Clone)]
pub struct PyObject(Arc<Held>);

struct Held {
    /// Dropped by our own `drop` alone.
    object: ManuallyDrop<abi::Object>,
    scope: Scope,
}

impl Drop for Held {
    fn drop(&mut self) {
        let Held { object, scope } = self;
        // SAFETY: dropped once, here. What its destructor logs is the call's.
        scope.run(|| unsafe { ManuallyDrop::drop(object) });
    }
}

impl PyObject {
    /// The class name that Python shows.
    pub fn class_name(&self) -> String {
        self.run(|this| this.class_name().to_string())
    }

    /// The names that are methods.
    pub fn methods(&self) -> Vec<String> {
        self.run(|this| this.methods().iter().map(ToString::to_string).collect())
    }

    /// `object.method(…)`: `call("increment", ())`, `call("span", ("parent",))`, or with [`Arguments`] for keywords.
    ///
    /// # Errors
    /// What Python would raise: the method's own error, a panic, or that there is no such method.
    pub fn call(&self, method: &str, arguments: impl Into<Arguments>) -> Result<PyValue> {
        if !self.methods().iter().any(|known| known == method) {
            // Python looks the attribute up, and then calls that.
            self.get(method)?;
            return Err(Error::new(
                ErrorKind::Type,
                format!("{}.{method} is not callable", self.class_name()),
            ));
        }
        let Arguments { positional, keyword } = arguments.into();
        let positional = positional.into_iter().map(value_into_abi).collect();
        let keyword = keyword
            .into_iter()
            .map(|(name, value)| Tuple2(name.into(), value_into_abi(value)))
            .collect();
        let result = self.run(|this| this.call(method.into(), positional, keyword));
        match result.into_result() {
            Ok(value) => Ok(PyValue::from_abi(value, &self.0.scope)),
            // As Python does, a `TypeError` of a call begins with the method's name.
            Err(error) if error.kind == abi::ERROR_TYPE => Err(Error::new(
                ErrorKind::Type,
                format!("{method}() {}", error.message),
            )),
            Err(error) => Err(self.error(format_args!("{method}()"), error)),
        }
    }

    /// `object.name`.
    ///
    /// # Errors
    /// What Python would raise; [`ErrorKind::Attribute`] if there is none of that name.
    pub fn get(&self, name: &str) -> Result<PyValue> {
        let found = self.run(|this| this.get(name.into()));
        match found.into_result().map_err(|error| self.error(name, error))? {
            ROption::RSome(value) => Ok(PyValue::from_abi(value, &self.0.scope)),
            ROption::RNone => Err(Error::new(
                ErrorKind::Attribute,
                format!("'{}' object has no attribute '{name}'", self.class_name()),
            )),
        }
    }

    /// `object.name = value`.
    ///
    /// # Errors
    /// What Python would raise.
    pub fn set(&self, name: &str, value: impl Into<Value>) -> Result<()> {
        let value = value_into_abi(value.into());
        self.run(|this| this.set(name.into(), value))
            .into_result()
            .map_err(|error| self.error(name, error))
    }

    /// `with object as x:` begins; returns `x`.
    ///
    /// # Errors
    /// What Python would raise.
    pub fn enter(&self) -> Result<PyValue> {
        let entered = self.run(abi::Object::enter).into_result();
        Ok(match entered.map_err(|error| self.error("__enter__()", error))? {
            ROption::RSome(value) => PyValue::from_abi(value, &self.0.scope),
            ROption::RNone => PyValue::Object(self.clone()),
        })
    }

    /// `with` ends.
    ///
    /// # Errors
    /// What Python would raise.
    pub fn exit(&self) -> Result<()> {
        self.leave(None).map(drop)
    }

    /// `with` ends by an exception. Returns whether the object swallows it.
    ///
    /// # Errors
    /// What Python would raise instead.
    pub fn exit_raising(&self, type_name: &str, message: &str) -> Result<bool> {
        self.leave(Some(abi::Exception {
            type_name: type_name.into(),
            message: message.into(),
            traceback: "".into(),
        }))
    }

    fn leave(&self, exception: Option<abi::Exception<'_>>) -> Result<bool> {
        self.run(|this| this.exit(exception.into()))
            .into_result()
            .map_err(|error| self.error("__exit__()", error))
    }

    fn error(&self, member: impl fmt::Display, error: abi::Error) -> Error {
        self.run(|this| Error::from_abi(name_panic(this, member, error)))
    }

    fn run<T>(&self, f: impl FnOnce(&abi::Object) -> T) -> T {
        self.0.scope.run(|| f(&self.0.object))
    }
}

impl PartialEq for PyObject {
    /// Python's `is`.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for PyObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.class_name())
    }
}

impl Arguments {
    /// Adds a keyword argument, for [`PyObject::call`].
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.keyword.push((name.into(), value.into()));
        self
    }
}

impl From<()> for Arguments {
    fn from((): ()) -> Self {
        Arguments::default()
    }
}

macro_rules! from_tuples {
    ($(($($type:ident $value:ident),+);)*) => {
        $(impl<$($type: Into<Value>),+> From<($($type,)+)> for Arguments {
            fn from(($($value,)+): ($($type,)+)) -> Self {
                Arguments { positional: vec![$($value.into()),+], keyword: Vec::new() }
            }
        })*
    };
}

from_tuples! {
    (A a);
    (A a, B b);
    (A a, B b, C c);
    (A a, B b, C c, D d);
}
