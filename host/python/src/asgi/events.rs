//! The events of an ASGI call as Python has them, and as Rust does.

use bytes::Bytes;
use funcdock::model::{Body, HttpResponse, append_header};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::byte_copy;
use crate::convert::bytes_of;
use crate::text::utf8;

/// An event that an app sends.
pub(super) enum Sent {
    Start(Box<HttpResponse>),
    Body { body: Bytes, more: bool },
}

impl Sent {
    /// # Errors
    /// `ValueError` or `TypeError` for an event that HTTP does not have, with what was expected.
    pub(super) fn parse(event: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = event.py();
        let kind = required(event, intern!(py, "type"))?;
        let kind = kind.cast::<PyString>()?;
        match utf8(kind)? {
            "http.response.start" => response_head(event).map(Sent::Start),
            "http.response.body" => {
                let (body, more) = response_body(event)?;
                Ok(Sent::Body { body, more })
            }
            other => Err(PyValueError::new_err(format!(
                "expected the event http.response.start or http.response.body, found {other:?}"
            ))),
        }
    }
}

/// Returns the head of a response, without a body, in the event that starts it.
pub(super) fn response_head(event: &Bound<'_, PyDict>) -> PyResult<Box<HttpResponse>> {
    let code: u16 = required(event, intern!(event.py(), "status"))?.extract()?;
    let status = StatusCode::from_u16(code)
        .ok()
        .filter(|status| status.as_u16() >= 200);
    let status = status
        .ok_or_else(|| PyValueError::new_err(format!("{code} is not a final HTTP status (200 to 999)")))?;
    Ok(Box::new(HttpResponse {
        status,
        headers: headers(event)?,
        body: Body::default(),
    }))
}

/// Returns a part of a response's body, and whether more comes.
pub(super) fn response_body(event: &Bound<'_, PyDict>) -> PyResult<(Bytes, bool)> {
    let py = event.py();
    let body = match event.get_item(intern!(py, "body"))? {
        Some(body) => bytes_of(&body)?,
        None => Bytes::new(),
    };
    let more = event.get_item(intern!(py, "more_body"))?;
    Ok((body, more.is_some_and(|more| more.is_truthy().unwrap_or(false))))
}

/// Returns the headers in an event.
pub(super) fn headers(event: &Bound<'_, PyDict>) -> PyResult<HeaderMap> {
    let mut headers = HeaderMap::new();
    let Some(given) = event.get_item(intern!(event.py(), "headers"))? else {
        return Ok(headers);
    };
    for pair in given.try_iter()? {
        let pair = pair?;
        let (name, value) = (pair.get_item(0)?, pair.get_item(1)?);
        let (name, value) = (bytes_of(&name)?, bytes_of(&value)?);
        let parsed = HeaderName::from_bytes(&name)
            .map_err(|_| PyValueError::new_err(format!("{name:?} is not a valid header name")))?;
        let value = HeaderValue::from_maybe_shared(value)
            .map_err(|_| PyValueError::new_err(format!("the value of header {name:?} is not valid")))?;
        append_header(&mut headers, parsed, value)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
    }
    Ok(headers)
}

/// Returns a value that an event must have.
pub(super) fn required<'py>(
    event: &Bound<'py, PyDict>,
    key: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    let found = event.get_item(key)?;
    found.ok_or_else(|| PyTypeError::new_err(format!("the event has no {key:?}: {event}")))
}

/// The headers as an app gives them: (name, value) pairs of bytes.
pub(super) fn raw_headers<'py>(py: Python<'py>, headers: &HeaderMap) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for (name, value) in headers {
        let name = PyBytes::new(py, name.as_str().as_bytes());
        list.append((name, PyBytes::new(py, value.as_bytes())))?;
    }
    Ok(list)
}

/// The event with a part of the request's body.
pub(super) fn request<'py>(py: Python<'py>, body: &[u8], more: bool) -> PyResult<Bound<'py, PyDict>> {
    let event = PyDict::new(py);
    event.set_item(intern!(py, "type"), intern!(py, "http.request"))?;
    event.set_item(intern!(py, "body"), byte_copy::to_python(py, body)?)?;
    event.set_item(intern!(py, "more_body"), more)?;
    Ok(event)
}

/// The event that says that the client has left, or that the response is complete.
pub(super) fn disconnect(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let event = PyDict::new(py);
    event.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
    Ok(event)
}
