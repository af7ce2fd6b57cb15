//! Values and objects that pass between an extension and Python.

use std::fmt;

use super::error::{Error, ErrorKind, Result};
use super::outcome::Exception;

/// A value given to Python (an attribute of `context`, a result) or taken from it (an argument).
#[non_exhaustive]
pub enum Value {
    /// `None`.
    None,
    /// `bool`.
    Bool(bool),
    /// `int` of 64 bits.
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

/// An object with methods that Python calls: `context.tracer.span("parent")`.
///
/// Every method may be called from any thread, several at once, and is called without the GIL held. An
/// `Err` is raised in Python as the exception of its [`ErrorKind`]; so is a panic, as `RuntimeError`.
pub trait ContextObject: Send + Sync + 'static {
    /// The class name that Python shows.
    fn class_name(&self) -> &str;

    /// Names that are methods. All other names are looked up with [`get`](Self::get).
    fn methods(&self) -> &'static [&'static str] {
        &[]
    }

    /// `object.method(...)`, for the names in [`methods`](Self::methods).
    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        let _ = arguments;
        Err(no_method(self.class_name(), method))
    }

    /// `object.name`; `None` raises `AttributeError`.
    fn get(&self, name: &str) -> Result<Option<Value>> {
        let _ = name;
        Ok(None)
    }

    /// `object.name = value`.
    fn set(&self, name: &str, value: Value) -> Result<()> {
        let _ = value;
        Err(not_settable(self.class_name(), name))
    }

    /// `with object as x:` begins. `Ok(None)` makes `x` the object itself.
    fn enter(&self) -> Result<Option<Value>> {
        Err(Error::new(
            ErrorKind::Type,
            format!("{} is not a context manager", self.class_name()),
        ))
    }

    /// `with` ends, by `exception` if one was raised. `Ok(true)` swallows it.
    fn exit(&self, exception: Option<Exception<'_>>) -> Result<bool> {
        let _ = exception;
        Ok(false)
    }
}

/// Says that an object of this class has no method of this name.
pub fn no_method(class_name: &str, method: &str) -> Error {
    Error::new(
        ErrorKind::Attribute,
        format!("{class_name} has no method {method}"),
    )
}

/// Says that an object of this class has no attribute of this name that can be set.
pub fn not_settable(class_name: &str, name: &str) -> Error {
    Error::new(
        ErrorKind::Attribute,
        format!("{class_name} has no attribute {name} to set"),
    )
}

/// The arguments of a method call from Python.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Arguments {
    /// Positional arguments, in order.
    pub positional: Vec<Value>,
    /// Keyword arguments, in order.
    pub keyword: Vec<(String, Value)>,
}

impl Arguments {
    /// Returns these arguments, in order; for tests of objects.
    pub fn new(positional: impl Into<Vec<Value>>, keyword: impl Into<Vec<(String, Value)>>) -> Self {
        Arguments {
            positional: positional.into(),
            keyword: keyword.into(),
        }
    }

    /// Binds the arguments to these parameter names, in order, as Python would. `None` stands for one not given.
    ///
    /// # Errors
    /// [`ErrorKind::Type`] for too many arguments, an unknown keyword, or one given twice.
    pub fn bind<const N: usize>(self, names: [&str; N]) -> Result<[Option<Value>; N]> {
        if self.positional.len() > N {
            let given = self.positional.len();
            return Err(Error::new(
                ErrorKind::Type,
                format!(
                    "takes {N} argument{} but {given} were given",
                    if N == 1 { "" } else { "s" }
                ),
            ));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.keyword {
            let Some(index) = names.iter().position(|known| *known == name) else {
                let known = names.join(", ");
                return Err(Error::new(
                    ErrorKind::Type,
                    format!("got an unexpected keyword argument {name:?} (takes {known})"),
                ));
            };
            if bound[index].replace(value).is_some() {
                return Err(Error::new(
                    ErrorKind::Type,
                    format!("got multiple values for argument {name:?}"),
                ));
            }
        }
        Ok(bound)
    }
}

#[cfg(test)]
mod tests;
