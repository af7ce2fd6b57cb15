//! Bytes that Python reads while they arrive: the body of a request, the content of a blob.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use bytes::{Buf as _, Bytes};
use funcdock::model::{BodyError, Frames};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::byte_copy;

/// A reader of the frames of a stream.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct ByteReader {
    /// What is read, as the subject of a sentence.
    subject: &'static str,
    state: Mutex<State>,
}

struct State {
    /// `None` after the end.
    frames: Option<Frames>,
    /// Why it ended early, if it did.
    failure: Option<String>,
    /// What was read of the last frame and not returned yet.
    rest: Bytes,
}

impl ByteReader {
    /// Returns a reader of these frames. `subject` says what they are, for errors.
    pub(crate) fn new(frames: Frames, subject: &'static str) -> Self {
        ByteReader {
            subject,
            state: Mutex::new(State {
                frames: Some(frames),
                failure: None,
                rest: Bytes::new(),
            }),
        }
    }
}

#[pymethods]
impl ByteReader {
    /// Returns up to `size` bytes; none at the end. Detached while it waits for them.
    ///
    /// # Errors
    /// `OSError` if the stream ends early.
    fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        // Taken detached: another thread of the app may be in here, and wait.
        let part = py.detach(|| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.read(size)
        });
        let part = part.map_err(|error| PyOSError::new_err(format!("{}: {error}", self.subject)))?;
        byte_copy::to_python(py, &part)
    }
}

impl State {
    /// Returns up to `size` bytes; none at the end. An early end is an error of this and each later read.
    fn read(&mut self, size: usize) -> Result<Bytes, String> {
        while self.rest.is_empty() {
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            let Some(frames) = &mut self.frames else {
                return Ok(Bytes::new());
            };
            match next(frames) {
                Some(Ok(data)) => self.rest = data,
                Some(Err(error)) => {
                    self.frames = None;
                    self.failure = Some(error.to_string());
                }
                None => self.frames = None,
            }
        }
        let part = self.rest.slice(..size.min(self.rest.len()));
        self.rest.advance(part.len());
        Ok(part)
    }
}

/// Waits for the next data of the stream on this thread.
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

/// Wakes a thread that waits for data.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
