//! The end of the body of a streamed response.

use std::time::Duration;

use super::Exception;

/// How the body of a streamed response ended.
#[derive(Debug)]
pub struct StreamEnd {
    /// The way in which it ended.
    pub kind: StreamEndKind,
    /// The number of bytes of the body that the server took to send.
    pub bytes: u64,
}

/// The ways in which the body of a streamed response ends.
#[derive(Debug)]
pub enum StreamEndKind {
    /// The server took the whole body.
    Complete,
    /// The server dropped the body before its end, as the client left.
    ClientLeft,
    /// The function raised while it made the body.
    Failed(Box<Exception>),
    /// The call took longer than this.
    TimedOut(Duration),
    /// The call was given up before the end of the body, as the worker stops.
    Cancelled,
    /// A post hook replaced the response.
    Replaced,
}

impl StreamEnd {
    /// Returns the exception of the function.
    pub fn exception(&self) -> Option<&Exception> {
        match &self.kind {
            StreamEndKind::Failed(exception) => Some(exception),
            _ => None,
        }
    }
}
