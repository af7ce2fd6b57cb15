//! A function of the app.

use abi_stable::std_types::{ROption, RStr};
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::table;

use crate::model::FunctionInfo;

/// Makes a context of a function.
pub(in crate::extensions) fn function(function: &FunctionInfo) -> abi::Function<'_> {
    // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
    unsafe { abi::Function::new(FUNCTION, std::ptr::from_ref(function).cast()) }
}

table! {
    FUNCTION: FunctionFns, FunctionFnsRef of FunctionInfo {
        fn name(function) -> RStr<'static> { RStr::from_str(&function.name) }
        fn directory(function) -> RStr<'static> { RStr::from_str(&function.directory) }
        fn trigger(function) -> RStr<'static> { RStr::from_str(&function.trigger) }
        fn route(function) -> ROption<RStr<'static>> { function.route.as_deref().map(RStr::from_str).into() }
    }
}
