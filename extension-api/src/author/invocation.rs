//! One function call, as hooks see it.

use std::time::Duration;

use abi_stable::std_types::{RBox, Tuple2};

use super::context::Function;
use super::convert;
use super::data::Data;
use super::error::{Error, Result};
use super::request::HttpRequest;
use super::response::HttpResponse;
use super::value::Value;
use crate::abi;
use crate::border::future;

/// One function call. Valid during the hook that received it; hooks of one call never run at the same time.
pub struct Invocation<'a> {
    raw: abi::Invocation<'a>,
    /// In post hooks. Its response is only made by [`Invocation::response`].
    outcome: Option<abi::Outcome<'a>>,
    /// Why the caller cannot wait, if it cannot.
    no_wait: Option<&'static str>,
}

/// W3C trace context headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceContext<'a> {
    /// `traceparent`; empty if there is none.
    pub traceparent: &'a str,
    /// `tracestate`; empty if there is none.
    pub tracestate: &'a str,
}

impl<'a> TraceContext<'a> {
    /// Returns the trace id: 32 hex digits. `None` if there is none.
    pub fn trace_id(&self) -> Option<&'a str> {
        self.field(1, 32)
    }

    /// Returns the span id, which for the function is that of its parent span: 16 hex digits. `None` if there is none.
    pub fn span_id(&self) -> Option<&'a str> {
        self.field(2, 16)
    }

    fn field(&self, index: usize, digits: usize) -> Option<&'a str> {
        let field = self.traceparent.trim().split('-').nth(index)?;
        let is_id = field.len() == digits && field.bytes().all(|digit| digit.is_ascii_hexdigit());
        (is_id && field.bytes().any(|digit| digit != b'0')).then_some(field)
    }
}

impl<'a> Invocation<'a> {
    /// For a hook before the function.
    pub(crate) fn new(raw: abi::Invocation<'a>) -> Self {
        Invocation {
            raw,
            outcome: None,
            no_wait: None,
        }
    }

    /// For a hook after the function.
    pub(crate) fn with_outcome(raw: abi::Invocation<'a>, outcome: abi::Outcome<'a>) -> Self {
        Invocation {
            outcome: Some(outcome),
            ..Invocation::new(raw)
        }
    }

    /// For a hook after the end of the response's body.
    pub(crate) fn after_stream(raw: abi::Invocation<'a>) -> Self {
        Invocation {
            no_wait: Some("stream_ended cannot wait: nothing comes after it that the host could hold back"),
            ..Invocation::new(raw)
        }
    }

