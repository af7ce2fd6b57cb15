//! Bodies that an iterator makes: the first part comes with the response, the rest is iterated while it is sent.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use funcdock::model::{Body, BodyWriter, HttpResponse, body_writer};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyTuple};

use super::generic::bytes_of;
use super::http_parts::content_length;
use crate::exceptions;

thread_local! {
    /// What this thread does after the response of the call that it runs.
    static LATER: RefCell<Option<Rest>> = const { RefCell::new(None) };
}

/// Returns the response with this head, whose body begins with `first` and goes on with `parts`, which come from iterating
/// `made`. `None` for the rest if the body is whole already. Attached.
pub(crate) fn begin(
    mut head: HttpResponse,
    made: &Bound<'_, PyAny>,
    first: Option<Bytes>,
    parts: Bound<'_, PyIterator>,
) -> PyResult<(HttpResponse, Option<Rest>)> {
    let Some(first) = first else {
        return Ok((head, None));
    };
    let length = content_length(&head.headers);
    if length == Some(first.len() as u64) || is_only_part(made)? {
        head.body = Body::Bytes(first);
        return Ok((head, None));
    }
    let (writer, stream) = body_writer(length, || {});
    // The reader is not there yet, so it cannot be gone.
    let _ = writer.write(first);
    head.body = Body::Stream(stream);
    Ok((head, Some(Rest::new(made, parts, writer))))
}

/// Returns the next part of a body that is not empty. Attached.
pub(crate) fn next_part(parts: &mut Bound<'_, PyIterator>) -> PyResult<Option<Bytes>> {
    for part in parts {
        let part = bytes_of(&part?)?;
        if !part.is_empty() {
            return Ok(Some(part));
        }
    }
    Ok(None)
}

/// Whether this is a list or a tuple with one part.
fn is_only_part(made: &Bound<'_, PyAny>) -> PyResult<bool> {
    let is_sequence = made.is_instance_of::<PyList>() || made.is_instance_of::<PyTuple>();
    Ok(is_sequence && made.len()? == 1)
}

/// An iterator of the parts of a body that are still to come. It is closed when it ends, also when the client leaves.
pub(crate) struct Rest {
    /// What is closed.
    made: Py<PyAny>,
    parts: Py<PyIterator>,
    writer: BodyWriter,
}

impl Rest {
    fn new(made: &Bound<'_, PyAny>, parts: Bound<'_, PyIterator>, writer: BodyWriter) -> Self {
        Rest {
            made: made.clone().unbind(),
            parts: parts.unbind(),
            writer,
        }
    }

    /// Has this thread [run](Self::run) it after the response of the call that it runs.
    pub(crate) fn run_later(self) {
        LATER.set(Some(self));
    }

    /// Returns what is to run on this thread now that the response has begun.
    pub(crate) fn take_later() -> Option<Rest> {
        LATER.take()
    }

    /// Writes the parts, at the client's pace. Attached; detached while it waits for room.
    pub(crate) fn run(self, py: Python<'_>) {
        let written = self.write(py);
        let closed = close(self.made.bind(py));
        match written.and(closed) {
            Ok(()) => self.writer.end(),
            Err(error) => self.writer.fail(Box::new(exceptions::describe(py, &error))),
        }
    }

    fn write(&self, py: Python<'_>) -> PyResult<()> {
        let mut parts = self.parts.bind(py).clone();
        // There may be no room after the first part already.
        if py.detach(|| self.writer.wait_for_room()).is_err() {
            return Ok(());
        }
        for part in &mut parts {
            let has_room = self.writer.write(bytes_of(&part?)?);
            let goes_on = match has_room {
                Ok(true) => true,
                Ok(false) => py.detach(|| self.writer.wait_for_room()).is_ok(),
                Err(_) => false,
            };
            if !goes_on {
                // The client has left.
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns the whole body, which begins with `first`, the stream that this would write to. Attached.
    pub(crate) fn collect(self, py: Python<'_>, first: &Body) -> PyResult<Bytes> {
        let mut all = BytesMut::new();
        if let Some(mut frames) = first.stream().and_then(|stream| stream.take()) {
            let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
            // The first part was written already; what comes later never passes through the stream.
            if let std::task::Poll::Ready(Some(Ok(frame))) = frames.as_mut().poll_frame(context)
                && let Ok(data) = frame.into_data()
            {
                all.extend_from_slice(&data);
            }
        }
        let mut parts = self.parts.bind(py).clone();
        let read = parts.try_for_each(|part| {
            all.extend_from_slice(&bytes_of(&part?)?);
            Ok(())
        });
        let closed = close(self.made.bind(py));
        read.and(closed).map(|()| all.freeze())
    }
}

/// Calls `close` of what was iterated, if it has one.
pub(crate) fn close(made: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(close) = made.getattr_opt(intern!(made.py(), "close"))? {
        close.call0()?;
    }
    Ok(())
}
