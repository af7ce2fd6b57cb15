//! Objects of an extension that Python code can hold and call.

use std::ffi::c_void;

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RString, RVec, Tuple2};

use super::{Error, Exception, Value};

/// An owned object of an extension: dropping it calls the extension's destructor.
#[repr(C)]
#[derive(StableAbi)]
pub struct Object {
    functions: ObjectFnsRef,
    this: *mut c_void,
}

// SAFETY: by the contract of `new`.
unsafe impl Send for Object {}
// SAFETY: as above.
unsafe impl Sync for Object {}

impl Object {
    /// Makes an object of a table and the pointer that its functions get.
    ///
    /// # Safety
    /// `this` is what the functions of the table expect, from any thread and several at once, until `drop` is called with
    /// it. What they return with a lifetime lives as long.
    pub const unsafe fn new(functions: ObjectFnsRef, this: *mut c_void) -> Self {
        Object { functions, this }
    }

    methods! {
        /// The class name that Python shows.
        fn class_name(&self) -> RStr<'_>;
        /// The names of the methods. Python reads every other name with `get`.
        fn methods(&self) -> RSlice<'_, RStr<'_>>;
        /// Reads an attribute; `RNone` if there is none of that name.
        fn get(&self, name: RStr<'_>) -> RResult<ROption<Value>, Error>;
        /// Writes an attribute.
        fn set(&self, name: RStr<'_>, value: Value) -> RResult<(), Error>;
        /// Calls a method with positional and keyword arguments.
        fn call(
            &self,
            method: RStr<'_>,
            positional: RVec<Value>,
            keyword: RVec<Tuple2<RString, Value>>
        ) -> RResult<Value, Error>;
        /// `with object as x:` begins; `RNone` makes `x` the object itself.
        fn enter(&self) -> RResult<ROption<Value>, Error>;
        /// `with` ends, by this exception if one was raised; `true` swallows it.
        fn exit(&self, exception: ROption<Exception<'_>>) -> RResult<bool, Error>;
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: by the contract of `new`; it is dropped once, here.
        unsafe { (self.functions.drop())(self.this) }
    }
}

/// Functions of an [`Object`]; `this` is the pointer that the object was made with.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ObjectFnsRef, prefix_fields = ObjectFnsPrefix)))]
pub struct ObjectFns {
    /// The class name that Python shows.
    pub class_name: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The names of the methods. Python reads every other name with `get`.
    pub methods: unsafe extern "C" fn(this: *const c_void) -> RSlice<'static, RStr<'static>>,
    /// Reads an attribute; `RNone` if there is none of that name.
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
