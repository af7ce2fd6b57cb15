//! What an app sends: the response of an [`Exchange`].

use std::sync::Arc;

use bytes::Bytes;
use funcdock::model::{Body, BodyStream, BodyWriter, HttpResponse, ReaderGone, body_writer};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::super::app_loop::WaitingCall as _;
use super::{Exchange, Response, client_left, look_again_later};
use crate::convert::content_length;

impl Exchange {
    /// Takes the head of the response.
    pub(in super::super) fn send_head(&self, head: Box<HttpResponse>) -> PyResult<()> {
        let mut state = self.lock();
        if !matches!(state.response, Response::NotStarted) {
            return Err(PyRuntimeError::new_err("the response has started already"));
        }
        state.response = Response::Head(head);
        Ok(())
    }

    /// Takes a part of the body; returns the future of a `send` that has to wait for room.
    pub(in super::super) fn send_body<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        body: Bytes,
        more: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut state = self.lock();
        match std::mem::replace(&mut state.response, Response::Complete) {
            Response::NotStarted => {
                state.response = Response::NotStarted;
                let prefix = match state.websocket {
                    None => "",
                    Some(_) => "websocket.",
                };
                Err(PyRuntimeError::new_err(format!(
                    "expected {prefix}http.response.start before {prefix}http.response.body"
                )))
            }
            Response::Complete => Err(PyRuntimeError::new_err("the response is complete already")),
            Response::WebSocket(writer) => {
                state.response = Response::WebSocket(writer);
                Err(PyRuntimeError::new_err(
                    "the app has accepted the WebSocket already",
                ))
            }
            Response::Head(mut head) if !more => {
                head.body = Body::Bytes(body);
                self.complete(py, state, Ok(head)).map(|()| None)
            }
            Response::Head(mut head) => {
                let (writer, stream) = self.new_body(content_length(&head.headers));
                // The reader is not there yet, so it cannot be gone.
                let has_room = writer.write(body).unwrap_or(true);
                head.body = Body::Stream(stream);
                state.response = Response::Body(writer);
                self.complete(py, state, Ok(head))?;
                if has_room {
                    Ok(None)
                } else {
                    self.wait_for_room(py).map(Some)
                }
            }
            Response::Body(writer) => {
                let written = writer.write(body);
                if !more {
                    writer.end();
                    return self.wake_receivers(py, state).map(|()| None);
                }
                state.response = Response::Body(writer);
                match written {
                    Ok(true) => Ok(None),
                    Ok(false) => {
                        drop(state);
                        self.wait_for_room(py).map(Some)
                    }
                    Err(ReaderGone) => Err(client_left()),
                }
            }
        }
    }

    /// Makes a body of this number of bytes, if it is known, that is sent while it is made.
    pub(super) fn new_body(self: &Arc<Self>, length: Option<u64>) -> (BodyWriter, BodyStream) {
        // The exchange owns the writer, so the writer must not own the exchange.
        let exchange = Arc::downgrade(self);
        body_writer(length, move || look_again_later(&exchange))
    }

    pub(super) fn wait_for_room<'py>(self: &Arc<Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let future = self.create_future(py)?;
        self.lock().sending.push(future.clone().unbind());
        // There may be room since it was asked for.
        Arc::clone(self).look_again(py)?;
        Ok(future)
    }
}
