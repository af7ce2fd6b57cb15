//! `wsgi.input` of a request whose body is read while it arrives.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use bytes::{Buf as _, Bytes};
use funcdock::model::{BodyError, Frames};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The source of `funcdock.wsgi.Input`.
#[pyclass(frozen, module = "funcdock")]
pub(super) struct RawInput(Mutex<State>);

struct State {
    /// `None` after the end.
    frames: Option<Frames>,
    /// What was read of the last frame and not returned yet.
    rest: Bytes,
}

impl RawInput {
    pub(super) fn new(frames: Frames) -> Self {
        RawInput(Mutex::new(State {
            frames: Some(frames),
            rest: Bytes::new(),
        }))
    }
}

#[pymethods]
impl RawInput {
    /// Returns up to `size` bytes; none at the end. Detached while it waits for the client.
    ///
    /// # Errors
    /// `OSError` if the body ends early.
    fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        // Taken detached: another thread of the app may be in here, and wait for the client.
        let part = py.detach(|| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.read(size)
        });
        let part = part.map_err(|error| PyOSError::new_err(format!("the request's body: {error}")))?;
        Ok(PyBytes::new(py, &part))
    }
}

impl State {
    fn read(&mut self, size: usize) -> Result<Bytes, BodyError> {
        while self.rest.is_empty() {
            let Some(frames) = &mut self.frames else {
                return Ok(Bytes::new());
            };
            match next(frames) {
                Some(Ok(data)) => self.rest = data,
                Some(Err(error)) => {
                    self.frames = None;
                    return Err(error);
                }
                None => self.frames = None,
            }
        }
        let part = self.rest.slice(..size.min(self.rest.len()));
        self.rest.advance(part.len());
        Ok(part)
    }
}

/// Waits for the next data of the body on this thread.
fn next(frames: &mut Frames) -> Option<Result<Bytes, BodyError>> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match frames.as_mut().poll_frame(&mut Context::from_waker(&waker)) {
            Poll::Pending => std::thread::park(),
            Poll::Ready(None) => return None,
            Poll::Ready(Some(Err(error))) => return Some(Err(error)),
            // The programming model has no trailers.
            Poll::Ready(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
        }
    }
}

/// Wakes a thread that waits for the body.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
