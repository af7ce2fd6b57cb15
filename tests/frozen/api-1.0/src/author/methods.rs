//! What `#[methods]` makes methods of.

use super::error::{Error, ErrorKind, Result};
use super::typed::{self, FromValue};
use super::value::Value;

/// Converts an argument; `None` if it was not given.
pub fn argument<T: FromValue>(name: &str, value: Option<Value>) -> Result<T> {
    typed::argument(name, value)
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
