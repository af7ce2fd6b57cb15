//! The table of functions of a mock response.

use std::ffi::c_void;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RVec, Tuple2};

use super::state::End;
use super::tables::{error, lend, lend_bytes};
use crate::{Response, abi};

/// # Safety
/// `this` must be an [`End`] with a response, by `call_tables::outcome`, and nothing else may refer to the response: the SDK
/// calls one function at a time, and ends what was lent before it changes anything.
unsafe fn http<'a>(this: *const c_void) -> &'a mut Response {
    // SAFETY: by this function's contract; the pointer is of a mutable reference.
    let end = unsafe { &mut *this.cast_mut().cast::<End>() };
    end.response.get_or_insert_with(|| Response::new(500))
}

unsafe extern "C" fn status(this: *const c_void) -> u16 {
    // SAFETY: `this` is an `End`, by the outcome's `response`.
    unsafe { http(this) }.status
}

unsafe extern "C" fn set_status(this: *const c_void, status: u16) -> RResult<(), abi::Error> {
    if !(200..1000).contains(&status) {
        return RResult::RErr(error(&format!("{status} is no final HTTP status")));
    }
    // SAFETY: as above.
    unsafe { http(this) }.status = status;
    RResult::ROk(())
}

unsafe extern "C" fn header(this: *const c_void, name: RStr<'_>) -> ROption<RSlice<'static, u8>> {
    // SAFETY: as above.
    let value = unsafe { http(this) }.header_value(&name);
    value.map(|value| lend_bytes(value.as_bytes())).into()
}

unsafe extern "C" fn header_at(
    this: *const c_void,
    index: usize,
) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>> {
    // SAFETY: as above.
    let found = unsafe { http(this) }.headers.get(index);
    found
        .map(|(name, value)| Tuple2(lend(name), lend_bytes(value.as_bytes())))
        .into()
}

unsafe extern "C" fn set_header(
    this: *const c_void,
    name: RStr<'_>,
    value: RStr<'_>,
    append: bool,
) -> RResult<(), abi::Error> {
    // What the `http` crate, which the host uses, takes.
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return RResult::RErr(error(&format!("{name:?} is no header name")));
    }
    if value
        .bytes()
        .any(|byte| (byte < b' ' && byte != b'\t') || byte == 127)
    {
        return RResult::RErr(error(&format!("the value of header {name:?} is not valid")));
    }
    // SAFETY: as above.
    let headers = &mut unsafe { http(this) }.headers;
    if !append {
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
    }
    headers.push((name.to_ascii_lowercase(), value.to_string()));
    RResult::ROk(())
}

unsafe extern "C" fn remove_header(this: *const c_void, name: RStr<'_>) {
    // SAFETY: as above.
    let headers = &mut unsafe { http(this) }.headers;
    headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
}

unsafe extern "C" fn body(this: *const c_void) -> RSlice<'static, u8> {
    // SAFETY: as above.
    lend_bytes(&unsafe { http(this) }.body)
}

unsafe extern "C" fn set_body(this: *const c_void, body: RVec<u8>) {
    // SAFETY: as above.
    unsafe { http(this) }.body = body.into();
}

pub(super) const HTTP_RESPONSE: abi::HttpResponseFnsRef = {
    const TABLE: &WithMetadata<abi::HttpResponseFns> = &WithMetadata::new(abi::HttpResponseFns {
        status,
        set_status,
        header,
        header_at,
        set_header,
        remove_header,
        body,
        set_body,
    });
    abi::HttpResponseFnsRef(TABLE.static_as_prefix())
};
