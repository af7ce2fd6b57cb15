//! Python objects as values for extensions: the arguments of methods, and what attributes are set to.

use abi::Value;
use abi_stable::std_types::{RString, RVec, Tuple2};
use funcdock_extension_api::abi;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::text::utf8;

/// How deep lists and dicts may be nested: deeper ones are most likely endless.
const MAX_DEPTH: usize = 32;

/// A Python object as a value for an extension. Attached.
///
/// # Errors
/// `TypeError` for what is not None, bool, int, float, str, bytes, list, tuple or dict with str keys;
/// `OverflowError` for an int beyond 64 bits.
pub(crate) fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    from_python_at(object, 0)
}

fn from_python_at(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if depth > MAX_DEPTH {
        return Err(PyTypeError::new_err(format!(
            "a value nested more than {MAX_DEPTH} deep"
        )));
    }
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(Value::Str(RString::from(utf8(text)?)));
    }
    if object.is_none() {
        return Ok(Value::None);
    }
    // Before int, whose subclass bool is.
    if let Ok(value) = object.cast::<PyBool>() {
        return Ok(Value::Bool(value.is_true()));
    }
    if let Ok(value) = object.cast::<PyInt>() {
        let value = value
            .extract()
            .map_err(|_| PyOverflowError::new_err("an int beyond 64 bits"))?;
        return Ok(Value::Int(value));
    }
    if let Ok(value) = object.cast::<PyFloat>() {
        return Ok(Value::Float(value.value()));
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Value::Bytes(RVec::from(bytes.as_bytes().to_vec())));
    }
    if let Ok(list) = object.cast::<PyList>() {
        return list
            .iter()
            .map(|item| from_python_at(&item, depth + 1))
            .collect::<PyResult<_>>()
            .map(Value::List);
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return tuple
            .iter()
            .map(|item| from_python_at(&item, depth + 1))
            .collect::<PyResult<_>>()
            .map(Value::List);
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        return dict
            .iter()
            .map(|(key, value)| {
                let key = key
                    .cast::<PyString>()
                    .map_err(|_| PyTypeError::new_err("a dict key that is not str"))?;
                Ok(Tuple2(
                    RString::from(utf8(key)?),
                    from_python_at(&value, depth + 1)?,
                ))
            })
            .collect::<PyResult<_>>()
            .map(Value::Map);
    }
    let name = object.get_type().qualname()?;
    Err(PyTypeError::new_err(format!(
        "an extension takes None, bool, int, float, str, bytes, list, tuple or dict, not {name}"
    )))
}
