//! One call, as the extension sees it.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use abi_stable::std_types::{ROption, RResult, RStr, Tuple2};
use async_ffi::FfiFuture;

use super::log::{Scope, lock};
use super::request::Http;
use super::tables::{invalid, lend, lend_bytes, table};
use super::{PyValue, Request, TestFunction};
use crate::abi;

/// One call. Extensions may keep it.
pub(super) struct Invocation {
    pub(super) id: Arc<str>,
    function: TestFunction,
    pub(super) http: Option<Http>,
    inputs: Vec<(String, Vec<u8>)>,
    retry: (u32, u32),
    pub(super) timeout: Duration,
    /// The last one counts. None is removed, as it may be lent.
    trace_contexts: Mutex<Vec<Arc<(String, String)>>>,
    attributes: Mutex<Vec<(String, PyValue)>>,
    waiting: Mutex<Option<FfiFuture<abi::Waited>>>,
    counts_allocations: AtomicBool,
    pub(super) scope: Scope,
}

/// What `context` has of its own, and no extension replaces.
const OWN_ATTRIBUTES: [&str; 6] = [
    "function_directory",
    "function_name",
    "invocation_id",
    "retry_context",
    "thread_local_storage",
    "trace_context",
];

/// An id that no other call of this process has: a hyphenated UUID.
pub(super) fn new_id() -> Arc<str> {
    static CALLS: AtomicU64 = AtomicU64::new(1);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    format!("00000000-0000-4000-8000-{call:012x}").into()
}

impl Invocation {
    pub(super) fn new(id: Arc<str>, function: TestFunction, request: Request, scope: Scope) -> Arc<Self> {
        let http = request.http;
        let trace_context = request
            .trace_context
            .or_else(|| http.as_ref().map(Http::trace_context))
            .unwrap_or_default();
        Arc::new(Invocation {
            id,
            function,
            http,
            inputs: request.inputs,
            retry: request.retry,
            timeout: request.timeout,
            trace_contexts: Mutex::new(vec![Arc::new(trace_context)]),
            attributes: Mutex::default(),
            waiting: Mutex::default(),
            counts_allocations: AtomicBool::new(false),
            scope,
        })
    }

    pub(super) fn raw(self: &Arc<Self>) -> abi::Invocation {
        abi::Invocation {
            functions: INVOCATION,
            // `retain` and `release` count the `Arc`'s references through it.
            this: Arc::as_ptr(self).cast(),
        }
    }

    /// What the hook that has just returned waits for.
    pub(super) fn take_waiting(&self) -> Option<FfiFuture<abi::Waited>> {
        lock(&self.waiting).take()
    }

    /// Whether a hook asked for the number of allocated blocks.
    pub(super) fn counts_allocations(&self) -> bool {
        self.counts_allocations.load(Ordering::Relaxed)
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

    pub(super) fn set_attribute(&self, name: &str, value: abi::Value) {
        let value = PyValue::from_abi(value, &self.scope);
        if OWN_ATTRIBUTES.contains(&name) {
            return;
        }
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
    }

    fn input(&self, name: &str) -> Option<&[u8]> {
        let given = self.inputs.iter().find(|(known, _)| known == name);
        let body = self.http.as_ref().filter(|_| self.function.binding == name);
        given
            .map(|(_, data)| data.as_slice())
            .or(body.map(|http| http.body.as_slice()))
    }
}

table! {
    INVOCATION: InvocationFns, InvocationFnsRef of Invocation {
        fn id(call) -> RStr<'static> { lend(&call.id) }
        fn function(call) -> abi::Function { call.function.raw() }
        fn trace_context(call) -> abi::TraceContext {
            let context = call.trace_context();
            abi::TraceContext {
                traceparent: lend(&context.0),
                tracestate: lend(&context.1),
            }
        }
        fn set_trace_context(call, traceparent: RStr<'_>, tracestate: RStr<'_>) {
            let context = (traceparent.to_string(), tracestate.to_string());
            lock(&call.trace_contexts).push(Arc::new(context));
        }
        fn retry(call) -> Tuple2<u32, u32> { Tuple2(call.retry.0, call.retry.1) }
        fn http_request(call) -> ROption<abi::HttpRequest> { call.http.as_ref().map(Http::raw).into() }
        fn set_attribute(call, name: RStr<'_>, value: abi::Value) {
            call.set_attribute(name.as_str(), value);
        }
        fn input(call, name: RStr<'_>) -> ROption<abi::Data> {
            let data = call.input(name.as_str());
            data.map(|data| abi::Data { kind: abi::DATA_BYTES, bytes: lend_bytes(data) }).into()
        }
        fn wait(call, future: FfiFuture<abi::Waited>) -> RResult<(), abi::Error> {
            let mut waiting = lock(&call.waiting);
            if waiting.is_some() {
                return RResult::RErr(invalid("this hook waits already: one future can await several"));
            }
            *waiting = Some(future);
            RResult::ROk(())
        }
        fn count_allocations(call) {
            call.counts_allocations.store(true, Ordering::Relaxed);
        }
    } with retain, release
}

unsafe extern "C" fn retain(this: *const c_void) {
    // SAFETY: by `Invocation::raw` the pointer is that of an `Arc`, which the caller's hook keeps alive.
    unsafe { Arc::increment_strong_count(this.cast::<Invocation>()) }
}

unsafe extern "C" fn release(this: *const c_void) {
    // SAFETY: ends one `retain`.
    unsafe { Arc::decrement_strong_count(this.cast::<Invocation>()) }
}
