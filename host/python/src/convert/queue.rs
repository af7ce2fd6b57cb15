//! Messages that functions put into queues.

use funcdock::model::Data;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::generic::{self, bytes_of};

/// Converts what a function gives for a queue: a message, or a list of them. A message is `str`, `bytes`, a `QueueMessage`,
/// or anything that JSON has. Attached.
///
/// # Errors
/// `TypeError` for what is not a message; the error of `json.dumps`.
pub(super) fn data(function: &str, binding: &str, value: &Bound<'_, PyAny>) -> PyResult<Data> {
    let is_list = value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>();
    let is_other_iterable = || -> PyResult<bool> {
        let py = value.py();
        Ok(!value.is_instance_of::<PyDict>() && value.getattr_opt(intern!(py, "__next__"))?.is_some())
    };
    if !is_list && !is_other_iterable()? {
        return one(function, binding, value);
    }
    let mut messages = Vec::new();
    for item in value.try_iter()? {
        let message = one(function, binding, &item?)?;
        if matches!(message, Data::Double(number) if !number.is_finite()) {
            return Ok(message);
        }
        messages.push(message);
    }
    Ok(Data::ByteStrings(
        messages.into_iter().filter_map(bytes).collect(),
    ))
}

/// Converts one message.
fn one(function: &str, binding: &str, value: &Bound<'_, PyAny>) -> PyResult<Data> {
    // A QueueMessage: its id and times are the service's to choose.
    match value.getattr_opt(intern!(value.py(), "get_body"))? {
        Some(get_body) => Ok(Data::Bytes(bytes_of(&get_body.call0()?)?)),
        None => generic::data(function, binding, value),
    }
}

/// Returns the bytes of a message; `None` for none.
fn bytes(data: Data) -> Option<bytes::Bytes> {
    Some(match data {
        Data::String(text) | Data::Json(text) => text.into(),
        Data::Bytes(bytes) => bytes,
        Data::Int(number) => number.to_string().into(),
        Data::Double(number) => number.to_string().into(),
        _ => return None,
    })
}
