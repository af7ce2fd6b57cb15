//! What post hooks learn: how the invocation ended, and its response.

use std::ffi::c_void;

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RVec, Tuple2};

use super::{Data, Error};

/// How an invocation ended.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Outcome {
    /// Host functions.
    pub functions: OutcomeFnsRef,
    /// Opaque to extensions.
    pub this: *const c_void,
}

/// Functions of [`Outcome`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = OutcomeFnsRef, prefix_fields = OutcomeFnsPrefix)))]
pub struct OutcomeFns {
    /// One of the `OUTCOME_…` constants.
    pub kind: unsafe extern "C" fn(this: *const c_void) -> u8,
    /// The HTTP status of the answer; 0 where the trigger is not HTTP.
    pub status: unsafe extern "C" fn(this: *const c_void) -> u16,
    /// What the function raised, or why an extension refused the call.
    pub exception: unsafe extern "C" fn(this: *const c_void) -> ROption<Exception<'static>>,
    /// The extension that answered or failed the invocation instead of the function.
    #[sabi(last_prefix_field)]
    pub extension: unsafe extern "C" fn(this: *const c_void) -> ROption<RStr<'static>>,
    /// What the function returned (since 1.1).
    pub return_value: unsafe extern "C" fn(this: *const c_void) -> ROption<Data>,
    /// How many blocks of memory the language's allocator had given out before and after the function, where
    /// a pre hook asked for it with `count_allocations` (since 1.1).
    pub allocated_blocks: unsafe extern "C" fn(this: *const c_void) -> ROption<Tuple2<u64, u64>>,
    /// The HTTP response, for reading and changing (since 1.1).
    pub response: unsafe extern "C" fn(this: *const c_void) -> ROption<HttpResponse>,
}

/// The HTTP response that the invocation will be answered with.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct HttpResponse {
    /// Host functions.
    pub functions: HttpResponseFnsRef,
    /// Opaque to extensions.
    pub this: *const c_void,
}

/// Functions of [`HttpResponse`], of which one at a time is called. What one lends lives until the next change.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HttpResponseFnsRef, prefix_fields = HttpResponseFnsPrefix)))]
pub struct HttpResponseFns {
    /// The status code.
    pub status: unsafe extern "C" fn(this: *const c_void) -> u16,
    /// Changes the status code.
    pub set_status: unsafe extern "C" fn(this: *const c_void, status: u16) -> RResult<(), Error>,
    /// The first value of a header; names compare without case.
    pub header: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>) -> ROption<RSlice<'static, u8>>,
    /// The header at this index, in order, until `RNone`.
    pub header_at: unsafe extern "C" fn(
        this: *const c_void,
        index: usize,
    ) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>>,
    /// Sets a header: `append` keeps the values that it has, otherwise this replaces them.
    pub set_header: unsafe extern "C" fn(
        this: *const c_void,
        name: RStr<'_>,
        value: RStr<'_>,
        append: bool,
    ) -> RResult<(), Error>,
    /// Removes a header with all its values.
    pub remove_header: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>),
    /// The body.
    pub body: unsafe extern "C" fn(this: *const c_void) -> RSlice<'static, u8>,
    /// Replaces the body.
    #[sabi(last_prefix_field)]
    pub set_body: unsafe extern "C" fn(this: *const c_void, body: RVec<u8>),
}

/// The function returned.
pub const OUTCOME_RETURNED: u8 = 0;
/// The function raised an exception.
pub const OUTCOME_RAISED: u8 = 1;
/// The function took longer than `functionTimeout`.
pub const OUTCOME_TIMED_OUT: u8 = 2;
/// The invocation was given up: the worker stopped before the function ended.
pub const OUTCOME_CANCELLED: u8 = 3;
/// A pre hook answered.
pub const OUTCOME_ANSWERED: u8 = 4;
/// A pre hook refused.
pub const OUTCOME_REFUSED: u8 = 5;

/// A Python exception.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Exception<'a> {
    /// The type's name, qualified by its module unless built in.
    pub type_name: RStr<'a>,
    /// `str(exception)`.
    pub message: RStr<'a>,
    /// The formatted traceback; may be empty.
    pub traceback: RStr<'a>,
}
