//! HTTP responses: `func.HttpResponse`, any object with its interface, text and bytes.

use std::sync::OnceLock;

use funcdock::model::{Body, BodyStream, Data, HttpResponse, append_header};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use super::generic::{shared_or_copied, text_or_bytes};
use super::response_body::ResponseBody;
use crate::text::utf8;

/// The content type of nearly all responses. Made once, as `from_static` looks at each byte.
static PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What nearly every function returns: `func.HttpResponse` itself, and no class of the app's.
static KNOWN: OnceLock<KnownResponse> = OnceLock::new();

struct KnownResponse {
    class: Py<PyAny>,
    /// `read_response` of `funcdock.http`.
    read: Py<PyAny>,
}

/// Notes the library's class of responses, if the app has the library. `http` is the module `funcdock.http`. Attached.
pub(crate) fn know_responses(http: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = http.getattr("HttpResponse")?;
    if !class.is_none() {
        let read = http.getattr("read_response")?.unbind();
        // Set once: a process has one interpreter.
        let _ = KNOWN.set(KnownResponse {
            class: class.unbind(),
            read,
        });
    }
    Ok(())
}

impl KnownResponse {
    fn read(&self, value: &Bound<'_, PyAny>) -> PyResult<Data> {
        let read = self.read.bind(value.py()).call1((value,))?;
        let read = read.cast::<PyTuple>()?;
        let item = |index| read.get_item(index);
        let mut headers = HeaderMap::new();
        let given = item(2)?;
        if !given.is_none() {
            read_headers(&given, &mut headers)?;
        }
        if !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, content_type(&item(3)?, &item(4)?)?);
        }
        Ok(Data::Response(Box::new(HttpResponse {
            status: final_status(&item(1)?, false)?,
            headers,
            body: Body::Bytes(shared_or_copied(item(0)?.cast::<PyBytes>()?)),
        })))
    }
}

/// Converts the value that an HTTP function returned. Attached.
///
/// # Errors
/// `TypeError` for an object that is not a response, `ValueError` for a response that HTTP does not have.
pub(super) fn data(function: &str, binding: &str, value: &Bound<'_, PyAny>) -> PyResult<Data> {
    if let Some(data) = text_or_bytes(value)? {
        return Ok(data);
    }
    if let Some(known) = KNOWN
        .get()
        .filter(|known| value.get_type().as_ptr() == known.class.as_ptr())
    {
        return known.read(value);
    }
    // Any object with the interface of `func.HttpResponse` is a response.
    let py = value.py();
    let Some(body) = value.getattr_opt(intern!(py, "get_body"))? else {
        let found = value.get_type().qualname()?;
        return Err(PyTypeError::new_err(match binding {
            "$return" => format!(
                "function {function:?} returned {found}: an HTTP function returns func.HttpResponse, str, bytes or None"
            ),
            _ => format!(
                "function {function:?} gave {found} to the binding {binding:?}: expected func.HttpResponse, str, bytes \
                 or None"
            ),
        }));
    };
    let body = body.call0()?;
    // An app's own response has exactly the headers that the app gave it.
    let (body, maker) = match body.cast::<ResponseBody>() {
        Ok(made) => {
            let body = made.get().take()?;
            let accepts_websocket = body.stream().is_some_and(BodyStream::is_of_websocket);
            (body, Maker::App { accepts_websocket })
        }
        Err(_) => (
            Body::Bytes(shared_or_copied(body.cast::<PyBytes>()?)),
            Maker::Function,
        ),
    };
    let mut response = head(value, &maker)?;
    response.body = body;
    Ok(Data::Response(Box::new(response)))
}

/// Who has made a response.
pub(super) enum Maker {
    /// The function: the response has a content type by default.
    Function,
    /// An app to which the function has handed its request.
    App {
        /// Whether the body is that of a WebSocket, which has a status of its own.
        accepts_websocket: bool,
    },
}

/// Reads the status and the headers of a response. Attached.
pub(super) fn head(value: &Bound<'_, PyAny>, maker: &Maker) -> PyResult<HttpResponse> {
    let py = value.py();
    let accepts_websocket = matches!(
        maker,
        Maker::App {
            accepts_websocket: true
        }
    );
    let status = final_status(&value.getattr(intern!(py, "status_code"))?, accepts_websocket)?;
    let mut headers = HeaderMap::new();
    let given = value.getattr(intern!(py, "headers"))?;
    if given.is_truthy()? {
        read_headers(&given, &mut headers)?;
    }
    if matches!(maker, Maker::Function) && !headers.contains_key(CONTENT_TYPE) {
        let mimetype = value.getattr(intern!(py, "mimetype"))?;
        let charset = value.getattr(intern!(py, "charset"))?;
        headers.insert(CONTENT_TYPE, content_type(&mimetype, &charset)?);
    }
    Ok(HttpResponse {
        status,
        headers,
        body: Body::default(),
    })
}

fn final_status(code: &Bound<'_, PyAny>, accepts_websocket: bool) -> PyResult<StatusCode> {
    let code: u16 = code.extract()?;
    let status = StatusCode::from_u16(code).ok().filter(|status| {
        status.as_u16() >= 200 || (accepts_websocket && *status == StatusCode::SWITCHING_PROTOCOLS)
    });
    status.ok_or_else(|| PyValueError::new_err(format!("{code} is not a final HTTP status (200 to 999)")))
}

fn read_headers(given: &Bound<'_, PyAny>, headers: &mut HeaderMap) -> PyResult<()> {
    let py = given.py();
    for pair in given.call_method0(intern!(py, "items"))?.try_iter()? {
        let pair = pair?.cast_into::<PyTuple>()?;
        let (name, value) = (pair.get_item(0)?.str()?, pair.get_item(1)?.str()?);
        let (name, value) = (utf8(&name)?, utf8(&value)?);
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| PyValueError::new_err(format!("{name:?} is not a valid header name")))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            PyValueError::new_err(format!("the value of header {name:?} is not valid: {value:?}"))
        })?;
        append_header(headers, parsed, value).map_err(|error| PyValueError::new_err(error.to_string()))?;
    }
    Ok(())
}

/// Returns the content type from `mimetype` and `charset`, as the library documents.
fn content_type(mimetype: &Bound<'_, PyAny>, charset: &Bound<'_, PyAny>) -> PyResult<HeaderValue> {
    let mimetype = utf8(mimetype.cast::<PyString>()?)?;
    // Fast path: nearly every response has the defaults.
    if !charset.is_none() && mimetype.starts_with("text/") {
        let charset = utf8(charset.cast::<PyString>()?)?;
        if mimetype == "text/plain" && charset == "utf-8" {
            return Ok(PLAIN.clone());
        }
        return header_value(&format!("{mimetype}; charset={charset}"));
    }
    header_value(mimetype)
}

fn header_value(text: &str) -> PyResult<HeaderValue> {
    HeaderValue::from_str(text)
        .map_err(|_| PyValueError::new_err(format!("{text:?} is not a valid content type")))
}
