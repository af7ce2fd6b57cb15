//! How an invocation ended.

use std::ffi::c_void;

use abi_stable::std_types::{ROption, RStr, Tuple2};
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::table;

use super::data;
use super::ended_call::EndedCall;
use super::response::HTTP_RESPONSE;
use crate::extensions::ticks;
use crate::model::{Exception, Outcome, Returned};

/// Makes a context of a call that has ended.
#[inline]
pub(in crate::extensions) fn outcome<'a>(call: &'a mut EndedCall<'_>) -> abi::Outcome<'a> {
    // Of a mutable reference: `HTTP_RESPONSE` changes what it points to.
    let this = std::ptr::from_mut(call).cast_const().cast();
    // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
    unsafe { abi::Outcome::new(OUTCOME, this) }
}

/// Borrows an exception.
pub(super) fn exception(exception: &Exception) -> abi::Exception<'_> {
    abi::Exception {
        type_name: RStr::from_str(&exception.type_name),
        message: RStr::from_str(&exception.message),
        traceback: RStr::from_str(&exception.traceback),
    }
}

/// What the function returned, if it did.
fn returned<'a>(call: &'a EndedCall<'_>) -> Option<&'a Returned> {
    match call.result.outcome() {
        Outcome::Returned(returned) => Some(returned),
        _ => None,
    }
}

table! {
    OUTCOME: OutcomeFns, OutcomeFnsRef of EndedCall<'static> {
        fn kind(call) -> u8 {
            match call.result.outcome() {
                Outcome::Returned(_) => abi::OUTCOME_RETURNED,
                Outcome::Raised(_) => abi::OUTCOME_RAISED,
                Outcome::TimedOut(_) => abi::OUTCOME_TIMED_OUT,
                Outcome::Cancelled => abi::OUTCOME_CANCELLED,
                Outcome::Answered { .. } => abi::OUTCOME_ANSWERED,
                Outcome::Refused { .. } => abi::OUTCOME_REFUSED,
            }
        }
        fn exception(call) -> ROption<abi::Exception<'static>> {
            call.result.outcome().exception().map(super::outcome::exception).into()
        }
        fn extension(call) -> ROption<RStr<'static>> {
            match call.result.outcome() {
                Outcome::Answered { extension, .. } | Outcome::Refused { extension, .. } => {
                    ROption::RSome(RStr::from_str(extension))
                }
                _ => ROption::RNone,
            }
        }
        fn return_value(call) -> ROption<abi::Data<'static>> {
            returned(call).map(|returned| data::borrow(&returned.value)).into()
        }
        fn output(call, name: RStr<'_>) -> ROption<abi::Data<'static>> {
            let output = returned(call).and_then(|returned| returned.output(name.as_str()));
            output.map(data::borrow).into()
        }
        fn output_at(call, index: usize) -> ROption<Tuple2<RStr<'static>, abi::Data<'static>>> {
            let output = returned(call).and_then(|returned| returned.outputs.get(index));
            output
                .map(|output| Tuple2(RStr::from_str(&output.name), data::borrow(&output.data)))
                .into()
        }
        fn status(call) -> ROption<u16> {
            let status = call.result.http_status(call.invocation);
            status.map(|status| status.as_u16()).into()
        }
        fn function_ns(call) -> ROption<u64> {
            call.invocation.times().function().map(ticks::to_nanoseconds).into()
        }
        fn is_streamed(call) -> bool { call.result.stream(call.invocation).is_some() }
    } with response
}

unsafe extern "C" fn response(this: *const c_void) -> ROption<abi::HttpResponse<'static>> {
    // SAFETY: the caller passes the pointer that came with the table: by `outcome`, of an ended call that is alive.
    let call = unsafe { &*this.cast::<EndedCall<'_>>() };
    // SAFETY: the table is one for this type, and the pointer comes from a mutable reference.
    let response = |_| unsafe { abi::HttpResponse::new(HTTP_RESPONSE, this) };
    call.invocation.http_reply().map(response).into()
}
