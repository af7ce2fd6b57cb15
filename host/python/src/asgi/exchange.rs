//! One ASGI call: `receive` reads the request's body, `send` makes the response, each while it goes over the connection.
//! What differs for WebSockets is in [`websocket`].
//!
//! All methods run attached on the main thread, that of the event loop. Others only order the loop to
//! [look again](Exchange::look_again): the server, which has sent a part of the response or has read a part of the
//! request, and the pipeline, when the client leaves.

mod ending;
mod sending;
mod websocket;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};

use funcdock::model::{BodyWriter, Departure, HttpResponse, ReaderGone};
use funcdock::pipeline::{RunnerCall, WorkerHold};
use pyo3::exceptions::PyOSError;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::app_loop::{AppLoop, WaitingCall};
use super::events;
use super::futures::{is_done, resolve};
use super::request::{Part, Request};
use crate::calls::Call;
use crate::tasks::TaskKey;
use websocket::WebSocket;

/// Where the head of the response goes.
pub(crate) enum Reply {
    /// To the pipeline: the app is the function.
    OfCall,
    /// To the pipeline: the function has returned, and the app makes its response.
    OfReturned,
    /// To function code that waits for it with this future: it handed its request to the app.
    ToFunction(Py<PyAny>),
}

/// One ASGI call.
pub(crate) struct Exchange {
    event_loop: Arc<dyn AppLoop>,
    call: RunnerCall,
    reply: Reply,
    /// Whether the client asks for a WebSocket, and the app may accept it.
    pub(super) is_websocket: bool,
    state: Mutex<State>,
}

struct State {
    request: Request,
    response: Response,
    /// `None` for plain HTTP.
    websocket: Option<Box<WebSocket>>,
    /// The futures of the calls of `receive` that wait, the first one first.
    receiving: VecDeque<Py<PyAny>>,
    /// The futures of the calls of `send` that wait for room: tasks of an app may send over one WebSocket.
    sending: Vec<Py<PyAny>>,
    /// Has the worker wait for the app, also after the response.
    hold: Option<WorkerHold>,
}

/// How far the response is.
enum Response {
    NotStarted,
    Head(Box<HttpResponse>),
    Body(BodyWriter),
    /// The app has accepted a WebSocket, and sends its frames.
    WebSocket(BodyWriter),
    Complete,
}

impl Exchange {
    pub(crate) fn new(event_loop: &Arc<dyn AppLoop>, call: RunnerCall, reply: Reply) -> Arc<Self> {
        let request = Request::of(&call.invocation);
        Self::with(event_loop, call, reply, request, None)
    }

    /// Returns the call of an app that may go on with the WebSocket protocol, if the client asks for that. Otherwise one of
    /// plain HTTP.
    pub(crate) fn of_app(event_loop: &Arc<dyn AppLoop>, call: RunnerCall, reply: Reply) -> Arc<Self> {
        let websocket = call
            .invocation
            .request()
            .and_then(|request| request.websocket.as_ref());
        let Some(websocket) = websocket else {
            return Self::new(event_loop, call, reply);
        };
        let request = Request::of_websocket(websocket);
        let websocket = Some(Box::new(WebSocket::new(websocket)));
        Self::with(event_loop, call, reply, request, websocket)
    }

    fn with(
        event_loop: &Arc<dyn AppLoop>,
        call: RunnerCall,
        reply: Reply,
        request: Request,
        websocket: Option<Box<WebSocket>>,
    ) -> Arc<Self> {
        Arc::new(Exchange {
            event_loop: Arc::clone(event_loop),
            call,
            reply,
            is_websocket: websocket.is_some(),
            state: Mutex::new(State {
                request,
                response: Response::NotStarted,
                websocket,
                receiving: VecDeque::new(),
                sending: Vec::new(),
                hold: Some(event_loop.hold_worker()),
            }),
        })
    }

    /// Returns the key of its task.
    pub(super) fn task_key(&self) -> TaskKey {
        let invocation = &self.call.invocation;
        match self.reply {
            Reply::OfCall => TaskKey::of_call(invocation),
            Reply::OfReturned | Reply::ToFunction(_) => TaskKey::of_nested_call(invocation),
        }
    }

    /// Returns the call for the log records of its task.
    pub(super) fn for_logs(&self) -> Call {
        Call::from(&self.call)
    }

    /// Handles the end of the app's task, which may have been cancelled before its first step.
    pub(super) fn task_ended(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        self.event_loop.forget_task(self.task_key());
        if !matches!(self.lock().response, Response::NotStarted | Response::Head(_)) {
            return Ok(());
        }
        let error = CancelledError::new_err("the task was cancelled before it began");
        self.ended(py, Some(error))
    }

