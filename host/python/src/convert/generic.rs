//! Bindings without their own conversion: plain data, converted like the reference's generic bindings.
//!
//! | data | Python |
//! |---|---|
//! | text, JSON (as text) | `str` |
//! | bytes | `bytes` |
//! | whole number, floating-point number | `int`, `float` |
//! | collection | `list` |
//! | nothing | `None` |
//!
//! From Python, `dict`, `list`, `tuple`, `bool` and an `int` beyond 64 bits become JSON.

use bytes::Bytes;
use funcdock::model::Data;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyNone, PyString, PyTuple};

use super::raw_blob::RawBlob;
use crate::byte_copy;
use crate::text::utf8;

/// Converts data to a Python object. Attached.
pub(super) fn object<'py>(py: Python<'py>, name: &str, data: &Data) -> PyResult<Bound<'py, PyAny>> {
    Ok(match data {
        Data::None => PyNone::get(py).to_owned().into_any(),
        Data::String(text) | Data::Json(text) => PyString::new(py, text).into_any(),
        Data::Bytes(bytes) => byte_copy::to_python(py, bytes)?.into_any(),
        Data::Int(number) => number.into_pyobject(py)?.into_any(),
        Data::Double(number) => PyFloat::new(py, *number).into_any(),
        Data::Strings(texts) => PyList::new(py, texts)?.into_any(),
        Data::ByteStrings(parts) => {
            let parts: Vec<_> = parts
                .iter()
                .map(|part| byte_copy::to_python(py, part))
                .collect::<PyResult<_>>()?;
            PyList::new(py, parts)?.into_any()
        }
        Data::Ints(numbers) => PyList::new(py, numbers)?.into_any(),
        Data::Doubles(numbers) => PyList::new(py, numbers)?.into_any(),
        Data::Blob(blob) => Bound::new(py, RawBlob::new((**blob).clone()))?.into_any(),
        Data::Reference(_) | Data::References(_) => {
            return Err(PyTypeError::new_err(format!(
                "the input {name:?} is a reference to data, which only a parameter of a type of \
                 azurefunctions-extensions-bindings takes"
            )));
        }
        Data::Request(_) | Data::Response(_) | Data::Stream(_) => {
            return Err(PyTypeError::new_err(format!(
                "the input {name:?} is an HTTP message or a stream, which only an HTTP binding supports"
            )));
        }
    })
}

/// Converts `str`, `bytes` and `bytearray`, which every binding takes; `None` for anything else. Attached.
///
/// # Errors
/// `UnicodeEncodeError` for text with lone surrogates.
pub(super) fn text_or_bytes(value: &Bound<'_, PyAny>) -> PyResult<Option<Data>> {
    Ok(if let Ok(text) = value.cast::<PyString>() {
        Some(Data::String(utf8(text)?.to_owned()))
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        Some(Data::Bytes(shared_or_copied(bytes)))
    } else if let Ok(bytes) = value.cast::<PyByteArray>() {
        Some(Data::Bytes(bytes.to_vec().into()))
    } else {
        None
    })
}

/// The size from which on bytes are worth an owner of their own, which costs an allocation and a later drop.
const SHARED: usize = 32 << 10;

/// Returns the bytes: large ones without a copy. Attached.
pub(crate) fn shared_or_copied(bytes: &Bound<'_, PyBytes>) -> Bytes {
    match bytes.as_bytes() {
        small if small.len() < SHARED => Bytes::copy_from_slice(small),
        _ => Bytes::from_owner(PyBackedBytes::from(bytes.clone())),
    }
}

/// Returns the bytes of any object that has some: `bytes`, `bytearray`, `memoryview`. Attached.
///
/// # Errors
/// `TypeError` for other objects.
pub(crate) fn bytes_of(value: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(shared_or_copied(bytes));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(bytes.to_vec().into());
    }
    let py = value.py();
    let Some(tobytes) = value.getattr_opt(intern!(py, "tobytes"))? else {
        let found = value.get_type().qualname()?;
        return Err(PyTypeError::new_err(format!("expected bytes, found {found}")));
    };
    Ok(shared_or_copied(tobytes.call0()?.cast::<PyBytes>()?))
}

/// Converts a Python object to data. Attached.
///
/// # Errors
/// `TypeError` for an object that is not data; the error of `json.dumps` for values that JSON cannot represent.
pub(super) fn data(function: &str, binding: &str, value: &Bound<'_, PyAny>) -> PyResult<Data> {
    if value.is_none() {
        return Ok(Data::None);
    }
    if let Some(data) = text_or_bytes(value)? {
        return Ok(data);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(Data::Double(number.value()));
    }
    // Before int, as bool is a subclass of it.
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Data::Json(flag.is_true().to_string()));
    }
    if let Ok(number) = value.cast::<PyInt>() {
        return Ok(match number.extract() {
            Ok(number) => Data::Int(number),
            Err(_) => Data::Json(utf8(&number.str()?)?.to_owned()),
        });
    }
    let is_json = value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>();
    if !is_json {
        let found = value.get_type().qualname()?;
        return Err(PyTypeError::new_err(format!(
            "function {function:?} gave {found} to the binding {binding:?}: expected str, bytes, int, float, bool, \
             dict, list or None"
        )));
    }
    let py = value.py();
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "allow_nan"), false)?;
    let dumps = py.import(intern!(py, "json"))?.getattr(intern!(py, "dumps"))?;
    let text = dumps.call((value,), Some(&keywords)).map_err(|error| {
        let found = error.value(py);
        PyValueError::new_err(format!(
            "function {function:?} gave the binding {binding:?} a value that JSON cannot represent: {found}"
        ))
    })?;
    Ok(Data::Json(utf8(text.cast::<PyString>()?)?.to_owned()))
}
