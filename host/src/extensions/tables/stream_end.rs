//! How the body of a streamed response ended.

use abi_stable::std_types::ROption;
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::table;

use crate::model::{StreamEnd, StreamEndKind};

/// Makes a context of the end of a stream.
pub(in crate::extensions) fn stream_end(end: &StreamEnd) -> abi::StreamEnd<'_> {
    // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
    unsafe { abi::StreamEnd::new(STREAM_END, std::ptr::from_ref(end).cast()) }
}

table! {
    STREAM_END: StreamEndFns, StreamEndFnsRef of StreamEnd {
        fn kind(end) -> u8 {
            match end.kind {
                StreamEndKind::Complete => abi::STREAM_COMPLETE,
                StreamEndKind::ClientLeft => abi::STREAM_CLIENT_LEFT,
                StreamEndKind::Failed(_) => abi::STREAM_FAILED,
                StreamEndKind::TimedOut(_) => abi::STREAM_TIMED_OUT,
                StreamEndKind::Cancelled => abi::STREAM_CANCELLED,
                StreamEndKind::Replaced => abi::STREAM_REPLACED,
            }
        }
        fn exception(end) -> ROption<abi::Exception<'static>> {
            end.exception().map(super::outcome::exception).into()
        }
        fn bytes(end) -> u64 { end.bytes }
    }
}
