//! Plain data at the border: values, errors and early answers.

use abi_stable::StableAbi;
use abi_stable::std_types::{RBox, RString, RVec, Tuple2};

use super::Object;

/// A value given to or taken from Python: an attribute of `context`, an argument, a result.
#[repr(u8)]
#[derive(StableAbi)]
pub enum Value {
    /// `None`.
    None,
    /// `bool`.
    Bool(bool),
    /// `int`, as far as 64 bits reach.
    Int(i64),
    /// `float`.
    Float(f64),
    /// `str`.
    Str(RString),
    /// `bytes`.
    Bytes(RVec<u8>),
    /// `list`.
    List(RVec<Value>),
    /// `dict` with `str` keys, in insertion order.
    Map(RVec<Tuple2<RString, Value>>),
    /// An object whose methods Python can call.
    Object(Object),
}

/// An error as it crosses the border.
#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
pub struct Error {
    /// Which exception Python sees: one of the `ERROR_…` constants; an unknown one counts as `ERROR_RUNTIME`.
    pub kind: u8,
    /// One or more lines for a person.
    pub message: RString,
}

impl Error {
    /// An error of this kind: one of the `ERROR_…` constants.
    pub fn new(kind: u8, message: impl Into<RString>) -> Self {
        Error {
            kind,
            message: message.into(),
        }
    }

    /// Whether it is a panic that the SDK caught.
    pub fn is_panic(&self) -> bool {
        self.kind == ERROR_PANIC
    }
}

/// `RuntimeError`.
pub const ERROR_RUNTIME: u8 = 0;
/// `TypeError`.
pub const ERROR_TYPE: u8 = 1;
/// `ValueError`.
pub const ERROR_VALUE: u8 = 2;
/// `AttributeError`.
pub const ERROR_ATTRIBUTE: u8 = 3;
/// `TypeError`: settings lack a key, which may still be added.
pub const ERROR_MISSING_SETTING: u8 = 4;
/// Not an error that the extension returned but a panic that the SDK caught.
pub const ERROR_PANIC: u8 = 255;

/// An answer that a pre hook gives instead of the function.
#[repr(C)]
#[derive(StableAbi)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// Header names and values, in order; names may repeat.
    pub headers: RVec<Tuple2<RString, RString>>,
    /// The body, sent as it is.
    pub body: RVec<u8>,
}

/// What a pre hook decided.
#[repr(u8)]
#[derive(StableAbi)]
pub enum PreResult {
    /// Go on. The state slot holds the hook's state.
    Continue,
    /// Do not call the function; answer this.
    Respond(RBox<Response>),
    /// Do not call the function; the invocation fails with this error.
    Fail(RBox<Error>),
    /// The hook itself failed (or panicked, by `kind`): logged and counted, and the invocation goes on.
    Error(RBox<Error>),
}

/// How a hook without an answer ended.
#[repr(u8)]
#[derive(StableAbi)]
pub enum HookResult {
    /// Well.
    Ok,
    /// Failed (or panicked, by `kind`): logged and counted.
    Error(RBox<Error>),
}
