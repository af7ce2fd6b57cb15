//! What an app sends: the response of an [`Exchange`].

use std::sync::Arc;

use bytes::Bytes;
use funcdock::model::{Body, HttpResponse, ReaderGone, body_writer};
use http::StatusCode;
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
                Err(PyRuntimeError::new_err(
                    "expected http.response.start before http.response.body",
                ))
            }
            Response::Complete => Err(PyRuntimeError::new_err("the response is complete already")),
            Response::Head(mut head) if !more => {
                head.body = Body::Bytes(body);
                self.complete(py, state, Ok(head)).map(|()| None)
            }
            Response::Head(mut head) => {
                // The exchange owns the writer, so the writer must not own the exchange.
                let exchange = Arc::downgrade(self);
                let length = content_length(&head.headers);
                let (writer, mut stream) = body_writer(length, move || look_again_later(&exchange));
                if state.websocket.is_some() && head.status == StatusCode::SWITCHING_PROTOCOLS {
                    stream = stream.of_websocket();
                }
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

    pub(super) fn wait_for_room<'py>(self: &Arc<Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let future = self.create_future(py)?;
        self.lock().sending = Some(future.clone().unbind());
        // There may be room since it was asked for.
        Arc::clone(self).look_again(py)?;
        Ok(future)
    }
}
