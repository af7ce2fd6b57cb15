//! The events of WebSockets as Python has them, and as Rust does.

use bytes::Bytes;
use funcdock::model::HttpResponse;
use funcdock::websocket::{self, Closed, Message};
use http::HeaderMap;
use http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::events;
use crate::byte_copy;
use crate::convert::bytes_of;
use crate::text::utf8;

/// The code with which an app closes that gives none.
const NORMAL: u16 = 1000;

/// An event that an app sends.
pub(super) enum Sent {
    /// The headers of the handshake.
    Accept(HeaderMap),
    /// A message.
    Frame(Bytes),
    Close {
        code: u16,
        reason: String,
    },
    /// The head of a response that refuses.
    RefusalStart(Box<HttpResponse>),
    RefusalBody {
        body: Bytes,
        more: bool,
    },
}

impl Sent {
    /// # Errors
    /// `ValueError` or `TypeError` for an event that WebSockets do not have, with what was expected.
    pub(super) fn parse(event: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = event.py();
        let kind = events::required(event, intern!(py, "type"))?;
        match utf8(kind.cast::<PyString>()?)? {
            "websocket.accept" => Self::accept(event),
            "websocket.send" => Self::message(event),
            "websocket.close" => Ok(Sent::Close {
                code: given(event, intern!(py, "code"))?.map_or(Ok(NORMAL), |code| code.extract())?,
                reason: given(event, intern!(py, "reason"))?
                    .map_or(Ok(String::new()), |reason| reason.extract())?,
            }),
            "websocket.http.response.start" => events::response_head(event).map(Sent::RefusalStart),
            "websocket.http.response.body" => {
                let (body, more) = events::response_body(event)?;
                Ok(Sent::RefusalBody { body, more })
            }
            other => Err(PyValueError::new_err(format!(
                "expected the event websocket.accept, websocket.send, websocket.close or \
                 websocket.http.response.start, found {other:?}"
            ))),
        }
    }

    fn accept(event: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = event.py();
        let mut headers = events::headers(event)?;
        if let Some(protocol) = given(event, intern!(py, "subprotocol"))? {
            let protocol = protocol.cast::<PyString>()?;
            let value = HeaderValue::from_str(utf8(protocol)?)
                .map_err(|_| PyValueError::new_err(format!("the subprotocol {protocol:?} is not valid")))?;
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
        Ok(Sent::Accept(headers))
    }

    fn message(event: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = event.py();
        if let Some(text) = given(event, intern!(py, "text"))? {
            return Ok(Sent::Frame(websocket::text(utf8(text.cast::<PyString>()?)?)));
        }
        match given(event, intern!(py, "bytes"))? {
            Some(bytes) => Ok(Sent::Frame(websocket::binary(&bytes_of(&bytes)?))),
            None => Err(PyTypeError::new_err(format!(
                "the event has neither 'text' nor 'bytes': {event}"
            ))),
        }
    }
}

/// Returns a value of an event that may be absent or None.
fn given<'py>(event: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let found = event.get_item(key)?;
    Ok(found.filter(|value| !value.is_none()))
}

/// The event with which each call begins.
pub(super) fn connect(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let event = PyDict::new(py);
    event.set_item(intern!(py, "type"), intern!(py, "websocket.connect"))?;
    Ok(event)
}

/// The event with a message of the client.
pub(super) fn receive<'py>(py: Python<'py>, message: &Message) -> PyResult<Bound<'py, PyDict>> {
    let event = PyDict::new(py);
    event.set_item(intern!(py, "type"), intern!(py, "websocket.receive"))?;
    match message {
        Message::Text(text) => event.set_item(intern!(py, "text"), text.as_str())?,
        Message::Binary(bytes) => event.set_item(intern!(py, "bytes"), byte_copy::to_python(py, bytes)?)?,
    }
    Ok(event)
}

/// The event that says how the connection was closed.
pub(super) fn disconnect<'py>(py: Python<'py>, closed: &Closed) -> PyResult<Bound<'py, PyDict>> {
    let event = PyDict::new(py);
    event.set_item(intern!(py, "type"), intern!(py, "websocket.disconnect"))?;
    event.set_item(intern!(py, "code"), closed.code)?;
    event.set_item(intern!(py, "reason"), &closed.reason)?;
    Ok(event)
}
