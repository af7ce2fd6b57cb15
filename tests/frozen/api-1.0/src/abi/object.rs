//! Objects of an extension that Python code can hold and call.

use std::ffi::c_void;

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RString, RVec, Tuple2};

use super::{Error, Exception, Value};

/// An owned object of an extension: dropping it calls the extension's destructor.
#[repr(C)]
#[derive(StableAbi)]
pub struct Object {
    /// The object's functions.
    pub functions: ObjectFnsRef,
    /// Opaque to the host.
    pub this: *mut c_void,
}

// SAFETY: an `Object` can only be made from a `ContextObject`, which is `Send + Sync`.
unsafe impl Send for Object {}
// SAFETY: as above.
unsafe impl Sync for Object {}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: `this` came with this table, and is dropped once, here.
        unsafe { (self.functions.drop())(self.this) }
    }
}

/// Functions of an [`Object`]; `this` is [`Object::this`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ObjectFnsRef, prefix_fields = ObjectFnsPrefix)))]
pub struct ObjectFns {
    /// The class name that Python shows.
    pub class_name: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// Names that are methods; every other name is looked up with `get`.
    pub methods: unsafe extern "C" fn(this: *const c_void) -> RSlice<'static, RStr<'static>>,
    /// Reads an attribute; `RNone` where there is none of that name.
    pub get: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>) -> RResult<ROption<Value>, Error>,
    /// Writes an attribute.
    pub set: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>, value: Value) -> RResult<(), Error>,
    /// Calls a method with positional and keyword arguments.
    pub call: unsafe extern "C" fn(
        this: *const c_void,
        method: RStr<'_>,
        positional: RVec<Value>,
        keyword: RVec<Tuple2<RString, Value>>,
    ) -> RResult<Value, Error>,
    /// `with object as x:` begins; `RNone` makes `x` the object itself.
    pub enter: unsafe extern "C" fn(this: *const c_void) -> RResult<ROption<Value>, Error>,
    /// `with` ends, by this exception if one was raised; `true` swallows it.
    pub exit:
        unsafe extern "C" fn(this: *const c_void, exception: ROption<Exception<'_>>) -> RResult<bool, Error>,
    /// Destroys the object.
    #[sabi(last_prefix_field)]
    pub drop: unsafe extern "C" fn(this: *mut c_void),
}
