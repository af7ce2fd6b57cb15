//! The request of an ASGI call, as far as the app has not read it.

use std::task::{Context, Poll, Waker};

use funcdock::model::{Body, Frames, Invocation};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::events;

/// What is left of a request.
pub(super) enum Request {
    /// The whole body, which is with the invocation.
    Whole,
    /// A body that arrives.
    Stream(Frames),
    /// Nothing.
    Read,
}

impl Request {
    /// Returns the request of a call. A body that arrives has no other reader from now on.
    pub(super) fn of(invocation: &Invocation) -> Self {
        let body = invocation.request().map(|request| &request.body);
        match body.and_then(Body::stream) {
            None => Request::Whole,
            Some(stream) => stream.take().map_or(Request::Read, Request::Stream),
        }
    }

    /// Returns the event with the next part, if it is there. Otherwise wakes `waker` later. Attached.
    pub(super) fn poll<'py>(
        &mut self,
        py: Python<'py>,
        invocation: &Invocation,
        waker: &Waker,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let frames = match self {
            Request::Whole => {
                *self = Request::Read;
                let body = invocation.request().and_then(|request| request.body.bytes());
                return events::request(py, body.map(|bytes| &**bytes).unwrap_or_default(), false).map(Some);
            }
            Request::Stream(frames) => frames,
            Request::Read => return Ok(None),
        };
        loop {
            let frame = match frames.as_mut().poll_frame(&mut Context::from_waker(waker)) {
                Poll::Pending => return Ok(None),
                Poll::Ready(frame) => frame,
            };
            let event = match frame {
                Some(Ok(frame)) => {
                    // The programming model has no trailers.
                    let Ok(data) = frame.into_data() else { continue };
                    let more = !frames.is_end_stream();
                    if more {
                        return events::request(py, &data, true).map(Some);
                    }
                    events::request(py, &data, false)
                }
                None => events::request(py, &[], false),
                Some(Err(error)) => {
                    tracing::debug!(invocation = invocation.id(), "the request's body: {error}");
                    events::disconnect(py)
                }
            };
            *self = Request::Read;
            return event.map(Some);
        }
    }
}
