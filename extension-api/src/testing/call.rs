//! A call as the test holds it: the test says how its function ends, and reads the results.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::data::TestData;
use super::errors::HookError;
use super::instance::TestInstance;
use super::invocation::TestInvocation;
use super::log::LogRecord;
use super::outcome::{Returned, TestOutcome};
use super::response::first;
use super::stream_end::TestStreamEnd;
use super::value::{PyObject, PyValue};
use crate::driver::{Hook, Refusal, State};
use crate::{OutcomeKind, Response};

/// What the pre hook decided, after all waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The function is called. Also if the hook failed and is not strict: its error is among
    /// [`Call::errors`], and the post hook does not run.
    Continue,
    /// The hook answered ([`Flow::Respond`](crate::Flow::Respond)).
    Respond(Response),
    /// The call fails with this message: [`Flow::Fail`](crate::Flow::Fail), a strict hook that failed, or a response that
    /// cannot be sent.
    Fail(String),
    /// What the hook waits for took longer than [`Request::timeout`](super::Request::timeout).
    TimedOut,
}

/// A call. The methods that say how the function ended run the post hook. They change nothing if the pre hook did
/// not continue: that call has ended, and its function never ran.
///
/// Dropping a call before it ended drops its state, without a post hook; before its stream ended, without `stream_ended`.
#[must_use]
pub struct Call<'a> {
    pub(super) instance: &'a Arc<TestInstance>,
    pub(super) invocation: Arc<TestInvocation>,
    pub(super) decision: Decision,
    pub(super) state: State,
    pub(super) outputs: Vec<(String, TestData)>,
    /// How it ended. Its response only changes while the post hook runs.
    pub(super) ended: Option<Ended>,
    pub(super) errors: Vec<HookError>,
}

pub(super) struct Ended {
    pub(super) kind: OutcomeKind,
    pub(super) response: Option<Response>,
    /// Whether the response is streamed, and its body has not ended.
    pub(super) streams: bool,
}

impl<'a> Call<'a> {
    /// Ends the call: the function returned this, for example a [`Response`], text, bytes, or nothing.
    ///
    /// # Panics
    /// As all of these: if the test has said already how the call ended.
    #[track_caller]
    pub fn returning(self, value: impl Into<Returned>) -> Self {
        self.end(TestOutcome::returned(value.into()))
    }

    /// Ends the call: the function raised this exception, `raising("ValueError", "no")`.
    #[track_caller]
    pub fn raising(self, type_name: impl Into<String>, message: impl Into<String>) -> Self {
        self.end(TestOutcome::raised(type_name.into(), message.into()))
    }

    /// Ends the call: the function took longer than `functionTimeout`.
    #[track_caller]
    pub fn timed_out(self) -> Self {
        self.end(TestOutcome::timed_out())
    }

    /// Ends the call: the worker stopped before the function ended.
    #[track_caller]
    pub fn cancelled(self) -> Self {
        self.end(TestOutcome::cancelled())
    }

    /// Ends the call: an extension that comes after this one answered instead of the function.
    #[track_caller]
    pub fn answered_by(self, extension: &str, response: Response) -> Self {
        self.end(TestOutcome::answered(extension, response))
    }

    /// Ends the call: an extension that comes after this one refused the call.
    #[track_caller]
    pub fn refused_by(self, extension: &str, message: impl Into<String>) -> Self {
        let refusal = Refusal {
            type_name: "Refused",
            message: message.into(),
        };
        self.end(TestOutcome::refused(extension, refusal))
    }

    /// Ends the body of a streamed response, which runs the hook `stream_ended`.
    ///
    /// # Panics
    /// Before the call has ended; if the response is not streamed; if its body has ended already.
    #[track_caller]
    pub fn stream_ended(mut self, end: TestStreamEnd) -> Self {
        if self.decision != Decision::Continue {
            return self;
        }
        match &mut self.ended {
            Some(ended) if ended.streams => ended.streams = false,
            Some(_) => panic!(
                "the call has no stream to end: return Returned::streaming(…), end it once, and let no hook replace the body"
            ),
            None => {
                panic!("the call has not ended: say how, for example with .returning(Returned::streaming(…))")
            }
        }
        self.end_stream(&end);
        self
    }

    /// The function set an output binding, which hooks see if it also returns. Comes before the end of the function.
    pub fn output(mut self, name: impl Into<String>, data: impl Into<TestData>) -> Self {
        self.outputs.push((name.into(), data.into()));
        self
    }

    /// Runs the post hook.
    #[track_caller]
    fn end(mut self, outcome: TestOutcome) -> Self {
        if self.ended.is_some() {
            assert!(
                self.decision != Decision::Continue,
                "the call has ended already: make another with TestHost::call"
            );
            return self;
        }
        let mut outcome = outcome.for_trigger(self.invocation.http.is_some());
        if outcome.kind() == OutcomeKind::Returned {
            outcome.outputs = std::mem::take(&mut self.outputs);
        }
        if !matches!(outcome.kind(), OutcomeKind::Answered | OutcomeKind::Refused) {
            outcome.function_time = Some(self.invocation.began.elapsed());
            self.invocation.was_called.store(true, Ordering::Relaxed);
        }
        let was_streamed = outcome.is_streamed();
        // Without a state the pre hook failed.
        if self.instance.extension().has(Hook::PostInvocation) && !self.state.is_none() {
            let scope = self.invocation.scope.clone();
            outcome = scope.run(|| self.post_invocation(outcome));
        }
        if was_streamed && !outcome.is_streamed() {
            self.end_stream(&TestStreamEnd::replaced());
        }
        self.finish(outcome);
        self
    }

    /// The invocation's id.
    pub fn id(&self) -> &str {
        &self.invocation.id
    }

    /// What the pre hook decided.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// How the call ended; `None` if it has not.
    pub fn outcome(&self) -> Option<OutcomeKind> {
        self.ended.as_ref().map(|ended| ended.kind)
    }

    /// The HTTP response that the client gets, as the post hook left it. Header names are in lower case; the body of a
    /// stream is empty.
    ///
    /// # Panics
    /// Before the call has ended, and if no HTTP request made it.
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
        first(self.response(), name)
    }

    /// An attribute that the extension set on `context`, or that it makes when function code asks for it, as here. The
    /// attributes of `context` itself are not replaced, and are not here.
    ///
    /// # Panics
    /// If the extension fails to make it. In Python that is an `AttributeError`, and an error in the log.
    #[track_caller]
    pub fn attribute(&self, name: &str) -> Option<PyValue> {
        let set = self.invocation.attribute(name);
        if set.is_some() {
            return set;
        }
        match self.instance.attribute(&self.invocation, name) {
            Ok(made) => {
                // A name of the context's own is never looked up.
                let _ = self.invocation.set_attribute(name, made?);
                self.invocation.attribute(name)
            }
            Err(message) => panic!("the attribute {name:?} cannot be made: {message}"),
        }
    }

    /// An attribute that is an object of the extension: `call.object("counter").call("increment", ())`.
    ///
    /// # Panics
    /// If there is none, or it is not an object.
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

    /// The trace context that the function sees, as `traceparent` and `tracestate`; empty if there is none.
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
        let state = std::mem::replace(&mut self.state, State::NONE);
        // Log records of its destructor belong to the call.
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
