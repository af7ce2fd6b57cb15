//! The ASGI calls of WebSockets: what differs from HTTP in an [`Exchange`].
//!
//! The response of such a call is its handshake. The body of that response has the frames that the app sends, and the
//! request has those of the client. These are read ahead of the app, so that the client's pings and its close are answered
//! while the app waits for something else. Only the loop reads, a little in each turn: a client that sends without a pause
//! must not keep the loop from other calls.

use std::sync::Arc;

use bytes::Bytes;
use funcdock::model::{Body, BodyWriter, ClientGone, HttpResponse, WebSocketRequest};
use funcdock::websocket::Socket;
use http::{HeaderMap, StatusCode};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::super::request::{Part, Request};
use super::super::websocket_events::{self as events, Sent};
use super::{Exchange, Response, State, client_left};

/// The number of bytes that are read in one turn of the loop.
const READ_AT_ONCE: usize = 64 << 10;

/// What a call of a WebSocket keeps.
pub(super) struct WebSocket {
    socket: Socket,
    /// The app has received the event with which each call begins.
    has_connected: bool,
    /// The app has closed the connection, or refused it.
    closed_by_app: bool,
}

impl WebSocket {
    pub(super) fn new(request: &WebSocketRequest) -> Self {
        WebSocket {
            socket: Socket::new(request.max_message_size),
            has_connected: false,
            closed_by_app: false,
        }
    }

    /// Closes the connection as the app has ended, which has `failed` or not.
    pub(super) fn app_ended(&mut self, writer: &BodyWriter, failed: bool) {
        match failed {
            true => self.socket.fail(),
            false => self.socket.finish(),
        }
        self.flush(writer);
    }

    /// Sends what the protocol itself has to say.
    fn flush(&mut self, writer: &BodyWriter) {
        let output = self.socket.take_output();
        if !output.is_empty() && writer.write(output).is_err() {
            self.socket.lost();
        }
    }

    /// Returns what `send` raises after the close.
    fn closed_error(&self) -> PyErr {
        match self.closed_by_app {
            true => PyRuntimeError::new_err("the app has closed the WebSocket already"),
            false => client_left(),
        }
    }
}

impl State {
    /// Whether the client of a WebSocket was gone without a close.
    pub(super) fn has_lost_websocket(&self) -> bool {
        let websocket = self.websocket.as_ref();
        websocket.is_some_and(|websocket| websocket.socket.is_lost())
    }

    /// Reads what has arrived of a WebSocket, as far as there is room for it, and answers what the protocol itself
    /// answers.
    fn read_ahead(&mut self, exchange: &Arc<Exchange>) {
        let (Some(websocket), Response::WebSocket(writer)) = (&mut self.websocket, &self.response) else {
            return;
        };
        let waker = exchange.waker();
        let mut read = 0;
        while websocket.socket.closed().is_none() {
            match writer.has_room() {
                Ok(true) => {}
                // The client does not read: what it sends could only make more that waits for it.
                Ok(false) => break,
                Err(_) => {
                    websocket.socket.lost();
                    break;
                }
            }
            if websocket.socket.is_full() {
                break;
            }
            if read >= READ_AT_ONCE {
                exchange.order();
                break;
            }
            match self.request.poll(&exchange.call.invocation, &waker) {
                None => break,
                Some(Part::Bytes { bytes, more }) => {
                    read += bytes.len();
                    websocket.socket.receive(bytes);
                    if !more {
                        websocket.socket.go_away();
                    }
                }
                Some(Part::Broken(_)) => websocket.socket.lost(),
            }
            websocket.flush(writer);
        }
    }

    /// Ends the response of a WebSocket that is closed.
    fn end_if_closed(&mut self) {
        let (Some(websocket), Response::WebSocket(writer)) = (&mut self.websocket, &self.response) else {
            return;
        };
        if websocket.socket.closed().is_none() {
            return;
        }
        websocket.flush(writer);
        match websocket.socket.is_lost() {
            true => writer.fail(Box::new(ClientGone)),
            false => writer.end(),
        }
        self.response = Response::Complete;
        self.request = Request::Read;
    }
}

