//! Contexts that the host gives to `init` and to hooks: where the extension runs, the function, the invocation.

use std::ffi::c_void;
use std::marker::PhantomData;

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, Tuple2};
use async_ffi::FfiFuture;

use super::{Counter, Data, Error, Gauge, Histogram, HookReturn, HttpRequest, MetricInfo, Value};

/// Host functions that a library may call at any time, from any thread.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostServicesRef, prefix_fields = HostServicesPrefix)))]
pub struct HostServices {
    /// The host's version, such as "0.1.0".
    pub host_version: RStr<'static>,
    /// The most verbose level that the host shows: 0 off, 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub max_log_level: unsafe extern "C" fn() -> u8,
    /// Writes a log record (levels as above), as one of `invocation` if there is one.
    #[sabi(last_prefix_field)]
    pub log: unsafe extern "C" fn(
        level: u8,
        target: RStr<'_>,
        message: RStr<'_>,
        invocation: ROption<Invocation<'_>>,
    ),
}

/// What `init` learns about where the extension runs.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Init<'a> {
    functions: InitFnsRef,
    this: *const c_void,
    lifetime: PhantomData<&'a ()>,
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
    /// How many worker processes the host has.
    pub worker_count: unsafe extern "C" fn(this: *const c_void) -> u32,
    /// The function that a function-level extension is made for.
    pub function: unsafe extern "C" fn(this: *const c_void) -> ROption<Function<'static>>,
    /// Registers a counter.
    pub counter: unsafe extern "C" fn(this: *const c_void, metric: MetricInfo<'_>) -> RResult<Counter, Error>,
    /// Registers a gauge.
    pub gauge: unsafe extern "C" fn(this: *const c_void, metric: MetricInfo<'_>) -> RResult<Gauge, Error>,
    /// Registers a histogram with these upper bounds, ascending.
    #[sabi(last_prefix_field)]
    pub histogram: unsafe extern "C" fn(
        this: *const c_void,
        metric: MetricInfo<'_>,
        bounds: RSlice<'_, f64>,
    ) -> RResult<Histogram, Error>,
}

impl<'a> Init<'a> {
    context!(InitFnsRef);

    methods! {
        /// The app's root folder.
        fn app_root(&self) -> RStr<'a>;
        /// Which worker process this is, from 0.
        fn worker_index(&self) -> u32;
        /// How many worker processes the host has.
        fn worker_count(&self) -> u32;
        /// The function that a function-level extension is made for.
        fn function(&self) -> ROption<Function<'a>>;
        /// Registers a counter.
        fn counter(&self, metric: MetricInfo<'_>) -> RResult<Counter, Error>;
        /// Registers a gauge.
        fn gauge(&self, metric: MetricInfo<'_>) -> RResult<Gauge, Error>;
        /// Registers a histogram with these upper bounds, ascending.
        fn histogram(&self, metric: MetricInfo<'_>, bounds: RSlice<'_, f64>) -> RResult<Histogram, Error>;
    }
}

/// A function of the app.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Function<'a> {
    functions: FunctionFnsRef,
    this: *const c_void,
    lifetime: PhantomData<&'a ()>,
}

// SAFETY: the table's functions may be called from any thread, several at once.
unsafe impl Send for Function<'_> {}
// SAFETY: as above.
unsafe impl Sync for Function<'_> {}

/// Functions of [`Function`].
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

impl<'a> Function<'a> {
    context!(FunctionFnsRef);

    methods! {
        /// The function's name.
        fn name(&self) -> RStr<'a>;
        /// The function's folder.
        fn directory(&self) -> RStr<'a>;
        /// The trigger's binding type, as in "httpTrigger".
        fn trigger(&self) -> RStr<'a>;
        /// The route template under the prefix, for HTTP triggers.
        fn route(&self) -> ROption<RStr<'a>>;
    }
}

/// One function call.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Invocation<'a> {
    functions: InvocationFnsRef,
    this: *const c_void,
    lifetime: PhantomData<&'a ()>,
}

// SAFETY: the table's functions may be called from any thread, several at once.
unsafe impl Send for Invocation<'_> {}
// SAFETY: as above.
unsafe impl Sync for Invocation<'_> {}

/// Functions of [`Invocation`]. All may be called from several threads at once.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = InvocationFnsRef, prefix_fields = InvocationFnsPrefix)))]
pub struct InvocationFns {
    /// The invocation's id, a hyphenated UUID.
    pub id: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The function that is called.
    pub function: unsafe extern "C" fn(this: *const c_void) -> Function<'static>,
    /// W3C `traceparent` and `tracestate` that the function sees. Both stay valid when they are replaced.
    pub trace_context: unsafe extern "C" fn(this: *const c_void) -> TraceContext<'static>,
    /// Replaces what the function sees as its trace context.
    pub set_trace_context:
        unsafe extern "C" fn(this: *const c_void, traceparent: RStr<'_>, tracestate: RStr<'_>),
    /// The number of this retry and the maximum; both 0 if the function has no retry policy.
    pub retry: unsafe extern "C" fn(this: *const c_void) -> Tuple2<u32, u32>,
    /// The HTTP request that triggered this call.
    pub http_request: unsafe extern "C" fn(this: *const c_void) -> ROption<HttpRequest<'static>>,
    /// The data of an input binding, by its name.
    pub input: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>) -> ROption<Data<'static>>,
    /// An entry of the trigger's metadata, by its name.
    pub metadata: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>) -> ROption<Data<'static>>,
    /// An attribute of the Python `context` that a hook has set; nothing if none has, or if it is an object. Objects in a
    /// collection are `None`.
    pub attribute: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>) -> ROption<Value>,
    /// Sets an attribute of the Python `context`. An error of kind `ERROR_VALUE` for a name that it has itself.
    pub set_attribute:
        unsafe extern "C" fn(this: *const c_void, name: RStr<'_>, value: Value) -> RResult<(), Error>,
    /// The nanoseconds since the first hook of this call began.
    pub elapsed_ns: unsafe extern "C" fn(this: *const c_void) -> u64,
    /// The nanoseconds for which the call waited before its function began: for a thread, or for the event loop. Nothing in pre
    /// hooks, and if it was not called.
    pub waited_ns: unsafe extern "C" fn(this: *const c_void) -> ROption<u64>,
    /// The hook that is running has not decided yet: the host polls this before it goes on. An error if no hook of this
    /// invocation runs on this thread, or if the hook waits already.
    pub wait: unsafe extern "C" fn(this: *const c_void, future: FfiFuture<HookReturn>) -> RResult<(), Error>,
    /// Keeps the invocation alive until a `release`.
    pub retain: unsafe extern "C" fn(this: *const c_void),
    /// Ends one `retain`.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(this: *const c_void),
}

