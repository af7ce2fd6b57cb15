//! Contexts that the host hands to hooks: tables of host functions with an opaque pointer.

use std::ffi::c_void;

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, Tuple2};
use async_ffi::FfiFuture;

use super::{Counter, Data, Error, Histogram, MetricInfo, Value, Waited};

/// Host functions that a library may call at any time, from any thread.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostServicesRef, prefix_fields = HostServicesPrefix)))]
pub struct HostServices {
    /// The host's version, such as "0.1.0".
    pub host_version: RStr<'static>,
    /// The most verbose level that the host shows: 0 off, 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub max_log_level: unsafe extern "C" fn() -> u8,
    /// Writes a log record (levels as above), as one of `invocation` where given.
    #[sabi(last_prefix_field)]
    pub log:
        unsafe extern "C" fn(level: u8, target: RStr<'_>, message: RStr<'_>, invocation: ROption<Invocation>),
}

/// What `init` learns about where the extension runs.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Init {
    /// Host functions.
    pub functions: InitFnsRef,
    /// Opaque to extensions.
    pub this: *const c_void,
}

/// Functions of [`Init`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = InitFnsRef, prefix_fields = InitFnsPrefix)))]
pub struct InitFns {
    /// The app's root folder.
    pub app_root: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// Which worker process this is, from 0.
    pub worker_index: unsafe extern "C" fn(this: *const c_void) -> u32,
    /// The function that a function-level extension is made for.
    #[sabi(last_prefix_field)]
    pub function: unsafe extern "C" fn(this: *const c_void) -> ROption<Function>,
    /// Registers a counter (since 1.1).
    pub counter: unsafe extern "C" fn(this: *const c_void, metric: MetricInfo<'_>) -> RResult<Counter, Error>,
    /// Registers a histogram with these upper bounds, ascending (since 1.1).
    pub histogram: unsafe extern "C" fn(
        this: *const c_void,
        metric: MetricInfo<'_>,
        bounds: RSlice<'_, f64>,
    ) -> RResult<Histogram, Error>,
}

/// A function of the app.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Function {
    /// Host functions.
    pub functions: FunctionFnsRef,
    /// Opaque to extensions.
    pub this: *const c_void,
}

/// Functions of [`Function`]. All strings live as long as the context.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = FunctionFnsRef, prefix_fields = FunctionFnsPrefix)))]
pub struct FunctionFns {
    /// The function's name.
    pub name: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The function's folder.
    pub directory: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The trigger's binding type, as in "httpTrigger".
    pub trigger: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The route template under the prefix, for HTTP triggers.
    #[sabi(last_prefix_field)]
    pub route: unsafe extern "C" fn(this: *const c_void) -> ROption<RStr<'static>>,
}

/// One call of a function.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Invocation {
    /// Host functions.
    pub functions: InvocationFnsRef,
    /// Opaque to extensions.
    pub this: *const c_void,
}

/// Functions of [`Invocation`]. All may be called from several threads at once.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = InvocationFnsRef, prefix_fields = InvocationFnsPrefix)))]
pub struct InvocationFns {
    /// The invocation's id, a hyphenated UUID.
    pub id: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The function that is called.
    pub function: unsafe extern "C" fn(this: *const c_void) -> Function,
    /// W3C `traceparent` and `tracestate` that the function sees.
    pub trace_context: unsafe extern "C" fn(this: *const c_void) -> TraceContext,
    /// Replaces what the function sees as its trace context.
    pub set_trace_context:
        unsafe extern "C" fn(this: *const c_void, traceparent: RStr<'_>, tracestate: RStr<'_>),
    /// Number of this retry and the maximum; both 0 where the function has no retry policy.
    pub retry: unsafe extern "C" fn(this: *const c_void) -> Tuple2<u32, u32>,
    /// The HTTP request that triggered this call.
    pub http_request: unsafe extern "C" fn(this: *const c_void) -> ROption<HttpRequest>,
    /// Sets an attribute of the Python `context`.
    #[sabi(last_prefix_field)]
    pub set_attribute: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>, value: Value),
    /// The data of an input binding, by its name (since 1.1).
    pub input: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>) -> ROption<Data>,
    /// The hook that is running has not decided yet: the host polls this before it goes on. An error where it
    /// waits already (since 1.1).
    pub wait: unsafe extern "C" fn(this: *const c_void, future: FfiFuture<Waited>) -> RResult<(), Error>,
    /// Keeps the invocation alive until a `release` (since 1.1).
    pub retain: unsafe extern "C" fn(this: *const c_void),
    /// Ends one `retain` (since 1.1).
    pub release: unsafe extern "C" fn(this: *const c_void),
    /// Count Python's allocated blocks around the function of this call (since 1.1).
    pub count_allocations: unsafe extern "C" fn(this: *const c_void),
}

/// A trace context; empty strings where there is none.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct TraceContext {
    /// W3C `traceparent`.
    pub traceparent: RStr<'static>,
    /// W3C `tracestate`.
    pub tracestate: RStr<'static>,
}

/// The HTTP request of an invocation.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct HttpRequest {
    /// Host functions.
    pub functions: HttpRequestFnsRef,
    /// Opaque to extensions.
    pub this: *const c_void,
}

/// Functions of [`HttpRequest`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HttpRequestFnsRef, prefix_fields = HttpRequestFnsPrefix)))]
pub struct HttpRequestFns {
    /// The method, upper case.
    pub method: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The path as sent, percent-encoded.
    pub path: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The query string as sent, without the question mark; empty where there is none.
    pub query: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// HTTP minor version: 0 or 1.
    pub minor_version: unsafe extern "C" fn(this: *const c_void) -> u8,
    /// The first value of a header; names compare without case.
    pub header: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>) -> ROption<RSlice<'static, u8>>,
    /// The header at this index, in order, until `RNone`.
    pub header_at: unsafe extern "C" fn(
        this: *const c_void,
        index: usize,
    ) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>>,
    /// The body.
    pub body: unsafe extern "C" fn(this: *const c_void) -> RSlice<'static, u8>,
    /// The client's address, such as "127.0.0.1:50000"; empty where unknown.
    #[sabi(last_prefix_field)]
    pub client_address: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
}
