//! The host's side of the tables that extensions call: services, app, function, invocation, request, outcome.

use std::ffi::c_void;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RSlice, RStr, Tuple2};
use funcdock_extension_api::abi;

use crate::invocation::{FunctionInfo, HttpRequest, Invocation, Outcome, TraceContext};
use crate::logging::{self, Level};

/// What `init` may ask for.
pub(super) struct InitContext<'a> {
    pub(super) app_root: &'a str,
    pub(super) worker_index: u32,
    pub(super) function: Option<&'a FunctionInfo>,
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
pub(super) fn raw_invocation(invocation: &Invocation) -> abi::Invocation {
    abi::Invocation {
        functions: INVOCATION,
        this: std::ptr::from_ref(invocation).cast(),
    }
}

#[inline]
pub(super) fn raw_outcome(outcome: &Outcome) -> abi::Outcome {
    abi::Outcome {
        functions: OUTCOME,
        this: std::ptr::from_ref(outcome).cast(),
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
        logging::record(
            Level::from_u8(level),
            target.as_str(),
            invocation.map(Invocation::id),
            message.as_str(),
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
    const TABLE: &WithMetadata<abi::InitFns> = &WithMetadata::new(abi::InitFns {
        app_root,
        worker_index,
        function,
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
        raw_function(&unsafe { context::<Invocation>(this) }.function().info)
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
        unsafe { context::<Invocation>(this) }.set_trace_context(TraceContext {
            traceparent: traceparent.to_string(),
            tracestate: tracestate.to_string(),
        });
    }
    unsafe extern "C" fn retry(_this: *const c_void) -> Tuple2<u32, u32> {
        // HTTP triggers, the only ones so far, are never retried.
        Tuple2(0, 0)
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
        unsafe { context::<Invocation>(this) }.set_attribute(name.as_str(), value);
    }
    const TABLE: &WithMetadata<abi::InvocationFns> = &WithMetadata::new(abi::InvocationFns {
        id,
        function,
        trace_context,
        set_trace_context,
        retry,
        http_request,
        set_attribute,
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
        let headers = &unsafe { context::<HttpRequest>(this) }.headers;
        headers
            .get(name.as_str())
            .map(|value| lend_bytes(value.as_bytes()))
            .into()
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
        lend_bytes(&unsafe { context::<HttpRequest>(this) }.body)
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

const OUTCOME: abi::OutcomeFnsRef = {
    unsafe extern "C" fn kind(this: *const c_void) -> u8 {
        // SAFETY: `this` is an `Outcome`, by `raw_outcome`.
        match unsafe { context::<Outcome>(this) } {
            Outcome::Returned(_) => abi::OUTCOME_RETURNED,
            Outcome::Raised(_) => abi::OUTCOME_RAISED,
            Outcome::TimedOut(_) => abi::OUTCOME_TIMED_OUT,
            Outcome::Cancelled => abi::OUTCOME_CANCELLED,
            Outcome::Answered { .. } => abi::OUTCOME_ANSWERED,
            Outcome::Refused { .. } => abi::OUTCOME_REFUSED,
        }
    }
    unsafe extern "C" fn status(this: *const c_void) -> u16 {
        // SAFETY: as above. HTTP is the only trigger so far.
        unsafe { context::<Outcome>(this) }.http_status().as_u16()
    }
    unsafe extern "C" fn exception(this: *const c_void) -> ROption<abi::Exception<'static>> {
        // SAFETY: as above.
        let exception = unsafe { context::<Outcome>(this) }.exception();
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
        match unsafe { context::<Outcome>(this) } {
            Outcome::Answered { extension, .. } | Outcome::Refused { extension, .. } => {
                ROption::RSome(lend(extension))
            }
            _ => ROption::RNone,
        }
    }
    const TABLE: &WithMetadata<abi::OutcomeFns> = &WithMetadata::new(abi::OutcomeFns {
        kind,
        status,
        exception,
        extension,
    });
    abi::OutcomeFnsRef(TABLE.static_as_prefix())
};
