//! The host's side of the tables for how an invocation ended, and its HTTP response.

use std::ffi::c_void;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RVec, Tuple2};
use bytes::Bytes;
use funcdock_extension_api::abi;

use super::super::chain::{final_status, header};
use super::{context, error, lend, lend_bytes, raw_data};
use crate::model::{CallResult, HttpResponse, Invocation, Outcome};

/// A call that has ended, as its post hooks see it.
pub(in crate::extensions) struct EndedCall<'a> {
    invocation: &'a Invocation,
    result: &'a mut CallResult,
}

impl<'a> EndedCall<'a> {
    pub(in crate::extensions) fn new(invocation: &'a Invocation, result: &'a mut CallResult) -> Self {
        EndedCall { invocation, result }
    }
}

#[inline]
pub(in crate::extensions) fn raw_outcome(call: &mut EndedCall<'_>) -> abi::Outcome {
    abi::Outcome {
        functions: OUTCOME,
        // Of a mutable reference: `HTTP_RESPONSE` changes what it points to.
        this: std::ptr::from_mut(call).cast_const().cast(),
    }
}

const OUTCOME: abi::OutcomeFnsRef = {
    unsafe extern "C" fn kind(this: *const c_void) -> u8 {
        // SAFETY: `this` is an `EndedCall`, by `raw_outcome`.
        match unsafe { context::<EndedCall<'_>>(this) }.result.outcome() {
            Outcome::Returned(_) => abi::OUTCOME_RETURNED,
            Outcome::Raised(_) => abi::OUTCOME_RAISED,
            Outcome::TimedOut(_) => abi::OUTCOME_TIMED_OUT,
            Outcome::Cancelled => abi::OUTCOME_CANCELLED,
            Outcome::Answered { .. } => abi::OUTCOME_ANSWERED,
            Outcome::Refused { .. } => abi::OUTCOME_REFUSED,
        }
    }
    unsafe extern "C" fn status(this: *const c_void) -> u16 {
        // SAFETY: as above.
        let EndedCall { invocation, result } = unsafe { context::<EndedCall<'_>>(this) };
        result.http_status(invocation).map_or(0, |status| status.as_u16())
    }
    unsafe extern "C" fn exception(this: *const c_void) -> ROption<abi::Exception<'static>> {
        // SAFETY: as above.
        let exception = unsafe { context::<EndedCall<'_>>(this) }
            .result
            .outcome()
            .exception();
        exception
            .map(|exception| abi::Exception {
                type_name: lend(&exception.type_name),
                message: lend(&exception.message),
                traceback: lend(&exception.traceback),
            })
            .into()
    }
    unsafe extern "C" fn extension(this: *const c_void) -> ROption<RStr<'static>> {
        // SAFETY: as above.
        match unsafe { context::<EndedCall<'_>>(this) }.result.outcome() {
            Outcome::Answered { extension, .. } | Outcome::Refused { extension, .. } => {
                ROption::RSome(lend(extension))
            }
            _ => ROption::RNone,
        }
    }
    unsafe extern "C" fn return_value(this: *const c_void) -> ROption<abi::Data> {
        // SAFETY: as above.
        match unsafe { context::<EndedCall<'_>>(this) }.result.outcome() {
            Outcome::Returned(returned) => ROption::RSome(raw_data(&returned.value)),
            _ => ROption::RNone,
        }
    }
    unsafe extern "C" fn allocated_blocks(_this: *const c_void) -> ROption<Tuple2<u64, u64>> {
        ROption::RNone
    }
    unsafe extern "C" fn response(this: *const c_void) -> ROption<abi::HttpResponse> {
        // SAFETY: as above.
        let reply = unsafe { context::<EndedCall<'_>>(this) }.invocation.http_reply();
        reply
            .map(|_| abi::HttpResponse {
                functions: HTTP_RESPONSE,
                this,
            })
            .into()
    }
    const TABLE: &WithMetadata<abi::OutcomeFns> = &WithMetadata::new(abi::OutcomeFns {
        kind,
        status,
        exception,
        extension,
        return_value,
        allocated_blocks,
        response,
    });
    abi::OutcomeFnsRef(TABLE.static_as_prefix())
};

const HTTP_RESPONSE: abi::HttpResponseFnsRef = {
    const REPLIES: &str = "OUTCOME's `response` gives this table out only where the trigger answers HTTP";

    /// # Safety
    /// `this` must be an [`EndedCall`], by `raw_outcome`.
    unsafe fn http<'a>(this: *const c_void) -> &'a HttpResponse {
        // SAFETY: by this function's contract; the pointer is of a mutable reference.
        let call = unsafe { &mut *this.cast_mut().cast::<EndedCall<'a>>() };
        call.result.response(call.invocation).expect(REPLIES)
    }
    /// # Safety
    /// As for `http`, and no borrow of this response may be in use any more: the SDK's `HttpResponse` changes it by
    /// `&mut self`.
    unsafe fn http_mut<'a>(this: *const c_void) -> &'a mut HttpResponse {
        // SAFETY: by this function's contract; the pointer is of a mutable reference.
        let call = unsafe { &mut *this.cast_mut().cast::<EndedCall<'a>>() };
        call.result.response_mut(call.invocation).expect(REPLIES)
    }
    unsafe extern "C" fn status(this: *const c_void) -> u16 {
        // SAFETY: `this` is an `EndedCall`, by `OUTCOME`'s `response`.
        unsafe { http(this) }.status.as_u16()
    }
    unsafe extern "C" fn set_status(this: *const c_void, status: u16) -> RResult<(), abi::Error> {
        match final_status(status) {
            Ok(status) => {
                // SAFETY: as above.
                unsafe { http_mut(this) }.status = status;
                RResult::ROk(())
            }
            Err(problem) => RResult::RErr(error(&problem)),
        }
    }
    unsafe extern "C" fn header_value(this: *const c_void, name: RStr<'_>) -> ROption<RSlice<'static, u8>> {
        // SAFETY: as above.
        let value = unsafe { http(this) }.headers.get(name.as_str());
        value.map(|value| lend_bytes(value.as_bytes())).into()
    }
    unsafe extern "C" fn header_at(
        this: *const c_void,
        index: usize,
    ) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>> {
        // SAFETY: as above.
        let found = unsafe { http(this) }.headers.iter().nth(index);
        found
            .map(|(name, value)| Tuple2(lend(name.as_str()), lend_bytes(value.as_bytes())))
            .into()
    }
    unsafe extern "C" fn set_header(
        this: *const c_void,
        name: RStr<'_>,
        value: RStr<'_>,
        append: bool,
    ) -> RResult<(), abi::Error> {
        let (name, value) = match header(name.as_str(), value.as_str()) {
            Ok(parsed) => parsed,
            Err(problem) => return RResult::RErr(error(&problem)),
        };
        // SAFETY: as above.
        let headers = &mut unsafe { http_mut(this) }.headers;
        if append {
            headers.append(name, value);
        } else {
            headers.insert(name, value);
        }
        RResult::ROk(())
    }
    unsafe extern "C" fn remove_header(this: *const c_void, name: RStr<'_>) {
        // SAFETY: as above.
        unsafe { http_mut(this) }.headers.remove(name.as_str());
    }
    unsafe extern "C" fn body(this: *const c_void) -> RSlice<'static, u8> {
        // SAFETY: as above.
        unsafe { http(this) }
            .body
            .bytes()
            .map_or_else(|| lend_bytes(&[]), |bytes| lend_bytes(bytes))
    }
    unsafe extern "C" fn set_body(this: *const c_void, body: RVec<u8>) {
        // SAFETY: as above.
        unsafe { http_mut(this) }.body = Bytes::from(body.into_vec()).into();
    }
    const TABLE: &WithMetadata<abi::HttpResponseFns> = &WithMetadata::new(abi::HttpResponseFns {
        status,
        set_status,
        header: header_value,
        header_at,
        set_header,
        remove_header,
        body,
        set_body,
    });
    abi::HttpResponseFnsRef(TABLE.static_as_prefix())
};
