//! One function call, as the extension sees it.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use abi_stable::std_types::{ROption, RResult, RStr, Tuple2};
use async_ffi::FfiFuture;

use super::data::TestData;
use super::function::TestFunction;
use super::log::{Scope, lock};
use super::request::{Http, Request};
use super::value::PyValue;
use crate::abi;
use crate::driver::{self, extend, table};

/// One function call. Extensions may keep it.
pub(super) struct TestInvocation {
    pub(super) id: Arc<str>,
    function: TestFunction,
    pub(super) http: Option<Http>,
    inputs: Vec<(String, TestData)>,
    metadata: Vec<(String, TestData)>,
    retry: (u32, u32),
    pub(super) timeout: Duration,
    pub(super) began: Instant,
    /// Whether the pre hook let the function be called.
    pub(super) was_called: AtomicBool,
    /// The last one is in force. None is removed, as hooks may hold a borrow of it.
    trace_contexts: Mutex<Vec<Arc<(String, String)>>>,
    attributes: Mutex<Vec<(String, PyValue)>>,
    pub(super) scope: Scope,
}

/// An id that no other call of this process has: a hyphenated UUID.
pub(super) fn new_id() -> Arc<str> {
    static CALLS: AtomicU64 = AtomicU64::new(1);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    format!("00000000-0000-4000-8000-{call:012x}").into()
}

impl TestInvocation {
    pub(super) fn new(id: Arc<str>, function: TestFunction, request: Request, scope: Scope) -> Arc<Self> {
        let http = request.http;
        let trace_context = request
            .trace_context
            .or_else(|| http.as_ref().map(Http::trace_context))
            .unwrap_or_default();
        Arc::new(TestInvocation {
            id,
            function,
            http,
            inputs: request.inputs,
            metadata: request.metadata,
            retry: request.retry,
            timeout: request.timeout,
            began: Instant::now(),
            was_called: AtomicBool::new(false),
            trace_contexts: Mutex::new(vec![Arc::new(trace_context)]),
            attributes: Mutex::new(request.attributes),
            scope,
        })
    }

    pub(super) fn raw(self: &Arc<Self>) -> abi::Invocation<'_> {
        // `retain` and `release` count the `Arc`'s references through the pointer.
        let this = Arc::as_ptr(self).cast();
        // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
        unsafe { abi::Invocation::new(INVOCATION, this) }
    }

    pub(super) fn trace_context(&self) -> Arc<(String, String)> {
        let contexts = lock(&self.trace_contexts);
        // There is one from the beginning.
        contexts.last().map(Arc::clone).unwrap_or_default()
    }

    pub(super) fn attribute(&self, name: &str) -> Option<PyValue> {
        let attributes = lock(&self.attributes);
        let found = attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    pub(super) fn attribute_names(&self) -> Vec<String> {
        let attributes = lock(&self.attributes);
        attributes.iter().map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn set_attribute(&self, name: &str, value: abi::Value) -> Result<(), abi::Error> {
        let value = PyValue::from_abi(value, &self.scope);
        driver::check_attribute_name(name)?;
        let mut attributes = lock(&self.attributes);
        let replaced = match attributes.iter_mut().find(|(known, _)| known == name) {
            Some((_, slot)) => Some(std::mem::replace(slot, value)),
            None => {
                attributes.push((name.to_owned(), value));
                None
            }
        };
        // An extension's destructor must not run under our lock.
        drop(attributes);
        drop(replaced);
        Ok(())
    }

    fn input(&self, name: &str) -> Option<abi::Data<'_>> {
        let trigger = self.http.as_ref().filter(|_| self.function.binding == name);
        find(&self.inputs, name).or_else(|| trigger.map(|http| abi::Data::http(http.body.as_deref())))
    }
}

fn find<'a>(data: &'a [(String, TestData)], name: &str) -> Option<abi::Data<'a>> {
    let found = data.iter().find(|(known, _)| known == name);
    found.map(|(_, data)| data.raw())
}

table! {
    INVOCATION: InvocationFns, InvocationFnsRef of TestInvocation {
        fn id(call) -> RStr<'static> { RStr::from_str(&call.id) }
        fn function(call) -> abi::Function<'static> { call.function.raw() }
        fn trace_context(call) -> abi::TraceContext<'static> {
            let context = call.trace_context();
            // SAFETY: the invocation keeps every trace context that it had, in an `Arc`.
            let (traceparent, tracestate) = unsafe { (extend(&context.0), extend(&context.1)) };
            abi::TraceContext { traceparent, tracestate }
        }
        fn set_trace_context(call, traceparent: RStr<'_>, tracestate: RStr<'_>) {
            let context = (traceparent.to_string(), tracestate.to_string());
            lock(&call.trace_contexts).push(Arc::new(context));
        }
        fn retry(call) -> Tuple2<u32, u32> { Tuple2(call.retry.0, call.retry.1) }
        fn http_request(call) -> ROption<abi::HttpRequest<'static>> {
            call.http.as_ref().map(Http::raw).into()
        }
        fn attribute(call, name: RStr<'_>) -> ROption<abi::Value> {
            call.attribute(name.as_str()).and_then(|value| value.to_abi()).into()
        }
        fn set_attribute(call, name: RStr<'_>, value: abi::Value) -> RResult<(), abi::Error> {
            call.set_attribute(name.as_str(), value).into()
        }
        fn elapsed_ns(call) -> u64 {
            u64::try_from(call.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
        }
        fn waited_ns(call) -> ROption<u64> {
            // The mock has nothing to wait for.
            call.was_called.load(Ordering::Relaxed).then_some(0).into()
        }
        fn input(call, name: RStr<'_>) -> ROption<abi::Data<'static>> { call.input(name.as_str()).into() }
        fn metadata(call, name: RStr<'_>) -> ROption<abi::Data<'static>> {
            find(&call.metadata, name.as_str()).into()
        }
        fn wait(call, future: FfiFuture<abi::HookReturn>) -> RResult<(), abi::Error> {
            driver::wait(std::ptr::from_ref(call).cast(), future).into()
        }
    } with retain, release
}

unsafe extern "C" fn retain(this: *const c_void) {
    // SAFETY: by `TestInvocation::raw` the pointer is that of an `Arc`, which the caller's hook keeps alive.
    unsafe { Arc::increment_strong_count(this.cast::<TestInvocation>()) }
}

unsafe extern "C" fn release(this: *const c_void) {
    // SAFETY: ends one `retain`.
    unsafe { Arc::decrement_strong_count(this.cast::<TestInvocation>()) }
}
