//! What a function returned or raised, as an [`Outcome`].

use bytes::Bytes;
use funcdock::invocation::{Datum, Exception, HttpResponse, Outcome};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString, PyTuple};

use crate::loader::Function;
use crate::text::utf8;

/// The outcome of a call that returned `value`. Attached. What cannot be sent is an exception of the function.
pub(crate) fn returned(
    function: &Function,
    value: &Bound<'_, PyAny>,
    outputs: &[Bound<'_, PyAny>],
) -> Outcome {
    match datum(function, value, outputs) {
        Ok(datum) => Outcome::Returned(datum),
        Err(error) => raised(value.py(), &error),
    }
}

/// The outcome of a call that ended without a word of the function.
pub(crate) fn lost(reason: &str) -> Outcome {
    Outcome::Raised(Box::new(Exception {
        type_name: "LostCall".to_owned(),
        message: reason.to_owned(),
        traceback: String::new(),
    }))
}

/// The outcome of a call that raised. Attached.
pub(crate) fn raised(py: Python<'_>, error: &PyErr) -> Outcome {
    let describe = || -> PyResult<(String, String, String)> {
        let errors = py.import(intern!(py, "funcdock.errors"))?;
        errors
            .call_method1(intern!(py, "describe"), (error.clone_ref(py).into_value(py),))?
            .extract()
    };
    let (type_name, message, traceback) =
        describe().unwrap_or_else(|_| ("Exception".to_owned(), error.to_string(), String::new()));
    Outcome::Raised(Box::new(Exception {
        type_name,
        message,
        traceback,
    }))
}

fn datum(function: &Function, value: &Bound<'_, PyAny>, outputs: &[Bound<'_, PyAny>]) -> PyResult<Datum> {
    if !value.is_none() {
        return convert(function, value);
    }
    let Some(output) = function.response_output.and_then(|index| outputs.get(index)) else {
        return Ok(Datum::None);
    };
    let set = output.call_method0(intern!(value.py(), "get"))?;
    if set.is_none() {
        Ok(Datum::None)
    } else {
        convert(function, &set)
    }
}

fn convert(function: &Function, value: &Bound<'_, PyAny>) -> PyResult<Datum> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Datum::String(utf8(text)?.to_owned()));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Datum::Bytes(Bytes::copy_from_slice(bytes.as_bytes())));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(Datum::Bytes(bytes.to_vec().into()));
    }
    // Any object with the interface of `func.HttpResponse` is one.
    let py = value.py();
    let Some(body) = value.getattr_opt(intern!(py, "get_body"))? else {
        let (name, found) = (&function.name, value.get_type().qualname()?);
        return Err(PyTypeError::new_err(format!(
            "function {name:?} returned {found}: an HTTP function returns func.HttpResponse, str, bytes or None"
        )));
    };
    let body = body.call0()?;
    let body = Bytes::copy_from_slice(body.cast::<PyBytes>()?.as_bytes());
    let code: u16 = value.getattr(intern!(py, "status_code"))?.extract()?;
    let status = StatusCode::from_u16(code)
        .ok()
        .filter(|status| status.as_u16() >= 200);
    let status = status.ok_or_else(|| PyValueError::new_err(format!("{code} is no final HTTP status")))?;
    let mut headers = HeaderMap::new();
    let given = value.getattr(intern!(py, "headers"))?;
    if given.is_truthy()? {
        read_headers(&given, &mut headers)?;
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, content_type(value)?);
    }
    Ok(Datum::Http(Box::new(HttpResponse {
        status,
        headers,
        body,
    })))
}

fn read_headers(given: &Bound<'_, PyAny>, headers: &mut HeaderMap) -> PyResult<()> {
    let py = given.py();
    for pair in given.call_method0(intern!(py, "items"))?.try_iter()? {
        let pair = pair?.cast_into::<PyTuple>()?;
        let (name, value) = (pair.get_item(0)?.str()?, pair.get_item(1)?.str()?);
        let (name, value) = (utf8(&name)?, utf8(&value)?);
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| PyValueError::new_err(format!("{name:?} is no header name")))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            PyValueError::new_err(format!("the value of header {name:?} is not valid: {value:?}"))
        })?;
        headers.append(parsed, value);
    }
    Ok(())
}

/// From `mimetype` and `charset`, as the library documents them.
fn content_type(response: &Bound<'_, PyAny>) -> PyResult<HeaderValue> {
    let py = response.py();
    let mimetype = response.getattr(intern!(py, "mimetype"))?;
    let charset = response.getattr(intern!(py, "charset"))?;
    let mimetype = utf8(mimetype.cast::<PyString>()?)?;
    // Nearly every response has the defaults.
    if !charset.is_none() && mimetype.starts_with("text/") {
        let charset = utf8(charset.cast::<PyString>()?)?;
        if mimetype == "text/plain" && charset == "utf-8" {
            return Ok(HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        return header_value(&format!("{mimetype}; charset={charset}"));
    }
    header_value(mimetype)
}

fn header_value(text: &str) -> PyResult<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| PyValueError::new_err(format!("{text:?} is no content type")))
}
