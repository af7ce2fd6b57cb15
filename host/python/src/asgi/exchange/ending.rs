//! The ends of an [`Exchange`]: that of its response's head, and that of its app.

use std::sync::{Arc, MutexGuard};

use funcdock::model::{Data, HttpResponse, Outcome};
use pyo3::exceptions::PyRuntimeError;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::intern;
use pyo3::prelude::*;

use super::super::futures::resolve;
use super::super::request::Request;
use super::{Exchange, Reply, Response, State, resolve_all, resolve_sent};
use crate::convert::{ResponseBody, header_pairs};
use crate::exceptions;

impl Exchange {
    /// Gives the head of the response, or the error in its place, to whoever waits for it.
    pub(super) fn complete(
        self: &Arc<Self>,
        py: Python<'_>,
        state: MutexGuard<'_, State>,
        response: Result<Box<HttpResponse>, PyErr>,
    ) -> PyResult<()> {
        match &self.reply {
            Reply::OfCall | Reply::OfReturned => {
                let outcome = match response {
                    Ok(response) => Outcome::returned(Data::Response(response)),
                    Err(error) if self.was_cancelled(py, &error) => Outcome::Cancelled,
                    Err(error) => Outcome::Raised(Box::new(exceptions::describe(py, &error))),
                };
                self.event_loop.complete(self.call.ticket, outcome);
                self.wake_receivers(py, state)
            }
            Reply::ToFunction(future) => {
                self.wake_receivers(py, state)?;
                let made = response.and_then(|response| self.for_function(py, *response));
                resolve(future.bind(py), made)
            }
        }
    }

    /// Returns the response as function code gets it.
    fn for_function<'py>(&self, py: Python<'py>, response: HttpResponse) -> PyResult<Bound<'py, PyAny>> {
        let headers = header_pairs(py, &response.headers)?;
        let body = ResponseBody::new(response.body);
        let module = self.event_loop.asgi_module(py);
        module.call_method1(intern!(py, "response"), (response.status.as_u16(), headers, body))
    }

    fn was_cancelled(&self, py: Python<'_>, error: &PyErr) -> bool {
        self.is_given_up() && error.is_instance_of::<CancelledError>(py)
    }

    /// Tells all calls of `receive` that wait if the exchange has ended.
    pub(super) fn wake_receivers(
        self: &Arc<Self>,
        py: Python<'_>,
        mut state: MutexGuard<'_, State>,
    ) -> PyResult<()> {
        if state.receiving.is_empty() || !self.has_ended(&state) {
            return Ok(());
        }
        let received = self.take_received(py, &mut state)?;
        drop(state);
        resolve_all(py, received)
    }

    /// Handles the end of the app's coroutine, with the exception that it raised.
    pub(in super::super) fn ended(self: &Arc<Self>, py: Python<'_>, error: Option<PyErr>) -> PyResult<()> {
        let mut state = self.lock();
        // An exception refers to frames of the app, and these to the exchange: it may live until Python's next garbage
        // collection. Nothing may depend on that.
        let _hold = state.hold.take();
        let _request = std::mem::replace(&mut state.request, Request::Read);
        // Other tasks of the app may wait. Their next `send` says that it is too late.
        let sending = std::mem::take(&mut state.sending);
        self.end(py, state, error)?;
        resolve_sent(py, sending, Ok(true))
    }

    /// Ends the response as the app has ended.
    fn end(
        self: &Arc<Self>,
        py: Python<'_>,
        mut state: MutexGuard<'_, State>,
        error: Option<PyErr>,
    ) -> PyResult<()> {
        match std::mem::replace(&mut state.response, Response::Complete) {
            Response::NotStarted | Response::Head(_) => {
                let error = error.unwrap_or_else(|| match state.websocket {
                    None => PyRuntimeError::new_err("the ASGI app ended without a complete response"),
                    Some(_) => PyRuntimeError::new_err(
                        "the ASGI app ended before it accepted or refused the WebSocket",
                    ),
                });
                self.complete(py, state, Err(error))
            }
            Response::WebSocket(writer) => {
                if let Some(websocket) = &mut state.websocket {
                    websocket.app_ended(&writer, error.is_some());
                }
                self.wake_receivers(py, state)?;
                match error {
                    Some(error) => writer.fail(Box::new(exceptions::describe(py, &error))),
                    None => writer.end(),
                }
                Ok(())
            }
            Response::Body(writer) => {
                self.wake_receivers(py, state)?;
                match error {
                    Some(error) => writer.fail(Box::new(exceptions::describe(py, &error))),
                    None => writer.fail("the ASGI app ended before the response was complete".into()),
                }
                Ok(())
            }
            Response::Complete => {
                self.wake_receivers(py, state)?;
                if let Some(error) = error.filter(|error| !self.was_cancelled(py, error)) {
                    let traceback = exceptions::describe(py, &error).traceback;
                    let invocation = &self.call.invocation;
                    tracing::error!(
                        target: "funcdock::pipeline",
                        function = invocation.function().name.as_str(),
                        invocation = invocation.id(),
                        traceback,
                        "the app raised after its response: {error}"
                    );
                }
                Ok(())
            }
        }
    }
}
