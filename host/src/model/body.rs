//! The body of an HTTP message: whole, or a stream that is read once.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// The reason why a stream ended early.
pub type BodyError = Box<dyn Error + Send + Sync>;

/// The frames of a stream. Readers skip trailers, which have no place in the programming model.
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

/// A body that is read while it arrives. Clones share it: the first one to [take](BodyStream::take) it reads it.
#[derive(Clone)]
pub struct BodyStream(Arc<Mutex<Option<Frames>>>);

impl BodyStream {
    /// Returns a stream of these frames.
    pub fn new(frames: impl http_body::Body<Data = Bytes, Error = BodyError> + Send + 'static) -> Self {
        BodyStream(Arc::new(Mutex::new(Some(Box::pin(frames)))))
    }

    /// Takes the frames, for the only reader; `None` if another one has taken them.
    pub fn take(&self) -> Option<Frames> {
        // No code that holds the lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl PartialEq for BodyStream {
    /// Whether both are the same stream.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyStream")
    }
}
