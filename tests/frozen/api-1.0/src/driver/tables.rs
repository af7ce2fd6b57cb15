//! How a host makes a table of the border from a Rust type.

use abi_stable::std_types::{RSlice, RStr};

/// Declares a constant table whose functions get their pointer as a reference to a Rust value:
///
/// ```ignore
/// table! {
///     pub(super) FUNCTION: FunctionFns, FunctionFnsRef of FunctionInfo {
///         fn name(function) -> RStr<'static> { RStr::from_str(&function.name) }
///         …
///     } with retain, release
/// }
/// ```
///
/// `mut name` as the first parameter gives a mutable reference, for a table whose functions are called one at a time.
/// `with` adds functions that are written apart, as they need the pointer itself.
///
/// A context with this table is made with a pointer to a value of that type, which is alive for as long as the context:
/// that is what [`abi`](crate::abi)'s constructors ask for. The reference looks `'static` so that borrows of the value can be
/// returned; nothing may keep it.
#[doc(hidden)]
#[macro_export]
macro_rules! host_table {
    (
        $vis:vis $name:ident: $fns:ident, $fns_ref:ident of $this:ty {
            $(
                fn $function:ident($($parameters:tt)*) $(-> $result:ty)? $body:block
            )*
        } $(with $($raw:ident),+)?
    ) => {
        $vis const $name: $crate::abi::$fns_ref = {
            $(
                $crate::host_table! { @function $this, $function, ($($parameters)*), ($(-> $result)?), $body }
            )*
            const TABLE: &$crate::driver::WithMetadata<$crate::abi::$fns> =
                &$crate::driver::WithMetadata::new($crate::abi::$fns {
                    $($function,)*
                    $($($raw,)+)?
                });
            $crate::abi::$fns_ref(TABLE.static_as_prefix())
        };
    };
    (
        @function $this:ty, $function:ident,
        (mut $context:ident $(, $argument:ident: $type:ty)* $(,)?), ($(-> $result:ty)?), $body:block
    ) => {
        unsafe extern "C" fn $function(
            this: *const ::std::ffi::c_void $(, $argument: $type)*
        ) $(-> $result)? {
            // SAFETY: the caller passes the pointer that came with the table, of a value of this type that is alive, which
            // one function at a time gets.
            let $context: &'static mut $this = unsafe { &mut *this.cast_mut().cast::<$this>() };
            $body
        }
    };
    (
        @function $this:ty, $function:ident,
        ($context:ident $(, $argument:ident: $type:ty)* $(,)?), ($(-> $result:ty)?), $body:block
    ) => {
        unsafe extern "C" fn $function(
            this: *const ::std::ffi::c_void $(, $argument: $type)*
        ) $(-> $result)? {
            // SAFETY: the caller passes the pointer that came with the table, of a value of this type that is alive.
            let $context: &'static $this = unsafe { &*this.cast::<$this>() };
            $body
        }
    };
}

/// Lets a table's function return a text that it borrows from behind a lock or a cell.
///
/// # Safety
/// The text lives, unchanged, as long as the context that it belongs to.
pub unsafe fn extend(text: &str) -> RStr<'static> {
    // SAFETY: by this function's contract.
    RStr::from_str(unsafe { &*std::ptr::from_ref(text) })
}

/// As [`extend`], for bytes.
///
/// # Safety
/// As for [`extend`].
pub unsafe fn extend_bytes(bytes: &[u8]) -> RSlice<'static, u8> {
    // SAFETY: by this function's contract.
    RSlice::from_slice(unsafe { &*std::ptr::from_ref(bytes) })
}
