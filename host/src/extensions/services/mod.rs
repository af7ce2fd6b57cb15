//! The host's side of the tables that extensions call: services, app, function, invocation and request. Those of outcomes are
//! beside it.

mod outcome;

use std::ffi::c_void;
use std::sync::Arc;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, Tuple2};
use async_ffi::FfiFuture;
use funcdock_extension_api::abi;

use super::metrics::Metrics;
use super::waiting;
use crate::logging::{self, Level, Record};
use crate::model::{Data, FunctionInfo, HttpRequest, Invocation, RetryContext, TraceContext};

pub(super) use outcome::{EndedCall, raw_outcome};

/// What `init` may ask for.
pub(super) struct InitContext<'a> {
    pub(super) extension: &'a str,
    pub(super) app_root: &'a str,
    pub(super) worker_index: u32,
    pub(super) function: Option<&'a FunctionInfo>,
    pub(super) metrics: &'a Metrics,
}

impl InitContext<'_> {
    pub(super) fn raw(&self) -> abi::Init {
        abi::Init {
            functions: INIT,
            this: std::ptr::from_ref(self).cast(),
        }
    }
}

pub(super) fn raw_function(function: &FunctionInfo) -> abi::Function {
    abi::Function {
        functions: FUNCTION,
        this: std::ptr::from_ref(function).cast(),
    }
}

#[inline]
pub(super) fn raw_invocation(invocation: &Arc<Invocation>) -> abi::Invocation {
    abi::Invocation {
        functions: INVOCATION,
        // `retain` and `release` count the `Arc`'s references through it.
        this: Arc::as_ptr(invocation).cast(),
    }
}

/// # Safety
/// `this` must come from one of the functions above, for a value of type `T` that is still borrowed.
unsafe fn context<'a, T>(this: *const c_void) -> &'a T {
    // SAFETY: by this function's contract.
    unsafe { &*this.cast::<T>() }
}

/// A string that the callee borrows for as long as its context, which the C type cannot say.
fn lend(text: &str) -> RStr<'static> {
    // SAFETY: the contract of `abi`: it lives as long as the context that it was asked of.
    RStr::from_str(unsafe { &*std::ptr::from_ref(text) })
}

fn lend_bytes(bytes: &[u8]) -> RSlice<'static, u8> {
    // SAFETY: as in `lend`.
    RSlice::from_slice(unsafe { &*std::ptr::from_ref(bytes) })
}

pub(super) const HOST_SERVICES: abi::HostServicesRef = {
    unsafe extern "C" fn max_log_level() -> u8 {
        logging::max_level()
    }
    unsafe extern "C" fn log(
        level: u8,
        target: RStr<'_>,
        message: RStr<'_>,
        invocation: ROption<abi::Invocation>,
    ) {
        // SAFETY: an invocation that the SDK passes is the one of the hook it is in.
        let invocation = invocation
            .into_option()
            .map(|raw| unsafe { context::<Invocation>(raw.this) });
        let trace = invocation.map(Invocation::trace_ids).unwrap_or_default();
        logging::record(
            Level::from_u8(level),
            &Record {
                invocation: invocation.map(Invocation::id),
                function: invocation.map(|invocation| invocation.function().name.as_str()),
                trace_id: trace.trace_id(),
                span_id: trace.span_id(),
                ..Record::new(target.as_str(), message.as_str())
            },
        );
    }
    const TABLE: &WithMetadata<abi::HostServices> = &WithMetadata::new(abi::HostServices {
        host_version: RStr::from_str(env!("CARGO_PKG_VERSION")),
        max_log_level,
        log,
    });
    abi::HostServicesRef(TABLE.static_as_prefix())
};

