//! One function call: its data, and the parts that hooks and the runner change.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::departure::Departure;
use super::times::Times;
use super::trace_context::TraceContexts;
use super::{
    Attributes, Data, FunctionInfo, HttpReply, HttpRequest, Inputs, InvocationId, RetryContext, TraceContext,
    TraceIds,
};

/// The data with which a trigger starts a call.
#[derive(Default)]
pub struct Start {
    /// The invocation's id; random if the trigger has none.
    pub id: Option<InvocationId>,
    /// The data of the input bindings.
    pub inputs: Inputs,
    /// Other data of the trigger by name: for example, a message's id.
    pub metadata: Vec<(String, Data)>,
    /// The trace context of the call; `None` takes it from the headers of an HTTP request.
    pub trace: Option<TraceContext>,
    /// What the trigger says of the trace, by name.
    pub trace_attributes: Vec<(String, String)>,
    /// The number of this attempt.
    pub retry: RetryContext,
    /// Makes the HTTP response from the outcome, for a trigger that responds over HTTP.
    pub http_reply: Option<&'static dyn HttpReply>,
    /// The departure of the client, for a trigger whose client waits for the reply.
    pub departure: Option<Arc<Departure>>,
}

/// One function call. Always in an `Arc`: extensions may keep it.
///
/// Shared between the task that serves the trigger and the runner's threads. The parts that hooks and the runner change
/// are behind locks, which are never held while other code runs.
pub struct Invocation {
    id: InvocationId,
    id_text: OnceLock<[u8; uuid::fmt::Hyphenated::LENGTH]>,
    function: Arc<FunctionInfo>,
    inputs: Inputs,
    /// The data of input bindings that was read before the function is called.
    bound: OnceLock<Vec<(String, Data)>>,
    metadata: Vec<(String, Data)>,
    retry: RetryContext,
    http_reply: Option<&'static dyn HttpReply>,
    attributes: Attributes,
    times: Times,
    /// The contexts that the trigger and extensions set, or else the one joined from several header fields.
    trace_contexts: TraceContexts,
    trace_attributes: Vec<(String, String)>,
    /// Whether the HTTP caller sent a trace context. Found out once, by the thread that has just read the request.
    has_callers_trace: bool,
    given_up: AtomicBool,
    departure: Option<Arc<Departure>>,
}

impl Invocation {
    /// Returns a call to `function`.
    pub fn new(function: Arc<FunctionInfo>, start: Start) -> Arc<Self> {
        let trace_contexts = TraceContexts::default();
        if let Some(trace) = start.trace {
            trace_contexts.set(trace);
        }
        let request = start.inputs.trigger.request();
        let has_callers_trace = request.is_some_and(|request| request.header("traceparent").is_some());
        Arc::new(Invocation {
            id: start.id.unwrap_or_else(InvocationId::random),
            id_text: OnceLock::new(),
            function,
            inputs: start.inputs,
            bound: OnceLock::new(),
            metadata: start.metadata,
            retry: start.retry,
            http_reply: start.http_reply,
            attributes: Attributes::default(),
            times: Times::default(),
            trace_contexts,
            trace_attributes: start.trace_attributes,
            has_callers_trace,
            given_up: AtomicBool::new(false),
            departure: start.departure,
        })
    }

    /// Returns the invocation's id as text: a hyphenated UUID, unless the trigger has another one.
    pub fn id(&self) -> &str {
        let id = match &self.id {
            InvocationId::Text(text) => return text,
            InvocationId::Uuid(id) => id,
        };
        let text = self.id_text.get_or_init(|| {
            let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
            id.hyphenated().encode_lower(&mut buffer);
            buffer
        });
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// Returns the invocation's id.
    pub fn id_value(&self) -> &InvocationId {
        &self.id
    }

    /// Returns the function that is called.
    pub fn function(&self) -> &Arc<FunctionInfo> {
        &self.function
    }

    /// Returns the data of the trigger.
    pub fn trigger(&self) -> &Data {
        &self.inputs.trigger
    }

    /// Returns the data of the input binding with this name.
    pub fn input(&self, name: &str) -> Option<&Data> {
        if let Some(data) = self.bound.get().and_then(|bound| find(bound, name)) {
            return Some(data);
        }
        if name == self.function.trigger_name {
            return Some(&self.inputs.trigger);
        }
        find(&self.inputs.others, name)
    }

    /// Adds the data of input bindings, by their names. Called once, before the function is called.
    pub(crate) fn set_bound(&self, data: Vec<(String, Data)>) {
        // Fails only if it is set already.
        let _ = self.bound.set(data);
    }

    /// What the trigger knows besides its data, under this name.
    pub fn metadata(&self, name: &str) -> Option<&Data> {
        find(&self.metadata, name)
    }

    /// Returns all that the trigger knows besides its data, by name.
    pub fn all_metadata(&self) -> &[(String, Data)] {
        &self.metadata
    }

    /// Returns the HTTP request that triggered the call.
    pub fn request(&self) -> Option<&HttpRequest> {
        self.inputs.trigger.request()
    }

    /// Returns the maker of the HTTP response; `None` if the trigger does not respond over HTTP.
    pub fn http_reply(&self) -> Option<&'static dyn HttpReply> {
        self.http_reply
    }

    /// Returns the number of this attempt.
    pub fn retry(&self) -> &RetryContext {
        &self.retry
    }

    /// Returns the attributes that extensions have set.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Returns the times of the hooks and the function.
    #[inline]
    pub(crate) fn times(&self) -> &Times {
        &self.times
    }

    /// Returns the `traceparent` and `tracestate` that the function sees: those that an extension set, else those of the
    /// trigger, else those of the HTTP caller, as [`HttpRequest::trace_context`] reads them.
    pub fn trace_context(&self) -> (&str, &str) {
        if let Some(context) = self.trace_contexts.get() {
            return context.headers();
        }
        if !self.has_callers_trace {
            return ("", "");
        }
        match self.request().map(HttpRequest::trace_context) {
            None => ("", ""),
            Some((traceparent, Cow::Borrowed(tracestate))) => (traceparent, tracestate),
            Some((traceparent, Cow::Owned(tracestate))) => {
                self.trace_contexts
                    .set(TraceContext::new(traceparent, &tracestate));
                self.trace_contexts.get().map_or(("", ""), TraceContext::headers)
            }
        }
    }

    /// Returns what the trigger says of the trace, by name.
    pub fn trace_attributes(&self) -> &[(String, String)] {
        &self.trace_attributes
    }

    /// Returns the trace and the span for log records of the call.
    pub fn trace_ids(&self) -> TraceIds {
        TraceIds::parse(self.trace_context().0)
    }

    /// Replaces the trace context that the function sees.
    pub fn set_trace_context(&self, context: TraceContext) {
        self.trace_contexts.set(context);
    }

    /// Whether nobody waits for the outcome any more, as the call timed out or was cancelled. A runner that has not begun
    /// the call need not begin it.
    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    /// Records that nobody waits for the outcome any more.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    /// Returns whether and when the client leaves before it has the response; `None` if no client waits for it.
    pub fn departure(&self) -> Option<&Departure> {
        self.departure.as_deref()
    }
}

fn find<'a>(named: &'a [(String, Data)], name: &str) -> Option<&'a Data> {
    let found = named.iter().find(|(known, _)| known == name);
    found.map(|(_, data)| data)
}
