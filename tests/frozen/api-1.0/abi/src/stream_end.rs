//! What `stream_ended` learns: how the body of a streamed response ended.

use std::ffi::c_void;
use std::marker::PhantomData;

use abi_stable::StableAbi;
use abi_stable::std_types::ROption;

use super::Exception;

/// How the body of a streamed response ended.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct StreamEnd<'a> {
    functions: StreamEndFnsRef,
    this: *const c_void,
    lifetime: PhantomData<&'a ()>,
}

/// Functions of [`StreamEnd`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = StreamEndFnsRef, prefix_fields = StreamEndFnsPrefix)))]
pub struct StreamEndFns {
    /// One of the `STREAM_…` constants.
    pub kind: unsafe extern "C" fn(this: *const c_void) -> u8,
    /// What the function raised while it made the body.
    pub exception: unsafe extern "C" fn(this: *const c_void) -> ROption<Exception<'static>>,
    /// The number of bytes of the body that were sent.
    #[sabi(last_prefix_field)]
    pub bytes: unsafe extern "C" fn(this: *const c_void) -> u64,
}

impl<'a> StreamEnd<'a> {
    context!(StreamEndFnsRef);

    methods! {
        /// One of the `STREAM_…` constants.
        fn kind(&self) -> u8;
        /// What the function raised while it made the body.
        fn exception(&self) -> ROption<Exception<'a>>;
        /// The number of bytes of the body that were sent.
        fn bytes(&self) -> u64;
    }
}

/// The whole body was sent.
pub const STREAM_COMPLETE: u8 = 0;
/// The client left before the end of the body.
pub const STREAM_CLIENT_LEFT: u8 = 1;
/// The function raised while it made the body.
pub const STREAM_FAILED: u8 = 2;
/// The call took longer than `functionTimeout`.
pub const STREAM_TIMED_OUT: u8 = 3;
/// The call was given up: the worker stopped before the end of the body.
pub const STREAM_CANCELLED: u8 = 4;
/// A post hook replaced the response: nothing of the body was sent.
pub const STREAM_REPLACED: u8 = 5;
