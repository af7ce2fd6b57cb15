//! The tables of functions of a mock call: the invocation, its request, how it ended.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, Tuple2};
use async_ffi::FfiFuture;

use super::request::Request;
use super::state::{Call, End, lock};
use super::tables::{self, context, error, lend, lend_bytes};
use crate::abi;

pub(super) fn invocation(call: &Arc<Call>) -> abi::Invocation {
    abi::Invocation {
        functions: INVOCATION,
        this: Arc::as_ptr(call).cast(),
    }
}

pub(super) fn outcome(end: &mut End) -> abi::Outcome {
    abi::Outcome {
        functions: OUTCOME,
        this: std::ptr::from_mut(end).cast_const().cast(),
    }
}

const INVOCATION: abi::InvocationFnsRef = {
    unsafe extern "C" fn id(this: *const c_void) -> RStr<'static> {
        // SAFETY: `this` is a `Call`, by `invocation`.
        lend(&unsafe { context::<Call>(this) }.id)
    }
    unsafe extern "C" fn function(this: *const c_void) -> abi::Function {
        // SAFETY: as above.
        tables::function(&unsafe { context::<Call>(this) }.function)
    }
    unsafe extern "C" fn trace_context(this: *const c_void) -> abi::TraceContext {
        // SAFETY: as above.
        let (traceparent, tracestate) = unsafe { context::<Call>(this) }.trace_context();
        abi::TraceContext {
            traceparent: lend(traceparent),
            tracestate: lend(tracestate),
        }
    }
    unsafe extern "C" fn set_trace_context(this: *const c_void, traceparent: RStr<'_>, tracestate: RStr<'_>) {
        // SAFETY: as above.
        let call = unsafe { context::<Call>(this) };
        lock(&call.trace_contexts).push(Arc::new((traceparent.to_string(), tracestate.to_string())));
    }
    unsafe extern "C" fn retry(_this: *const c_void) -> Tuple2<u32, u32> {
        Tuple2(0, 0)
    }
    unsafe extern "C" fn http_request(this: *const c_void) -> ROption<abi::HttpRequest> {
        // SAFETY: as above.
        let request = unsafe { context::<Call>(this) }.request.as_ref();
        let raw = |request: &Request| abi::HttpRequest {
            functions: HTTP_REQUEST,
            this: std::ptr::from_ref(request).cast(),
        };
        request.map(raw).into()
    }
    unsafe extern "C" fn set_attribute(this: *const c_void, name: RStr<'_>, value: abi::Value) {
        // SAFETY: as above.
        let mut attributes = lock(&unsafe { context::<Call>(this) }.attributes);
        attributes.retain(|(known, _)| known != name.as_str());
        attributes.push((name.to_string(), Arc::new(value)));
    }
    unsafe extern "C" fn input(this: *const c_void, name: RStr<'_>) -> ROption<abi::Data> {
        // SAFETY: as above.
        let request = unsafe { context::<Call>(this) }.request.as_ref();
        let request = request.filter(|_| name.as_str() == "req");
        request
            .map(|request| abi::Data {
                kind: abi::DATA_BYTES,
                bytes: lend_bytes(&request.body),
            })
            .into()
    }
    unsafe extern "C" fn wait(
        this: *const c_void,
        future: FfiFuture<abi::Waited>,
    ) -> RResult<(), abi::Error> {
        // SAFETY: as above.
        let mut waiting = lock(&unsafe { context::<Call>(this) }.waiting);
        if waiting.is_some() {
            return RResult::RErr(error("this hook waits already: one future can await several"));
        }
        *waiting = Some(future);
        RResult::ROk(())
    }
    unsafe extern "C" fn retain(this: *const c_void) {
        // SAFETY: by `invocation` the pointer is that of an `Arc`, which the caller's hook keeps alive.
        unsafe { Arc::increment_strong_count(this.cast::<Call>()) }
    }
    unsafe extern "C" fn release(this: *const c_void) {
        // SAFETY: ends one `retain`.
        unsafe { Arc::decrement_strong_count(this.cast::<Call>()) }
    }
    unsafe extern "C" fn count_allocations(this: *const c_void) {
        // SAFETY: as above.
        let call = unsafe { context::<Call>(this) };
        call.counts_allocations.store(true, Ordering::Relaxed);
    }
    const TABLE: &WithMetadata<abi::InvocationFns> = &WithMetadata::new(abi::InvocationFns {
        id,
        function,
        trace_context,
        set_trace_context,
        retry,
        http_request,
        set_attribute,
        input,
        wait,
        retain,
        release,
        count_allocations,
    });
    abi::InvocationFnsRef(TABLE.static_as_prefix())
};

