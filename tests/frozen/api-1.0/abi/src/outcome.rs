//! What post hooks learn: how the invocation ended.

use std::ffi::c_void;
use std::marker::PhantomData;

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RStr, Tuple2};

use super::{Data, HttpResponse};

/// How an invocation ended.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Outcome<'a> {
    functions: OutcomeFnsRef,
    this: *const c_void,
    lifetime: PhantomData<&'a ()>,
}

/// Functions of [`Outcome`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = OutcomeFnsRef, prefix_fields = OutcomeFnsPrefix)))]
pub struct OutcomeFns {
    /// One of the `OUTCOME_…` constants.
    pub kind: unsafe extern "C" fn(this: *const c_void) -> u8,
    /// What the function raised, or why an extension refused the call.
    pub exception: unsafe extern "C" fn(this: *const c_void) -> ROption<Exception<'static>>,
    /// The extension that answered or failed the invocation instead of the function.
    pub extension: unsafe extern "C" fn(this: *const c_void) -> ROption<RStr<'static>>,
    /// What the function returned. It stays valid when the response changes.
    pub return_value: unsafe extern "C" fn(this: *const c_void) -> ROption<Data<'static>>,
    /// What the function set on an output binding, by its name.
    pub output: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>) -> ROption<Data<'static>>,
    /// The output at this index, in order, until `RNone`.
    pub output_at: unsafe extern "C" fn(
        this: *const c_void,
        index: usize,
    ) -> ROption<Tuple2<RStr<'static>, Data<'static>>>,
    /// The HTTP status of the response; nothing if the trigger is not HTTP.
    pub status: unsafe extern "C" fn(this: *const c_void) -> ROption<u16>,
    /// The nanoseconds from the last pre hook to the outcome; nothing if the function was not called.
    pub function_ns: unsafe extern "C" fn(this: *const c_void) -> ROption<u64>,
    /// Whether the body of the HTTP response is a stream.
    pub is_streamed: unsafe extern "C" fn(this: *const c_void) -> bool,
    /// The HTTP response, for reading and changing; nothing if the trigger is not HTTP.
    #[sabi(last_prefix_field)]
    pub response: unsafe extern "C" fn(this: *const c_void) -> ROption<HttpResponse<'static>>,
}

impl<'a> Outcome<'a> {
    context!(OutcomeFnsRef);

    methods! {
        /// One of the `OUTCOME_…` constants.
        fn kind(&self) -> u8;
        /// What the function raised, or why an extension refused the call.
        fn exception(&self) -> ROption<Exception<'a>>;
        /// The extension that answered or failed the invocation instead of the function.
        fn extension(&self) -> ROption<RStr<'a>>;
        /// What the function returned.
        fn return_value(&self) -> ROption<Data<'a>>;
        /// What the function set on an output binding, by its name.
        fn output(&self, name: RStr<'_>) -> ROption<Data<'a>>;
        /// The output at this index, in order, until `RNone`.
        fn output_at(&self, index: usize) -> ROption<Tuple2<RStr<'a>, Data<'a>>>;
        /// The HTTP status of the response; nothing if the trigger is not HTTP.
        fn status(&self) -> ROption<u16>;
        /// The nanoseconds from the last pre hook to the outcome; nothing if the function was not called.
        fn function_ns(&self) -> ROption<u64>;
        /// Whether the body of the HTTP response is a stream.
        fn is_streamed(&self) -> bool;
    }

    /// The HTTP response, for reading and changing; nothing if the trigger is not HTTP.
    ///
    /// # Safety
    /// The caller has at most one `HttpResponse` of this outcome at a time.
    pub unsafe fn response(&self) -> ROption<HttpResponse<'a>> {
        // SAFETY: by the contract of `new`, the pointer is what the table's functions expect, and alive.
        unsafe { (self.functions.response())(self.this) }
    }
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
