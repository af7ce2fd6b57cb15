//! A call as the test holds it: how its function ends, and what came of it.

use std::sync::Arc;

use super::ending::{self, Ending};
use super::instance::{HookError, Instance};
use super::invocation::Invocation;
use super::{LogRecord, PyObject, PyValue, Returned};
use crate::{OutcomeKind, Response, abi};

/// What the pre hook made of the call, after all waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The function is called. Also where the hook failed and is not strict: its error is among
    /// [`Call::errors`], and the post hook does not run.
    Continue,
    /// The hook answered ([`Flow::Respond`](crate::Flow::Respond)).
    Respond(Response),
    /// The call fails with this message: [`Flow::Fail`](crate::Flow::Fail), a strict hook that failed, or an answer that
    /// cannot be sent.
    Fail(String),
    /// What the hook waits for took longer than [`Request::timeout`](super::Request::timeout).
    TimedOut,
}

/// A call. The methods that say how the function ended run the post hook. They change nothing where the pre hook did
/// not continue: that call has ended, and its function never ran.
///
/// A call that is dropped before it ended is forgotten: its state is dropped, without a post hook.
#[must_use]
pub struct Call<'a> {
    pub(super) instance: &'a Arc<Instance>,
    pub(super) invocation: Arc<Invocation>,
    pub(super) decision: Decision,
    pub(super) state: abi::StateSlot,
    pub(super) allocated_blocks: Option<(u64, u64)>,
    /// What came of it. Its response is only changed while the post hook runs.
    pub(super) ended: Option<Ended>,
    pub(super) errors: Vec<HookError>,
}

pub(super) struct Ended {
    pub(super) kind: OutcomeKind,
    pub(super) response: Option<Response>,
}

impl<'a> Call<'a> {
    /// The function returned this: a [`Response`], text, bytes, or nothing.
    ///
    /// # Panics
    /// As all of these: where the test has said already how the call ended.
    #[track_caller]
    pub fn returning(self, value: impl Into<Returned>) -> Self {
        self.end(Ending::returned(value.into()))
    }

    /// The function raised this exception: `raising("ValueError", "no")`.
    #[track_caller]
    pub fn raising(self, type_name: impl Into<String>, message: impl Into<String>) -> Self {
        self.end(Ending::raised(type_name.into(), message.into()))
    }

    /// The function took longer than `functionTimeout`.
    #[track_caller]
    pub fn timed_out(self) -> Self {
        self.end(Ending::timed_out())
    }

    /// The worker stopped before the function ended.
    #[track_caller]
    pub fn cancelled(self) -> Self {
        self.end(Ending::cancelled())
    }

    /// An extension that comes after this one answered instead of the function.
    #[track_caller]
    pub fn answered_by(self, extension: &str, response: Response) -> Self {
        self.end(Ending::answered(extension, response))
    }

    /// An extension that comes after this one refused the call.
    #[track_caller]
    pub fn refused_by(self, extension: &str, message: impl Into<String>) -> Self {
        self.end(Ending::refused(extension, "Refused", message.into()))
    }

    /// How many blocks of memory there were before and after the function; told to an extension whose pre hook asked
    /// for it. Comes before the end of the function.
    pub fn allocating(mut self, before: u64, after: u64) -> Self {
        let counts = self.invocation.counts_allocations();
        self.allocated_blocks = counts.then_some((before, after));
        self
    }

    /// Runs the post hook.
    #[track_caller]
    fn end(mut self, ending: Ending) -> Self {
        if self.ended.is_some() {
            assert!(
                self.decision != Decision::Continue,
                "the call has ended already: make another with TestHost::call"
            );
            return self;
        }
        let mut ending = ending.of(self.invocation.http.is_some());
        ending.allocated_blocks = self.allocated_blocks;
        // An empty slot is that of a pre hook that failed.
        if self.instance.has(abi::HOOK_POST_INVOCATION) && self.state.drop.is_some() {
            let scope = self.invocation.scope.clone();
            ending = scope.run(|| self.post_invocation(ending));
        }
        self.over(ending);
        self
    }

    /// The invocation's id.
    pub fn id(&self) -> &str {
        &self.invocation.id
    }

    /// What the pre hook made of the call.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// How the call ended; `None` where nothing has said so yet.
    pub fn outcome(&self) -> Option<OutcomeKind> {
        self.ended.as_ref().map(|ended| ended.kind)
    }

    /// The HTTP response that the client gets, as the post hook left it. Header names are in lower case.
    ///
    /// # Panics
    /// Before the call has ended, and where no HTTP request made it.
    #[track_caller]
    pub fn response(&self) -> &Response {
        let Some(ended) = &self.ended else {
            panic!("the call has not ended: say how, for example with .returning(\"…\")");
        };
        match &ended.response {
            Some(response) => response,
            None => panic!("no HTTP request made the call: it has no response"),
        }
    }

    /// The first value of a header of the response; names compare without case.
    ///
    /// # Panics
    /// As [`response`](Self::response).
    #[track_caller]
    pub fn response_header(&self, name: &str) -> Option<&str> {
        ending::first(self.response(), name)
    }

    /// An attribute that the extension set on `context`, or that it makes now that it is asked for. What `context` has of
    /// its own is not replaced, and is not here.
    ///
    /// # Panics
    /// Where the extension fails to make it. In Python that is an `AttributeError`, and an error in the log.
    #[track_caller]
    pub fn attribute(&self, name: &str) -> Option<PyValue> {
        let set = self.invocation.attribute(name);
        if set.is_some() {
            return set;
        }
        match self.instance.attribute(&self.invocation, name) {
            Ok(made) => {
                self.invocation.set_attribute(name, made?);
                self.invocation.attribute(name)
            }
            Err(message) => panic!("the attribute {name:?} cannot be made: {message}"),
        }
    }

    /// An attribute that is an object of the extension: `call.object("counter").call("increment", ())`.
    ///
    /// # Panics
    /// Where there is none, or it is no object.
    #[track_caller]
    pub fn object(&self, name: &str) -> PyObject {
        match self.attribute(name) {
            Some(value) => value.into_object(),
            None => panic!(
                "no attribute {name:?} was set; there are: {:?}",
                self.invocation.attribute_names()
            ),
        }
    }

    /// The trace context that the function sees, as `traceparent` and `tracestate`; empty where there is none.
    pub fn trace_context(&self) -> (String, String) {
        (*self.invocation.trace_context()).clone()
    }

    /// Hooks of this call that returned an error or panicked.
    pub fn errors(&self) -> &[HookError] {
        &self.errors
    }

    /// What was logged in this call: in hooks, by futures that they waited for, and by methods of their objects.
    pub fn logs(&self) -> Vec<LogRecord> {
        self.invocation.scope.journal.of_call(&self.invocation.id)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, abi::StateSlot::EMPTY);
        // What its destructor logs is the call's.
        self.invocation.scope.run(|| drop(state));
    }
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.invocation.id)
            .field("decision", &self.decision)
            .field("outcome", &self.outcome())
            .field("errors", &self.errors)
            .finish_non_exhaustive()
    }
}
