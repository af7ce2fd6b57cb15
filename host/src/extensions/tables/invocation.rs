//! One function call.

use std::ffi::c_void;
use std::sync::Arc;

use abi_stable::std_types::{ROption, RResult, RStr, Tuple2};
use async_ffi::FfiFuture;
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{self, table};

use super::{data, request};
use crate::extensions::ticks;
use crate::model::{Invocation, TraceContext};

/// Makes a context of an invocation.
#[inline]
pub(in crate::extensions) fn invocation(invocation: &Arc<Invocation>) -> abi::Invocation<'_> {
    // `retain` and `release` count the `Arc`'s references through the pointer.
    let this = Arc::as_ptr(invocation).cast();
    // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
    unsafe { abi::Invocation::new(INVOCATION, this) }
}

table! {
    INVOCATION: InvocationFns, InvocationFnsRef of Invocation {
        fn id(call) -> RStr<'static> { RStr::from_str(call.id()) }
        fn function(call) -> abi::Function<'static> { super::function(call.function()) }
        fn trace_context(call) -> abi::TraceContext<'static> {
            let (traceparent, tracestate) = call.trace_context();
            abi::TraceContext {
                traceparent: RStr::from_str(traceparent),
                tracestate: RStr::from_str(tracestate),
            }
        }
        fn set_trace_context(call, traceparent: RStr<'_>, tracestate: RStr<'_>) {
            call.set_trace_context(TraceContext::new(traceparent.as_str(), tracestate.as_str()));
        }
        fn retry(call) -> Tuple2<u32, u32> {
            let retry = call.retry();
            Tuple2(retry.count, retry.max)
        }
        fn http_request(call) -> ROption<abi::HttpRequest<'static>> {
            call.request().map(request::http_request).into()
        }
        fn input(call, name: RStr<'_>) -> ROption<abi::Data<'static>> {
            call.input(name.as_str()).map(data::borrow).into()
        }
        fn metadata(call, name: RStr<'_>) -> ROption<abi::Data<'static>> {
            call.metadata(name.as_str()).map(data::borrow).into()
        }
        fn attribute(call, name: RStr<'_>) -> ROption<abi::Value> {
            call.attributes().get(name.as_str()).and_then(|value| value.to_plain()).into()
        }
        fn set_attribute(call, name: RStr<'_>, value: abi::Value) -> RResult<(), abi::Error> {
            let checked = driver::check_attribute_name(&name);
            checked.map(|()| call.attributes().set(name.as_str(), value)).into()
        }
        fn elapsed_ns(call) -> u64 { ticks::to_nanoseconds(call.times().elapsed(ticks::now())) }
        fn waited_ns(call) -> ROption<u64> {
            call.times().waited(ticks::now).map(ticks::to_nanoseconds).into()
        }
        fn wait(call, future: FfiFuture<abi::HookReturn>) -> RResult<(), abi::Error> {
            driver::wait(std::ptr::from_ref(call).cast(), future).into()
        }
    } with retain, release
}

unsafe extern "C" fn retain(this: *const c_void) {
    // SAFETY: by `invocation` the pointer is that of an `Arc`, which the caller's hook keeps alive.
    unsafe { Arc::increment_strong_count(this.cast::<Invocation>()) }
}

unsafe extern "C" fn release(this: *const c_void) {
    // SAFETY: ends one `retain`.
    unsafe { Arc::decrement_strong_count(this.cast::<Invocation>()) }
}
