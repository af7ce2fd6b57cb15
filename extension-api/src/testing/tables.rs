//! How a table of border functions is made of a Rust type, which they all are about.

use abi_stable::std_types::{RSlice, RStr};

use crate::abi;

/// A table whose functions get their `this` as a reference to a Rust value. `with` adds functions that need the pointer
/// itself.
macro_rules! table {
    (
        $vis:vis $name:ident: $fns:ident, $fns_ref:ident of $this:ty {
            $(
                fn $function:ident($context:ident $(, $argument:ident: $type:ty)*) $(-> $result:ty)? $body:block
            )*
        } $(with $($raw:ident),+)?
    ) => {
        $vis const $name: crate::abi::$fns_ref = {
            $(
                unsafe extern "C" fn $function(
                    this: *const std::ffi::c_void $(, $argument: $type)*
                ) $(-> $result)? {
                    // SAFETY: the SDK hands back the pointer that came with the table, of a value that is still
                    // borrowed for the call, or alive by `retain`.
                    let $context = unsafe { &*this.cast::<$this>() };
                    $body
                }
            )*
            const TABLE: &abi_stable::prefix_type::WithMetadata<crate::abi::$fns> =
                &abi_stable::prefix_type::WithMetadata::new(crate::abi::$fns {
                    $($function,)*
                    $($($raw,)+)?
                });
            crate::abi::$fns_ref(TABLE.static_as_prefix())
        };
    };
}
pub(super) use table;

/// A string that the callee borrows for as long as its context, which the C type cannot say.
pub(super) fn lend(text: &str) -> RStr<'static> {
    // SAFETY: the contract of `abi`: it lives as long as the context that it was asked of.
    RStr::from_str(unsafe { &*std::ptr::from_ref(text) })
}

/// As [`lend`].
pub(super) fn lend_bytes(bytes: &[u8]) -> RSlice<'static, u8> {
    // SAFETY: as in `lend`.
    RSlice::from_slice(unsafe { &*std::ptr::from_ref(bytes) })
}

/// A value that a host does not take.
pub(super) fn invalid(message: impl Into<String>) -> abi::Error {
    abi::Error {
        kind: abi::ERROR_VALUE,
        message: message.into().into(),
    }
}
