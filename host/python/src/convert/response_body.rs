//! The body of a response that an app makes while it is sent, on its way through function code.

use std::sync::{Mutex, PoisonError};

use funcdock::model::Body;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// What `get_body` of a response returns whose body may not be there yet. Function code only hands it on.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct ResponseBody(Mutex<Option<Body>>);

impl ResponseBody {
    pub(crate) fn new(body: Body) -> Self {
        ResponseBody(Mutex::new(Some(body)))
    }

    /// Takes the body, to send it.
    ///
    /// # Errors
    /// `RuntimeError` if it was taken already: a stream has one reader.
    pub(crate) fn take(&self) -> PyResult<Body> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| PyRuntimeError::new_err("the body of this response has been sent already"))
    }
}
