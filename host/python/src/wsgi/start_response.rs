//! `start_response`: what an app says of its response before the body.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use funcdock::model::{Body, HttpResponse, append_header};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::convert::{bytes_of, latin1_bytes};

/// The callable that an app gets.
#[pyclass(frozen, module = "funcdock")]
#[derive(Default)]
pub(super) struct StartResponse(Mutex<State>);

#[derive(Default)]
struct State {
    head: Option<HttpResponse>,
    /// What the app has written with the callable that `start_response` returns.
    written: Vec<Bytes>,
    /// Whether the head was sent.
    is_taken: bool,
}

impl StartResponse {
    /// Takes the head, to send it, and what the app has written so far; `None` if the app has not given a head.
    pub(super) fn take(&self) -> Option<(HttpResponse, Vec<Bytes>)> {
        let mut state = self.lock();
        state.is_taken = true;
        let head = state.head.take()?;
        Some((head, std::mem::take(&mut state.written)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl StartResponse {
    #[pyo3(signature = (status, response_headers, exc_info=None))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        status: &Bound<'py, PyString>,
        response_headers: &Bound<'py, PyAny>,
        exc_info: Option<Bound<'py, PyTuple>>,
    ) -> PyResult<Writer> {
        let head = parse(status, response_headers)?;
        let mut state = slf.get().lock();
        let is_late = state.is_taken;
        match exc_info {
            // The protocol: with an error, the head is replaced, unless it was sent.
            Some(exc_info) if is_late => {
                drop(state);
                return Err(PyErr::from_value(exc_info.get_item(1)?));
            }
            Some(_) => {}
            None if is_late || state.head.is_some() => {
                return Err(PyRuntimeError::new_err(
                    "start_response was called already; to replace the response, pass exc_info",
                ));
            }
            None => {}
        }
        state.head = Some(head);
        drop(state);
        Ok(Writer(slf.clone().unbind()))
    }
}

/// The callable that `start_response` returns, for apps that write their body instead of returning it.
#[pyclass(frozen, module = "funcdock")]
struct Writer(Py<StartResponse>);

#[pymethods]
impl Writer {
    fn __call__(&self, body: &Bound<'_, PyAny>) -> PyResult<()> {
        let body = bytes_of(body)?;
        self.0.get().lock().written.push(body);
        Ok(())
    }
}

/// Reads "200 OK" and (name, value) pairs.
fn parse(status: &Bound<'_, PyString>, headers: &Bound<'_, PyAny>) -> PyResult<HttpResponse> {
    let text = status.to_string_lossy();
    let code = text.split(' ').next().and_then(|code| code.parse().ok());
    let status = code.and_then(|code: u16| StatusCode::from_u16(code).ok());
    let status = status.filter(|status| status.as_u16() >= 200).ok_or_else(|| {
        PyValueError::new_err(format!(
            "expected a final status such as \"200 OK\", found {text:?}"
        ))
    })?;
    let mut made = HeaderMap::new();
    for pair in headers.try_iter()? {
        let pair = pair?;
        let (name, value) = (pair.get_item(0)?, pair.get_item(1)?);
        let (name, value) = (name.cast_into::<PyString>()?, value.cast_into::<PyString>()?);
        let parsed = HeaderName::from_bytes(&latin1_bytes(&name)?)
            .map_err(|_| PyValueError::new_err(format!("{name:?} is not a valid header name")))?;
        let value = HeaderValue::from_bytes(&latin1_bytes(&value)?).map_err(|_| {
            PyValueError::new_err(format!("the value of header {name:?} is not valid: {value:?}"))
        })?;
        append_header(&mut made, parsed, value).map_err(|error| PyValueError::new_err(error.to_string()))?;
    }
    Ok(HttpResponse {
        status,
        headers: made,
        body: Body::default(),
    })
}