impl<'a> Invocation<'a> {
    context!(InvocationFnsRef);

    methods! {
        /// The invocation's id, a hyphenated UUID.
        fn id(&self) -> RStr<'a>;
        /// The function that is called.
        fn function(&self) -> Function<'a>;
        /// The trace context that the function sees.
        fn trace_context(&self) -> TraceContext<'a>;
        /// Replaces what the function sees as its trace context.
        fn set_trace_context(&self, traceparent: RStr<'_>, tracestate: RStr<'_>);
        /// The number of this retry and the maximum; both 0 if the function has no retry policy.
        fn retry(&self) -> Tuple2<u32, u32>;
        /// The HTTP request that triggered this call.
        fn http_request(&self) -> ROption<HttpRequest<'a>>;
        /// The data of an input binding, by its name.
        fn input(&self, name: RStr<'_>) -> ROption<Data<'a>>;
        /// An entry of the trigger's metadata, by its name.
        fn metadata(&self, name: RStr<'_>) -> ROption<Data<'a>>;
        /// An attribute of the Python `context` that a hook has set; nothing if none has, or if it is an object.
        fn attribute(&self, name: RStr<'_>) -> ROption<Value>;
        /// Sets an attribute of the Python `context`. An error for a name that it has itself.
        fn set_attribute(&self, name: RStr<'_>, value: Value) -> RResult<(), Error>;
        /// The nanoseconds since the first hook of this call began.
        fn elapsed_ns(&self) -> u64;
        /// The nanoseconds for which the call waited before its function began; nothing in pre hooks, and if it was not called.
        fn waited_ns(&self) -> ROption<u64>;
        /// Gives the host a future to poll before it goes on.
        fn wait(&self, future: FfiFuture<HookReturn>) -> RResult<(), Error>;
    }

    /// Keeps the invocation alive beyond the call that received it.
    pub fn retain(&self) -> RetainedInvocation {
        // SAFETY: by the contract of `new`, the pointer is what the function expects.
        unsafe { (self.functions.retain())(self.this) };
        // SAFETY: it is not used beyond the `release`.
        RetainedInvocation(unsafe { self.unbound() })
    }

    /// The same context without its lifetime.
    ///
    /// # Safety
    /// The caller uses the result only while the invocation is alive.
    pub unsafe fn unbound(self) -> Invocation<'static> {
        Invocation {
            functions: self.functions,
            this: self.this,
            lifetime: PhantomData,
        }
    }
}

/// Keeps an invocation alive; dropping it lets go.
pub struct RetainedInvocation(Invocation<'static>);

impl RetainedInvocation {
    /// The invocation.
    pub fn get(&self) -> Invocation<'_> {
        self.0
    }
}

impl Drop for RetainedInvocation {
    fn drop(&mut self) {
        // SAFETY: ends the `retain` that made it.
        unsafe { (self.0.functions.release())(self.0.this) }
    }
}

/// A trace context; empty strings if there is none.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct TraceContext<'a> {
    /// W3C `traceparent`.
    pub traceparent: RStr<'a>,
    /// W3C `tracestate`.
    pub tracestate: RStr<'a>,
}
