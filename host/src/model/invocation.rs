//! One call of a function: its data, and what hooks and the runner change of it.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::trace_context::TraceContexts;
use super::{Attributes, Data, FunctionInfo, HttpReply, HttpRequest, Inputs, TraceContext, TraceIds};

/// What a trigger starts a call with.
#[derive(Default)]
pub struct Start {
    /// The invocation's id; a random one where the trigger has none.
    pub id: Option<Uuid>,
    /// The data of the input bindings.
    pub inputs: Inputs,
    /// What the trigger knows besides, by name: a message's id, say.
    pub metadata: Vec<(String, Data)>,
    /// The trace that the call belongs to; `None` leaves it to the headers of an HTTP request.
    pub trace: Option<TraceContext>,
    /// Which attempt this is.
    pub retry: RetryContext,
    /// How the outcome becomes an HTTP response, for a trigger that answers HTTP.
    pub http_reply: Option<&'static dyn HttpReply>,
}

/// Which attempt of an invocation a call is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryContext {
    /// 0 for the first attempt.
    pub count: u32,
    /// How many retries there are at most; 0 where the function has no retry policy.
    pub max: u32,
}

/// One call of a function. Always in an `Arc`: extensions may keep it.
///
/// Shared between the task that serves the trigger and the runner's threads. What hooks and the runner change of it
/// lies behind locks that nobody holds across a call.
pub struct Invocation {
    id: Uuid,
    id_text: OnceLock<[u8; uuid::fmt::Hyphenated::LENGTH]>,
    function: Arc<FunctionInfo>,
    inputs: Inputs,
    metadata: Vec<(String, Data)>,
    retry: RetryContext,
    http_reply: Option<&'static dyn HttpReply>,
    attributes: Attributes,
    /// What the trigger and extensions set; else what several header fields say together.
    trace_contexts: TraceContexts,
    given_up: AtomicBool,
}

impl Invocation {
    /// A call of `function`.
    pub fn new(function: Arc<FunctionInfo>, start: Start) -> Arc<Self> {
        let trace_contexts = TraceContexts::default();
        if let Some(trace) = start.trace {
            trace_contexts.set(trace);
        }
        Arc::new(Invocation {
            id: start.id.unwrap_or_else(Uuid::new_v4),
            id_text: OnceLock::new(),
            function,
            inputs: start.inputs,
            metadata: start.metadata,
            retry: start.retry,
            http_reply: start.http_reply,
            attributes: Attributes::default(),
            trace_contexts,
            given_up: AtomicBool::new(false),
        })
    }

    /// The invocation's id as text, a hyphenated UUID.
    pub fn id(&self) -> &str {
        let text = self.id_text.get_or_init(|| {
            let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
            self.id.hyphenated().encode_lower(&mut buffer);
            buffer
        });
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// The invocation's id.
    pub fn uuid(&self) -> Uuid {
        self.id
    }

    /// The function that is called.
    pub fn function(&self) -> &Arc<FunctionInfo> {
        &self.function
    }

    /// The data of the trigger.
    pub fn trigger(&self) -> &Data {
        &self.inputs.trigger
    }

    /// The data of the input binding of this name.
    pub fn input(&self, name: &str) -> Option<&Data> {
        if name == self.function.trigger_name {
            return Some(&self.inputs.trigger);
        }
        find(&self.inputs.others, name)
    }

    /// What the trigger knows besides its data, under this name.
    pub fn metadata(&self, name: &str) -> Option<&Data> {
        find(&self.metadata, name)
    }

    /// The HTTP request that triggered the call.
    pub fn request(&self) -> Option<&HttpRequest> {
        self.inputs.trigger.request()
    }

    /// How the outcome becomes an HTTP response; `None` where the trigger does not answer HTTP.
    pub fn http_reply(&self) -> Option<&'static dyn HttpReply> {
        self.http_reply
    }

    /// Which attempt this is.
    pub fn retry(&self) -> RetryContext {
        self.retry
    }

    /// The attributes that extensions have set.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// `traceparent` and `tracestate` that the function sees: what an extension set, else what the trigger gave, else
    /// what the HTTP caller sent, as [`HttpRequest::trace_context`] reads it.
    pub fn trace_context(&self) -> (&str, &str) {
        if let Some(context) = self.trace_contexts.get() {
            return context.headers();
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

    /// The trace and the span that log records of the call belong to.
    pub fn trace_ids(&self) -> TraceIds {
        TraceIds::parse(self.trace_context().0)
    }

    /// Replaces the trace context that the function sees.
    pub fn set_trace_context(&self, context: TraceContext) {
        self.trace_contexts.set(context);
    }

    /// Whether nobody waits for the outcome any more: the call timed out, or was cancelled. A runner that has not begun
    /// with it need not.
    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    /// Says that nobody waits for the outcome any more.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }
}

fn find<'a>(named: &'a [(String, Data)], name: &str) -> Option<&'a Data> {
    let found = named.iter().find(|(known, _)| known == name);
    found.map(|(_, data)| data)
}