    /// The invocation's id: a hyphenated UUID, as in the logs and in `context.invocation_id`.
    pub fn id(&self) -> &'a str {
        self.raw.id().as_str()
    }

    /// The function that is called.
    pub fn function(&self) -> Function<'a> {
        Function::new(self.raw.function())
    }

    /// The trace context that the function sees: the caller's, unless an extension replaced it. The caller has none if it
    /// sent several `traceparent` headers; several `tracestate` headers are one list, in order.
    pub fn trace_context(&self) -> TraceContext<'a> {
        let raw = self.raw.trace_context();
        TraceContext {
            traceparent: raw.traceparent.as_str(),
            tracestate: raw.tracestate.as_str(),
        }
    }

    /// Replaces the trace context that the function sees as `context.trace_context`. Only useful in pre hooks.
    pub fn set_trace_context(&mut self, traceparent: &str, tracestate: &str) {
        self.raw.set_trace_context(traceparent.into(), tracestate.into());
    }

    /// The number of this retry (0 for the first attempt) and the maximum of the function's retry policy; both 0 if it
    /// has none.
    pub fn retry(&self) -> (u32, u32) {
        let Tuple2(count, max) = self.raw.retry();
        (count, max)
    }

    /// The HTTP request, for an HTTP trigger.
    pub fn http_request(&self) -> Option<HttpRequest<'a>> {
        self.raw.http_request().into_option().map(HttpRequest::new)
    }

    /// The data of an input binding, the trigger's included, by the binding's name; `None` if the function has none of that name.
    pub fn input(&self, name: &str) -> Option<Data<'a>> {
        self.raw.input(name.into()).into_option().map(Data::from_abi)
    }

    /// An entry of the trigger's metadata, by its name: `DequeueCount` of a queue's message, …
    pub fn metadata(&self, name: &str) -> Option<Data<'a>> {
        self.raw.metadata(name.into()).into_option().map(Data::from_abi)
    }

    /// Returns an attribute of the Python `context` that a hook has set, of this extension or of one that runs before it.
    /// `None` if none has, or if the attribute is an object: that belongs to its extension and to Python. What
    /// [`attribute`](crate::Extension::attribute) of an extension makes is there once function code has read it.
    pub fn attribute(&self, name: &str) -> Option<Value> {
        let value = self.raw.attribute(name.into()).into_option()?;
        Some(convert::value_from_abi(value))
    }

    /// Sets an attribute of the Python `context`: a plain value, or an object ([`Value::object`]) whose
    /// methods the function can call. Replaces an attribute of that name. If another extension has set it, the log has a
    /// warning.
    ///
    /// # Errors
    /// [`ErrorKind::Value`](crate::ErrorKind::Value) for a name that the context has itself, such as `invocation_id`.
    pub fn set_attribute(&mut self, name: &str, value: impl Into<Value>) -> Result<()> {
        self.raw
            .set_attribute(name.into(), convert::value_into_abi(value.into()))
            .into_result()
            .map_err(Error::from_abi)
    }

    /// Returns the time since the first hook of this call began.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.raw.elapsed_ns())
    }

    /// How long the call waited before its function began: for a thread, or for the event loop. It is part of
    /// [`function_time`](crate::Outcome::function_time). `None` in pre hooks, and if the function was not called.
    pub fn waited(&self) -> Option<Duration> {
        let nanoseconds = self.raw.waited_ns().into_option()?;
        Some(Duration::from_nanos(nanoseconds))
    }

    /// In a post hook, the HTTP response that the client will get: it can be changed. `None` in other hooks, and if
    /// the trigger is not HTTP.
    pub fn response(&mut self) -> Option<HttpResponse<'_>> {
        let outcome = self.outcome?;
        // SAFETY: nothing else makes a response, and `&mut self` makes it one at a time.
        unsafe { outcome.response() }.into_option().map(HttpResponse::new)
    }

    /// Makes the host poll `future` before it goes on after this hook: to the next hook, the function, or the response.
    /// No thread waits meanwhile. An error counts as one of this hook. A pre hook that leaves its decision to the
    /// future returns [`Flow::wait`](crate::Flow::wait) instead.
    ///
    /// # Errors
    /// A hook that waits already; a thread that is not the hook's; `stream_ended`; an invocation that comes from a handle,
    /// as the host may be in the hook of another extension by then.
    pub fn wait_for(&mut self, future: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
        if let Some(reason) = self.no_wait {
            return Err(Error::msg(reason));
        }
        let finish = |result: Result<()>| {
            future::without_state(match result {
                Ok(()) => abi::PreResult::Continue,
                Err(error) => abi::PreResult::Error(RBox::new(error.into_abi())),
            })
        };
        // SAFETY: the host keeps the invocation alive while it polls, and `Guarded` uses it only then.
        let invocation = unsafe { self.raw.unbound() };
        let waits = self.raw.wait(future::to_ffi(Some(invocation), future, finish));
        waits.into_result().map_err(Error::from_abi)
    }

    /// A handle that keeps the invocation alive, for a future or a thread of the extension's own.
    pub fn handle(&self) -> InvocationHandle {
        InvocationHandle(self.raw.retain())
    }
}

/// Keeps an invocation alive beyond the hook that made it.
///
/// After the invocation has ended, attributes can still be set but nobody reads them.
pub struct InvocationHandle(abi::RetainedInvocation);

impl InvocationHandle {
    /// The invocation.
    pub fn invocation(&self) -> Invocation<'_> {
        Invocation {
            no_wait: Some(
                "only a hook can call wait_for: a future that runs already awaits the other future itself",
            ),
            ..Invocation::new(self.0.get())
        }
    }
}
