//! How the body of a streamed response ended, as the test says it.

use abi_stable::std_types::{ROption, RStr};

use crate::abi;
use crate::driver::table;

/// How the body of a streamed response ended, for [`Call::stream_ended`](super::Call::stream_ended). Each has the number
/// of bytes that were sent until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestStreamEnd {
    kind: u8,
    bytes: u64,
    /// Type, message, traceback.
    exception: Option<[String; 3]>,
}

impl TestStreamEnd {
    fn new(kind: u8, bytes: u64) -> Self {
        TestStreamEnd {
            kind,
            bytes,
            exception: None,
        }
    }

    /// The whole body was sent.
    pub fn complete(bytes: u64) -> Self {
        TestStreamEnd::new(abi::STREAM_COMPLETE, bytes)
    }

    /// The client left.
    pub fn client_left(bytes: u64) -> Self {
        TestStreamEnd::new(abi::STREAM_CLIENT_LEFT, bytes)
    }

    /// The function raised this exception while it made the body: `failed(100, "ValueError", "no")`.
    pub fn failed(bytes: u64, type_name: impl Into<String>, message: impl Into<String>) -> Self {
        let (type_name, message) = (type_name.into(), message.into());
        let traceback = format!("Traceback (most recent call last):\n{type_name}: {message}\n");
        TestStreamEnd {
            exception: Some([type_name, message, traceback]),
            ..TestStreamEnd::new(abi::STREAM_FAILED, bytes)
        }
    }

    /// The call took longer than `functionTimeout`.
    pub fn timed_out(bytes: u64) -> Self {
        TestStreamEnd::new(abi::STREAM_TIMED_OUT, bytes)
    }

    /// The worker stopped.
    pub fn cancelled(bytes: u64) -> Self {
        TestStreamEnd::new(abi::STREAM_CANCELLED, bytes)
    }

    /// A post hook replaced the response of the call.
    pub(super) fn replaced() -> Self {
        TestStreamEnd::new(abi::STREAM_REPLACED, 0)
    }

    pub(super) fn raw(&self) -> abi::StreamEnd<'_> {
        // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
        unsafe { abi::StreamEnd::new(STREAM_END, std::ptr::from_ref(self).cast()) }
    }
}

table! {
    STREAM_END: StreamEndFns, StreamEndFnsRef of TestStreamEnd {
        fn kind(end) -> u8 { end.kind }
        fn exception(end) -> ROption<abi::Exception<'static>> {
            let exception = end.exception.as_ref();
            exception
                .map(|[type_name, message, traceback]| abi::Exception {
                    type_name: RStr::from_str(type_name),
                    message: RStr::from_str(message),
                    traceback: RStr::from_str(traceback),
                })
                .into()
        }
        fn bytes(end) -> u64 { end.bytes }
    }
}