impl Exchange {
    /// Reads what has arrived of a WebSocket; does nothing for HTTP. In a turn of the loop of its own.
    pub(super) fn read_websocket(self: &Arc<Self>, state: &mut State) {
        state.read_ahead(self);
        state.end_if_closed();
    }

    /// Returns the next event of a WebSocket, if there is one already.
    pub(super) fn poll_websocket<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        state: &mut State,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let has_ended = self.has_ended(state);
        let Some(websocket) = &mut state.websocket else {
            return Ok(None);
        };
        if !websocket.has_connected {
            websocket.has_connected = true;
            return events::connect(py).map(Some);
        }
        let was_full = websocket.socket.is_full();
        if let Some(message) = websocket.socket.next_message() {
            if was_full && !websocket.socket.is_full() {
                self.order();
            }
            return events::receive(py, &message).map(Some);
        }
        if has_ended {
            websocket.socket.lost();
        }
        match websocket.socket.closed() {
            Some(closed) => events::disconnect(py, closed).map(Some),
            None => Ok(None),
        }
    }

    /// Takes an event of the app; returns the future of a `send` that has to wait for room.
    pub(in super::super) fn send_over_websocket<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        event: Sent,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match event {
            Sent::Accept(headers) => self.accept(py, headers).map(|()| None),
            Sent::Frame(frame) => self.send_frame(py, frame),
            Sent::Close { code, reason } => self.close(py, code, &reason).map(|()| None),
            Sent::RefusalStart(head) => self.refuse(head).map(|()| None),
            Sent::RefusalBody { body, more } => self.send_body(py, body, more),
        }
    }

    fn accept(self: &Arc<Self>, py: Python<'_>, headers: HeaderMap) -> PyResult<()> {
        let mut state = self.lock();
        if !matches!(state.response, Response::NotStarted) {
            return Err(PyRuntimeError::new_err("the response has started already"));
        }
        let (writer, stream) = self.new_body(None);
        state.response = Response::WebSocket(writer);
        let mut head = head(StatusCode::SWITCHING_PROTOCOLS, headers);
        head.body = Body::Stream(stream.of_websocket());
        self.complete(py, state, Ok(head))?;
        // From now on, the client's bytes are read.
        self.order();
        Ok(())
    }

    fn refuse(&self, head: Box<HttpResponse>) -> PyResult<()> {
        self.send_head(head)?;
        if let Some(websocket) = &mut self.lock().websocket {
            websocket.closed_by_app = true;
        }
        Ok(())
    }

    fn send_frame<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        frame: Bytes,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        match (&state.response, &mut state.websocket) {
            (Response::WebSocket(writer), Some(websocket)) => match writer.write(frame) {
                Ok(true) => Ok(None),
                Ok(false) => {
                    drop(guard);
                    self.wait_for_room(py).map(Some)
                }
                Err(_) => {
                    websocket.socket.lost();
                    state.end_if_closed();
                    Err(client_left())
                }
            },
            (Response::NotStarted, _) | (_, None) => Err(PyRuntimeError::new_err(
                "expected websocket.accept or websocket.close before websocket.send",
            )),
            (_, Some(websocket)) => Err(websocket.closed_error()),
        }
    }

    fn close(self: &Arc<Self>, py: Python<'_>, code: u16, reason: &str) -> PyResult<()> {
        let mut guard = self.lock();
        let state = &mut *guard;
        match (&state.response, &mut state.websocket) {
            (Response::NotStarted, _) => {
                drop(guard);
                self.refuse(head(StatusCode::FORBIDDEN, HeaderMap::new()))?;
                self.send_body(py, Bytes::new(), false).map(drop)
            }
            (Response::WebSocket(_), Some(websocket)) => {
                let closed = websocket.socket.close(code, reason);
                closed.map_err(|error| PyValueError::new_err(error.to_string()))?;
                websocket.closed_by_app = true;
                state.end_if_closed();
                // Other tasks of the app may wait in `send` or `receive`.
                self.order();
                Ok(())
            }
            (_, Some(websocket)) => Err(websocket.closed_error()),
            (_, None) => Ok(()),
        }
    }
}

fn head(status: StatusCode, headers: HeaderMap) -> Box<HttpResponse> {
    Box::new(HttpResponse {
        status,
        headers,
        body: Body::default(),
    })
}
