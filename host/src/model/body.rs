//! The body of an HTTP message: whole, or a stream that is read once.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The reason why a stream ended early. A runner whose function raised while it made the body gives an
/// [`Exception`](super::Exception).
pub type BodyError = Box<dyn Error + Send + Sync>;

/// The frames of a stream. Readers skip trailers, which have no place in the programming model. Whoever makes them stops
/// when they are dropped.
pub type Frames = Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError> + Send>>;

/// The body of an HTTP message. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// The whole body. Bytes may own a mapping ([`Bytes::from_owner`]), so that shared memory needs no copy.
    Bytes(Bytes),
    /// A body that is read while it arrives. It has one reader.
    Stream(BodyStream),
}

impl Body {
    /// Returns the stream; `None` for a whole body.
    pub fn stream(&self) -> Option<&BodyStream> {
        match self {
            Body::Bytes(_) => None,
            Body::Stream(stream) => Some(stream),
        }
    }

    /// Returns the whole body; `None` for a stream.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Body::Bytes(bytes) => Some(bytes),
            Body::Stream(_) => None,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Body::Bytes(Bytes::new())
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Body::Bytes(bytes.into())
    }
}

/// The error of a stream that ended early because the client is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientGone;

impl fmt::Display for ClientGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client has closed the connection")
    }
}

impl Error for ClientGone {}

/// A body that is read while it arrives. Clones share it: the first one to [take](BodyStream::take) it reads it.
#[derive(Clone)]
pub struct BodyStream {
    frames: Arc<Mutex<Option<Frames>>>,
    is_websocket: bool,
}

impl BodyStream {
    /// Returns a stream of these frames.
    pub fn new(frames: impl http_body::Body<Data = Bytes, Error = BodyError> + Send + 'static) -> Self {
        BodyStream {
            frames: Arc::new(Mutex::new(Some(Box::pin(frames)))),
            is_websocket: false,
        }
    }

    /// Returns the same stream as what the server sends over a WebSocket: each of its frames is one or more whole frames of
    /// that protocol.
    #[must_use]
    pub fn of_websocket(self) -> Self {
        BodyStream {
            is_websocket: true,
            ..self
        }
    }

    /// Whether it is sent over a WebSocket.
    pub fn is_of_websocket(&self) -> bool {
        self.is_websocket
    }

    /// Takes the frames, for the only reader; `None` if another one has taken them.
    pub fn take(&self) -> Option<Frames> {
        self.lock().take()
    }

    /// Replaces the frames, for the next one to take them. What they were is dropped.
    pub fn replace(&self, frames: Frames) {
        let replaced = self.lock().replace(frames);
        // Not under the lock: this runs code of whoever made them.
        drop(replaced);
    }

    /// Locks the frames. No code that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, Option<Frames>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for BodyStream {
    /// Whether both are the same stream.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.frames, &other.frames)
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyStream")
    }
}
