//! One call of a function, as hooks see it.

use std::ffi::c_void;
use std::marker::PhantomData;

use abi_stable::std_types::Tuple2;

use crate::context::too_old;
use crate::{Data, Error, Function, HttpRequest, HttpResponse, Result, Value, abi, wait};

/// One call of a function. Valid during the hook that received it; hooks of one call never run at the same time.
pub struct Invocation<'a> {
    raw: abi::Invocation,
    /// In post hooks.
    outcome: Option<abi::Outcome>,
    /// Whether this is a hook's, and not a handle's.
    in_hook: bool,
    borrowed: PhantomData<&'a ()>,
}

/// W3C trace context headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext<'a> {
    /// `traceparent`; empty where there is none.
    pub traceparent: &'a str,
    /// `tracestate`; empty where there is none.
    pub tracestate: &'a str,
}

impl<'a> Invocation<'a> {
    pub(crate) fn new(raw: abi::Invocation) -> Self {
        Invocation {
            raw,
            outcome: None,
            in_hook: true,
            borrowed: PhantomData,
        }
    }

    pub(crate) fn ended(raw: abi::Invocation, outcome: abi::Outcome) -> Self {
        Invocation {
            outcome: Some(outcome),
            ..Invocation::new(raw)
        }
    }

    /// The invocation's id: a hyphenated UUID, as in the logs and in `context.invocation_id`.
    pub fn id(&self) -> &'a str {
        // SAFETY: the host keeps the invocation alive for the hook, which `'a` stands for.
        unsafe { (self.raw.functions.id())(self.raw.this) }.as_str()
    }

    /// The function that is called.
    pub fn function(&self) -> Function<'a> {
        // SAFETY: as in `id`.
        Function::new(unsafe { (self.raw.functions.function())(self.raw.this) })
    }

    /// The trace context that the function sees: the caller's, unless an extension replaced it. Of several
    /// `traceparent` headers none is the caller's; several `tracestate` headers are one list, in order.
    pub fn trace_context(&self) -> TraceContext<'_> {
        // SAFETY: as in `id`; `set_trace_context` takes `&mut self`, so nothing replaces it meanwhile.
        let raw = unsafe { (self.raw.functions.trace_context())(self.raw.this) };
        TraceContext {
            traceparent: raw.traceparent.as_str(),
            tracestate: raw.tracestate.as_str(),
        }
    }

    /// Replaces the trace context that the function sees as `context.trace_context`. Only pre hooks have a use for it.
    pub fn set_trace_context(&mut self, traceparent: &str, tracestate: &str) {
        // SAFETY: as in `id`; the host copies the strings.
        unsafe {
            (self.raw.functions.set_trace_context())(self.raw.this, traceparent.into(), tracestate.into())
        }
    }

    /// The number of this retry (0 for the first attempt) and the maximum of the function's retry policy.
    pub fn retry(&self) -> (u32, u32) {
        // SAFETY: as in `id`.
        let Tuple2(count, max) = unsafe { (self.raw.functions.retry())(self.raw.this) };
        (count, max)
    }

    /// The HTTP request, for an HTTP trigger.
    pub fn http_request(&self) -> Option<HttpRequest<'a>> {
        // SAFETY: as in `id`; the request lives as long as the invocation.
        unsafe { (self.raw.functions.http_request())(self.raw.this) }
            .into_option()
            .map(HttpRequest::new)
    }

    /// Sets an attribute of the Python `context`: a plain value, or an object ([`Value::object`]) whose
    /// methods the function can call. An attribute of that name that is there already is replaced; the
    /// context's own (`invocation_id`, …) cannot be.
    pub fn set_attribute(&mut self, name: &str, value: impl Into<Value>) {
        // SAFETY: as in `id`; the host copies the name and takes the value.
        unsafe {
            (self.raw.functions.set_attribute())(self.raw.this, name.into(), value.into().into_abi());
        }
    }

    /// In a pre hook, has Python's allocated blocks of memory counted around the function of this call, for
    /// [`Outcome::allocated_blocks`](crate::Outcome::allocated_blocks). CPython adds them up over its whole heap, with
    /// the GIL held: microseconds for a small app, and up to milliseconds for a large one. Does nothing on a host
    /// older than API 1.1.
    pub fn count_allocations(&mut self) {
        if let Some(count) = self.raw.functions.count_allocations() {
            // SAFETY: as in `id`.
            unsafe { count(self.raw.this) }
        }
    }

    /// The data of an input binding, by its name in function.json; an httpTrigger's is the request's body.
    /// `None` where there is no such binding, and on a host older than API 1.1.
    pub fn input(&self, name: &str) -> Option<Data<'a>> {
        let input = self.raw.functions.input()?;
        // SAFETY: as in `id`; what is lent lives as long as the invocation.
        unsafe { input(self.raw.this, name.into()) }
            .into_option()
            .map(Data::from_abi)
    }

    /// In a post hook, the HTTP response that the client will get: it can be changed. `None` in other hooks, where
    /// the trigger is not HTTP, and on a host older than API 1.1.
    pub fn response(&mut self) -> Option<HttpResponse<'_>> {
        let outcome = self.outcome?;
        let response = outcome.functions.response()?;
        // SAFETY: the host keeps the outcome alive for the hook, as the invocation.
        unsafe { response(outcome.this) }
            .into_option()
            .map(HttpResponse::new)
    }

    /// The host polls `future` before it goes on after this hook: to the next hook, the function, or the answer.
    /// No thread waits meanwhile. An error counts as one of this hook. A pre hook that leaves its decision to the
    /// future returns [`Flow::wait`](crate::Flow::wait) instead.
    ///
    /// # Errors
    /// A host older than API 1.1; a hook that waits already; an invocation that is a handle's, as what the host
    /// polls next is the hook of another extension.
    pub fn wait_for(&mut self, future: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
        if !self.in_hook {
            return Err(Error::msg(
                "only a hook can wait: a future that has begun awaits the other one itself",
            ));
        }
        wait::register(self.raw, wait::done(self.raw, future))
    }

    /// A handle that keeps the invocation alive, for a future or a thread of the extension's own.
    ///
    /// # Errors
    /// A host older than API 1.1.
    pub fn handle(&self) -> Result<InvocationHandle> {
        InvocationHandle::new(self.raw)
    }
}

/// Keeps an invocation alive beyond the hook that made it.
///
/// After the invocation has ended, attributes can still be set but nobody reads them.
pub struct InvocationHandle {
    raw: abi::Invocation,
    release: unsafe extern "C" fn(this: *const c_void),
}

// SAFETY: the host's functions of an invocation may be called from any thread, several at once.
unsafe impl Send for InvocationHandle {}
// SAFETY: as above.
unsafe impl Sync for InvocationHandle {}

impl InvocationHandle {
    /// Of an invocation that is alive.
    pub(crate) fn new(raw: abi::Invocation) -> Result<Self> {
        let retain = raw.functions.retain().ok_or_else(too_old)?;
        let release = raw.functions.release().ok_or_else(too_old)?;
        // SAFETY: the caller is in a hook of this invocation, or has a handle of it.
        unsafe { retain(raw.this) };
        Ok(InvocationHandle { raw, release })
    }

    /// The invocation.
    pub fn invocation(&self) -> Invocation<'_> {
        Invocation {
            in_hook: false,
            ..Invocation::new(self.raw)
        }
    }
}

impl Drop for InvocationHandle {
    fn drop(&mut self) {
        // SAFETY: ends the `retain` that made this handle.
        unsafe { (self.release)(self.raw.this) }
    }
}