const HTTP_REQUEST: abi::HttpRequestFnsRef = {
    unsafe extern "C" fn method(this: *const c_void) -> RStr<'static> {
        // SAFETY: `this` is a `Request`, by `INVOCATION`'s `http_request`.
        lend(&unsafe { context::<Request>(this) }.method)
    }
    unsafe extern "C" fn path(this: *const c_void) -> RStr<'static> {
        // SAFETY: as above.
        lend(&unsafe { context::<Request>(this) }.path)
    }
    unsafe extern "C" fn query(this: *const c_void) -> RStr<'static> {
        // SAFETY: as above.
        lend(&unsafe { context::<Request>(this) }.query)
    }
    unsafe extern "C" fn minor_version(_this: *const c_void) -> u8 {
        1
    }
    unsafe extern "C" fn header(this: *const c_void, name: RStr<'_>) -> ROption<RSlice<'static, u8>> {
        // SAFETY: as above.
        let value = unsafe { context::<Request>(this) }.header_value(&name);
        value.map(|value| lend_bytes(value.as_bytes())).into()
    }
    unsafe extern "C" fn header_at(
        this: *const c_void,
        index: usize,
    ) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>> {
        // SAFETY: as above.
        let header = unsafe { context::<Request>(this) }.headers.get(index);
        header
            .map(|(name, value)| Tuple2(lend(name), lend_bytes(value.as_bytes())))
            .into()
    }
    unsafe extern "C" fn body(this: *const c_void) -> RSlice<'static, u8> {
        // SAFETY: as above.
        lend_bytes(&unsafe { context::<Request>(this) }.body)
    }
    unsafe extern "C" fn client_address(this: *const c_void) -> RStr<'static> {
        // SAFETY: as above.
        lend(&unsafe { context::<Request>(this) }.client)
    }
    const TABLE: &WithMetadata<abi::HttpRequestFns> = &WithMetadata::new(abi::HttpRequestFns {
        method,
        path,
        query,
        minor_version,
        header,
        header_at,
        body,
        client_address,
    });
    abi::HttpRequestFnsRef(TABLE.static_as_prefix())
};

const OUTCOME: abi::OutcomeFnsRef = {
    unsafe extern "C" fn kind(this: *const c_void) -> u8 {
        // SAFETY: `this` is an `End`, by `outcome`.
        unsafe { context::<End>(this) }.kind
    }
    unsafe extern "C" fn status(this: *const c_void) -> u16 {
        // SAFETY: as above.
        unsafe { context::<End>(this) }.status()
    }
    unsafe extern "C" fn exception(this: *const c_void) -> ROption<abi::Exception<'static>> {
        // SAFETY: as above.
        let exception = unsafe { context::<End>(this) }.exception.as_ref();
        exception
            .map(|[type_name, message, traceback]| abi::Exception {
                type_name: lend(type_name),
                message: lend(message),
                traceback: lend(traceback),
            })
            .into()
    }
    unsafe extern "C" fn extension(this: *const c_void) -> ROption<RStr<'static>> {
        // SAFETY: as above.
        unsafe { context::<End>(this) }
            .extension
            .as_deref()
            .map(lend)
            .into()
    }
    unsafe extern "C" fn return_value(this: *const c_void) -> ROption<abi::Data> {
        // SAFETY: as above.
        let returned = unsafe { context::<End>(this) }.returned.as_ref();
        returned
            .map(|(kind, bytes)| abi::Data {
                kind: *kind,
                bytes: lend_bytes(bytes),
            })
            .into()
    }
    unsafe extern "C" fn allocated_blocks(this: *const c_void) -> ROption<Tuple2<u64, u64>> {
        // SAFETY: as above.
        let blocks = unsafe { context::<End>(this) }.allocated_blocks;
        blocks.map(|(before, after)| Tuple2(before, after)).into()
    }
    unsafe extern "C" fn response(this: *const c_void) -> ROption<abi::HttpResponse> {
        // SAFETY: as above.
        let response = unsafe { context::<End>(this) }.response.as_ref();
        response
            .map(|_| abi::HttpResponse {
                functions: super::response::HTTP_RESPONSE,
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