    /// Makes a future of the loop.
    fn create_future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.event_loop
            .python(py)
            .call_method0(intern!(py, "create_future"))
    }

    /// Locks the state. No code that holds the lock runs code of the app.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the loop look again. From any thread.
    fn order(self: &Arc<Self>) {
        self.event_loop.look_again(Arc::clone(self) as _);
    }

    /// Returns the next event of the request, if there is one already.
    fn poll_receive<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        state: &mut State,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        if self.is_websocket {
            return self.poll_websocket(py, state);
        }
        if self.has_ended(state) {
            return events::disconnect(py).map(Some);
        }
        match state.request.poll(&self.call.invocation, &self.waker()) {
            None => Ok(None),
            Some(Part::Bytes { bytes, more }) => events::request(py, &bytes, more).map(Some),
            Some(Part::Broken(error)) => {
                tracing::debug!(
                    invocation = self.call.invocation.id(),
                    "the request's body: {error}"
                );
                events::disconnect(py).map(Some)
            }
        }
    }

    /// Returns what has the loop look again.
    fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// Takes the futures of those calls of `receive` for which there is something, with that.
    fn take_received<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        state: &mut State,
    ) -> PyResult<Vec<(Py<PyAny>, Bound<'py, PyDict>)>> {
        let mut received = Vec::new();
        while !state.receiving.is_empty()
            && let Some(event) = self.poll_receive(py, state)?
        {
            received.extend(state.receiving.pop_front().map(|future| (future, event)));
        }
        Ok(received)
    }

    /// Whether nobody reads what the app sends, or it has sent everything.
    fn has_ended(&self, state: &State) -> bool {
        match &state.response {
            Response::Complete => true,
            Response::Body(writer) | Response::WebSocket(writer) => writer.has_room().is_err(),
            Response::NotStarted | Response::Head(_) => {
                let departure = self.call.invocation.departure();
                departure.is_some_and(Departure::has_left) || self.is_given_up()
            }
        }
    }

    fn is_given_up(&self) -> bool {
        self.event_loop.is_cancelling() || self.call.invocation.is_given_up()
    }

    /// Returns the next event of the request, or the future of one.
    pub(super) fn receive<'py>(self: &Arc<Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut state = self.lock();
        if let Some(event) = self.poll_receive(py, &mut state)? {
            return Ok(event.into_any());
        }
        let future = self.create_future(py)?;
        state.receiving.push_back(future.clone().unbind());
        drop(state);
        // The exchange owns the invocation, so this must not own the exchange.
        let watching = Arc::downgrade(self);
        if let Some(departure) = self.call.invocation.departure() {
            departure.notify(move || look_again_later(&watching));
        }
        Ok(future)
    }
}

/// Has the loop look again at an exchange that still goes on. From any thread.
fn look_again_later(exchange: &Weak<Exchange>) {
    if let Some(exchange) = exchange.upgrade() {
        exchange.order();
    }
}

impl WaitingCall for Exchange {
    /// Resolves the futures for which something has happened. If the client has left while the app waits for something
    /// else, cancels the app: it would not notice before it sends the next part, which may be never.
    fn look_again(self: Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let mut state = self.lock();
        // The app may have given up waiting. What comes next is for its next `receive` then.
        state.receiving.retain(|future| !is_done(future.bind(py)));
        state.sending.retain(|future| !is_done(future.bind(py)));
        self.read_websocket(&mut state);
        let room = match &state.response {
            Response::Body(writer) | Response::WebSocket(writer) => writer.has_room(),
            _ if state.has_lost_websocket() => Err(ReaderGone),
            _ => Ok(true),
        };
        // An app that talks over a WebSocket may be in the middle of handling a message.
        let is_quiet = !self.is_websocket && state.sending.is_empty() && state.receiving.is_empty();
        let sending = match room {
            Ok(false) => Vec::new(),
            _ => std::mem::take(&mut state.sending),
        };
        let received = self.take_received(py, &mut state)?;
        drop(state);
        resolve_sent(py, sending, room)?;
        resolve_all(py, received)?;
        if self.is_given_up() || (room == Err(ReaderGone) && is_quiet) {
            self.event_loop.cancel_task(py, self.task_key());
        }
        Ok(())
    }
}

impl Wake for Exchange {
    fn wake(self: Arc<Self>) {
        self.order();
    }
}

/// Resolves futures of `receive`.
fn resolve_all(py: Python<'_>, received: Vec<(Py<PyAny>, Bound<'_, PyDict>)>) -> PyResult<()> {
    for (future, event) in received {
        resolve(future.bind(py), Ok(event.into_any()))?;
    }
    Ok(())
}

/// Resolves futures of `send`.
fn resolve_sent(py: Python<'_>, sending: Vec<Py<PyAny>>, room: Result<bool, ReaderGone>) -> PyResult<()> {
    for future in sending {
        let sent = room
            .map(|_| py.None().into_bound(py))
            .map_err(|ReaderGone| client_left());
        resolve(future.bind(py), sent)?;
    }
    Ok(())
}

/// What `send` raises when the client has left, by the protocol.
fn client_left() -> PyErr {
    PyOSError::new_err("the client has left")
}
