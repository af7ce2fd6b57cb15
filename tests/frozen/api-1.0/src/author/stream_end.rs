//! How the body of a streamed response ended, as `stream_ended` sees it.

use super::outcome::Exception;
use crate::abi;

/// How the body of a streamed response ended. Valid during the hook that received it.
pub struct StreamEnd<'a> {
    raw: abi::StreamEnd<'a>,
}

/// The ways in which the body of a streamed response ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamEndKind {
    /// The whole body was sent.
    Complete,
    /// The client left before the end of the body.
    ClientLeft,
    /// The function raised an exception while it made the body.
    Failed,
    /// The call took longer than host.json's `functionTimeout`, which covers the body too.
    TimedOut,
    /// The worker stopped before the end of the body.
    Cancelled,
    /// A post hook replaced the response, so nothing of the body was sent.
    Replaced,
    /// A way that a newer host knows and this version of the API does not.
    Other,
}

impl StreamEndKind {
    fn from_abi(kind: u8) -> Self {
        match kind {
            abi::STREAM_COMPLETE => StreamEndKind::Complete,
            abi::STREAM_CLIENT_LEFT => StreamEndKind::ClientLeft,
            abi::STREAM_FAILED => StreamEndKind::Failed,
            abi::STREAM_TIMED_OUT => StreamEndKind::TimedOut,
            abi::STREAM_CANCELLED => StreamEndKind::Cancelled,
            abi::STREAM_REPLACED => StreamEndKind::Replaced,
            _ => StreamEndKind::Other,
        }
    }
}

impl<'a> StreamEnd<'a> {
    pub(crate) fn new(raw: abi::StreamEnd<'a>) -> Self {
        StreamEnd { raw }
    }

    /// The way in which it ended.
    pub fn kind(&self) -> StreamEndKind {
        StreamEndKind::from_abi(self.raw.kind())
    }

    /// What the function raised while it made the body.
    pub fn exception(&self) -> Option<Exception<'a>> {
        self.raw.exception().into_option().map(Exception::from_abi)
    }

    /// The number of bytes of the body that the server took to send. The client may have received fewer.
    pub fn bytes(&self) -> u64 {
        self.raw.bytes()
    }
}
