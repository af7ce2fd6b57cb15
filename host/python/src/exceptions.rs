//! Python's exceptions as the pipeline has them.

use funcdock::model::Exception;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::text::lossy;

/// Describes an exception, with a traceback that begins in the app's code. Attached.
pub(crate) fn describe(py: Python<'_>, error: &PyErr) -> Exception {
    // Not `value`, which has no traceback before Python 3.12.
    let value = error.clone_ref(py).into_value(py);
    let [type_name, message, traceback] = texts(value.bind(py)).unwrap_or_else(|_| {
        let name = error.get_type(py).qualname();
        let name = name.map_or("Exception".to_owned(), |name| lossy(&name).into_owned());
        let message = value.bind(py).str().map(|text| lossy(&text).into_owned());
        [name, message.unwrap_or_default(), String::new()]
    });
    Exception {
        type_name,
        message,
        traceback,
    }
}

/// Returns the type name, the message and the traceback of an exception, without lone surrogates. Attached.
pub(crate) fn texts(error: &Bound<'_, PyAny>) -> PyResult<[String; 3]> {
    let py = error.py();
    let errors = py.import(intern!(py, "funcdock.errors"))?;
    let texts: [Bound<'_, PyString>; 3] = errors
        .call_method1(intern!(py, "describe"), (error,))?
        .cast::<PyTuple>()?
        .extract::<(_, _, _)>()?
        .into();
    Ok(texts.map(|text| lossy(&text).into_owned()))
}