const INIT: abi::InitFnsRef = {
    unsafe extern "C" fn app_root(this: *const c_void) -> RStr<'static> {
        // SAFETY: `this` is an `InitContext`, by `InitContext::raw`.
        lend(unsafe { context::<InitContext<'_>>(this) }.app_root)
    }
    unsafe extern "C" fn worker_index(this: *const c_void) -> u32 {
        // SAFETY: as above.
        unsafe { context::<InitContext<'_>>(this) }.worker_index
    }
    unsafe extern "C" fn function(this: *const c_void) -> ROption<abi::Function> {
        // SAFETY: as above.
        unsafe { context::<InitContext<'_>>(this) }
            .function
            .map(raw_function)
            .into()
    }
    unsafe extern "C" fn counter(
        this: *const c_void,
        metric: abi::MetricInfo<'_>,
    ) -> RResult<abi::Counter, abi::Error> {
        // SAFETY: as above.
        unsafe { context::<InitContext<'_>>(this) }
            .counter(&metric)
            .into()
    }
    unsafe extern "C" fn histogram(
        this: *const c_void,
        metric: abi::MetricInfo<'_>,
        bounds: RSlice<'_, f64>,
    ) -> RResult<abi::Histogram, abi::Error> {
        // SAFETY: as above.
        unsafe { context::<InitContext<'_>>(this) }
            .histogram(&metric, bounds.as_slice())
            .into()
    }
    const TABLE: &WithMetadata<abi::InitFns> = &WithMetadata::new(abi::InitFns {
        app_root,
        worker_index,
        function,
        counter,
        histogram,
    });
    abi::InitFnsRef(TABLE.static_as_prefix())
};

const FUNCTION: abi::FunctionFnsRef = {
    unsafe extern "C" fn name(this: *const c_void) -> RStr<'static> {
        // SAFETY: `this` is a `FunctionInfo`, by `raw_function`.
        lend(&unsafe { context::<FunctionInfo>(this) }.name)
    }
    unsafe extern "C" fn directory(this: *const c_void) -> RStr<'static> {
        // SAFETY: as above.
        lend(&unsafe { context::<FunctionInfo>(this) }.directory)
    }
    unsafe extern "C" fn trigger(this: *const c_void) -> RStr<'static> {
        // SAFETY: as above.
        lend(&unsafe { context::<FunctionInfo>(this) }.trigger)
    }
    unsafe extern "C" fn route(this: *const c_void) -> ROption<RStr<'static>> {
        // SAFETY: as above.
        unsafe { context::<FunctionInfo>(this) }
            .route
            .as_deref()
            .map(lend)
            .into()
    }
    const TABLE: &WithMetadata<abi::FunctionFns> = &WithMetadata::new(abi::FunctionFns {
        name,
        directory,
        trigger,
        route,
    });
    abi::FunctionFnsRef(TABLE.static_as_prefix())
};

const INVOCATION: abi::InvocationFnsRef = {
    unsafe extern "C" fn id(this: *const c_void) -> RStr<'static> {
        // SAFETY: `this` is an `Invocation`, by `raw_invocation`.
        lend(unsafe { context::<Invocation>(this) }.id())
    }
    unsafe extern "C" fn function(this: *const c_void) -> abi::Function {
        // SAFETY: as above.
        raw_function(unsafe { context::<Invocation>(this) }.function())
    }
    unsafe extern "C" fn trace_context(this: *const c_void) -> abi::TraceContext {
        // SAFETY: as above.
        let (traceparent, tracestate) = unsafe { context::<Invocation>(this) }.trace_context();
        abi::TraceContext {
            traceparent: lend(traceparent),
            tracestate: lend(tracestate),
        }
    }
    unsafe extern "C" fn set_trace_context(this: *const c_void, traceparent: RStr<'_>, tracestate: RStr<'_>) {
        // SAFETY: as above.
        unsafe { context::<Invocation>(this) }
            .set_trace_context(TraceContext::new(traceparent.as_str(), tracestate.as_str()));
    }
    unsafe extern "C" fn retry(this: *const c_void) -> Tuple2<u32, u32> {
        // SAFETY: as above.
        let RetryContext { count, max } = unsafe { context::<Invocation>(this) }.retry();
        Tuple2(count, max)
    }
    unsafe extern "C" fn http_request(this: *const c_void) -> ROption<abi::HttpRequest> {
        // SAFETY: as above.
        let request = unsafe { context::<Invocation>(this) }.request();
        let raw = |request: &HttpRequest| abi::HttpRequest {
            functions: HTTP_REQUEST,
            this: std::ptr::from_ref(request).cast(),
        };
        request.map(raw).into()
    }
    unsafe extern "C" fn set_attribute(this: *const c_void, name: RStr<'_>, value: abi::Value) {
        // SAFETY: as above.
        unsafe { context::<Invocation>(this) }
            .attributes()
            .set(name.as_str(), value);
    }
    unsafe extern "C" fn input(this: *const c_void, name: RStr<'_>) -> ROption<abi::Data> {
        // SAFETY: as above.
        unsafe { context::<Invocation>(this) }
            .input(name.as_str())
            .map(raw_data)
            .into()
    }
    unsafe extern "C" fn wait(
        this: *const c_void,
        future: FfiFuture<abi::Waited>,
    ) -> RResult<(), abi::Error> {
        // SAFETY: as above.
        if waiting::wait_for(unsafe { context::<Invocation>(this) }, future) {
            return RResult::ROk(());
        }
        RResult::RErr(error("this hook waits already: one future can await several"))
    }
    unsafe extern "C" fn retain(this: *const c_void) {
        // SAFETY: by `raw_invocation` the pointer is that of an `Arc`, which the caller's hook keeps alive.
        unsafe { Arc::increment_strong_count(this.cast::<Invocation>()) }
    }
    unsafe extern "C" fn release(this: *const c_void) {
        // SAFETY: ends one `retain`.
        unsafe { Arc::decrement_strong_count(this.cast::<Invocation>()) }
    }
    unsafe extern "C" fn count_allocations(_this: *const c_void) {}
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
        // SAFETY: `this` is an `HttpRequest`, by `INVOCATION`'s `http_request`.
        lend(unsafe { context::<HttpRequest>(this) }.method.as_str())
    }
    unsafe extern "C" fn path(this: *const c_void) -> RStr<'static> {
        // SAFETY: as above.
        lend(unsafe { context::<HttpRequest>(this) }.uri.path())
    }
    unsafe extern "C" fn query(this: *const c_void) -> RStr<'static> {
        // SAFETY: as above.
        lend(unsafe { context::<HttpRequest>(this) }.uri.query().unwrap_or(""))
    }
    unsafe extern "C" fn minor_version(this: *const c_void) -> u8 {
        // SAFETY: as above.
        u8::from(unsafe { context::<HttpRequest>(this) }.version != http::Version::HTTP_10)
    }
    unsafe extern "C" fn header(this: *const c_void, name: RStr<'_>) -> ROption<RSlice<'static, u8>> {
        // SAFETY: as above.
        let value = unsafe { context::<HttpRequest>(this) }.header(name.as_str());
        value.map(|value| lend_bytes(value.as_bytes())).into()
    }
    unsafe extern "C" fn header_at(
        this: *const c_void,
        index: usize,
    ) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>> {
        // SAFETY: as above.
        let headers = &unsafe { context::<HttpRequest>(this) }.headers;
        let header = headers.iter().nth(index);
        header
            .map(|(name, value)| Tuple2(lend(name.as_str()), lend_bytes(value.as_bytes())))
            .into()
    }
    unsafe extern "C" fn body(this: *const c_void) -> RSlice<'static, u8> {
        // SAFETY: as above.
        unsafe { context::<HttpRequest>(this) }
            .body
            .bytes()
            .map_or_else(|| lend_bytes(&[]), |bytes| lend_bytes(bytes))
    }
    unsafe extern "C" fn client_address(this: *const c_void) -> RStr<'static> {
        // SAFETY: as above.
        lend(&unsafe { context::<HttpRequest>(this) }.client)
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

fn raw_data(data: &Data) -> abi::Data {
    let of = |kind, bytes: &[u8]| abi::Data {
        kind,
        bytes: lend_bytes(bytes),
    };
    match data {
        Data::String(text) => of(abi::DATA_TEXT, text.as_bytes()),
        Data::Json(text) => of(abi::DATA_JSON, text.as_bytes()),
        Data::Bytes(bytes) => of(abi::DATA_BYTES, bytes),
        Data::Request(request) => of(
            abi::DATA_BYTES,
            request.body.bytes().map_or(&[], |bytes| bytes.as_ref()),
        ),
        Data::Response(response) => of(
            abi::DATA_HTTP,
            response.body.bytes().map_or(&[], |bytes| bytes.as_ref()),
        ),
        _ => of(abi::DATA_NONE, &[]),
    }
}

/// A value that the host does not take.
pub(super) fn error(message: &str) -> abi::Error {
    abi::Error {
        kind: abi::ERROR_VALUE,
        message: message.into(),
    }
}
