//! Python's exceptions as the pipeline has them.

use funcdock::model::Exception;
use pyo3::intern;
use pyo3::prelude::*;

/// Describes an exception, with a traceback that begins in the app's code. Attached.
pub(crate) fn describe(py: Python<'_>, error: &PyErr) -> Exception {
    let describe = || -> PyResult<(String, String, String)> {
        let errors = py.import(intern!(py, "funcdock.errors"))?;
        errors
            .call_method1(intern!(py, "describe"), (error.clone_ref(py).into_value(py),))?
            .extract()
    };
    let (type_name, message, traceback) =
        describe().unwrap_or_else(|_| ("Exception".to_owned(), error.to_string(), String::new()));
    Exception {
        type_name,
        message,
        traceback,
    }
}
