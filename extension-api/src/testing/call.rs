//! A call on its way through the hooks, and what came of it.

use std::sync::Arc;

use abi_stable::std_types::{RBox, Tuple2};

use super::ending::{self, Ending};
use super::executor::block_on;
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
    instance: &'a Arc<Instance>,
    invocation: Arc<Invocation>,
    decision: Decision,
    state: abi::StateSlot,
    allocated_blocks: Option<(u64, u64)>,
    /// What came of it. Its response is only changed while the post hook runs.
    ended: Option<Ended>,
    errors: Vec<HookError>,
}

struct Ended {
    kind: OutcomeKind,
    response: Option<Response>,
}

impl<'a> Call<'a> {
    /// Runs the pre hook.
    pub(super) fn enter(instance: &'a Arc<Instance>, invocation: Arc<Invocation>) -> Self {
        let mut call = Call {
            instance,
            invocation,
            decision: Decision::Continue,
            state: abi::StateSlot::EMPTY,
            allocated_blocks: None,
            ended: None,
            errors: Vec::new(),
        };
        if instance.has(abi::HOOK_PRE_INVOCATION) {
            let scope = call.invocation.scope.clone();
            scope.run(|| match call.pre_invocation() {
                Some(result) => call.decide(result),
                None => {
                    call.decision = Decision::TimedOut;
                    call.over(Ending::timed_out());
                }
            });
        }
        call
    }

    /// Calls the hook and waits for what it waits for; `None` where that takes too long.
    fn pre_invocation(&mut self) -> Option<abi::PreResult> {
        let (raw, hook) = (self.invocation.raw(), self.instance.descriptor.pre_invocation());
        // SAFETY: the instance is alive, the invocation is borrowed, and the slot is empty and ours.
        let result = unsafe { hook(self.instance.this, raw, &raw mut self.state) };
        let Some(future) = self.invocation.take_waiting() else {
            return Some(result);
        };
        let waited = block_on(future, self.invocation.timeout);
        let Some(waited) = waited else {
            self.state = abi::StateSlot::EMPTY;
            return None;
        };
        Some(match (result, waited.result) {
            // A future that is only waited for leaves the hook's own state as it is.
            (abi::PreResult::Continue, abi::PreResult::Continue) if waited.state.drop.is_none() => {
                abi::PreResult::Continue
            }
            (abi::PreResult::Continue, result) => {
                self.state = waited.state;
                result
            }
            (result, _) => result,
        })
    }

    fn decide(&mut self, result: abi::PreResult) {
        let name = &self.instance.name;
        let (decision, ending) = match result {
            abi::PreResult::Continue => return,
            abi::PreResult::Respond(response) => {
                let response = from_abi(RBox::into_inner(response));
                match ending::sendable(&response) {
                    Ok(()) => (
                        Decision::Respond(response.clone()),
                        Ending::answered(name, response),
                    ),
                    Err(problem) => {
                        let message = format!("its answer cannot be sent: {problem}");
                        (
                            Decision::Fail(message.clone()),
                            Ending::refused(name, "InvalidResponse", message),
                        )
                    }
                }
            }
            abi::PreResult::Fail(error) => {
                let message = error.message.to_string();
                (
                    Decision::Fail(message.clone()),
                    Ending::refused(name, "Refused", message),
                )
            }
            abi::PreResult::Error(error) => {
                self.state = abi::StateSlot::EMPTY;
                match self.failed("pre_invocation", abi::HOOK_PRE_INVOCATION, &error) {
                    Some((message, ending)) => (Decision::Fail(message), ending),
                    None => return,
                }
            }
        };
        self.decision = decision;
        self.over(ending);
    }

    /// Notes the error. Where the hook is strict, this is how the call ends.
    fn failed(&mut self, hook: &'static str, bit: u32, error: &abi::Error) -> Option<(String, Ending)> {
        self.errors.push(HookError::new(hook, error));
        self.instance.is_strict(bit).then(|| {
            let message = format!("{hook} failed, and no call goes on without it: {}", error.message);
            let ending = Ending::refused(&self.instance.name, "HookFailed", message.clone());
            (message, ending)
        })
    }

    fn over(&mut self, ending: Ending) {
        let mut ending = ending.of(self.invocation.http.is_some());
        self.ended = Some(Ended {
            kind: ending.kind(),
            response: ending.response().cloned(),
        });
    }

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

    /// How many blocks of memory there were before and after the function; told to an extension that says
    /// `COUNT_ALLOCATIONS`. Comes before the end of the function.
    pub fn allocating(mut self, before: u64, after: u64) -> Self {
        let counts = self.instance.descriptor.features().unwrap_or(0) & abi::FEATURE_ALLOCATIONS != 0;
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

    fn post_invocation(&mut self, mut ending: Ending) -> Ending {
        let (raw, hook) = (self.invocation.raw(), self.instance.descriptor.post_invocation());
        // SAFETY: the instance is alive, both contexts are borrowed, and the slot is the one that the pre hook filled.
        let result = unsafe { hook(self.instance.this, raw, ending.raw(), &raw mut self.state) };
        let mut errors = Vec::new();
        if let abi::HookResult::Error(error) = result {
            errors.push(RBox::into_inner(error));
        }
        if let Some(future) = self.invocation.take_waiting() {
            match block_on(future, self.invocation.timeout) {
                Some(waited) => {
                    if let abi::PreResult::Error(error) = waited.result {
                        errors.push(RBox::into_inner(error));
                    }
                }
                // A host gives the waiting up, and sends the answer.
                None => self.errors.push(HookError {
                    hook: "post_invocation",
                    message: "what it waits for did not come in time".to_owned(),
                    panicked: false,
                }),
            }
        }
        for error in errors {
            if let Some((_, failed)) = self.failed("post_invocation", abi::HOOK_POST_INVOCATION, &error) {
                ending = failed;
            }
        }
        ending
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

    /// An attribute that the extension set on `context`. What `context` has of its own is not replaced, and is not here.
    pub fn attribute(&self, name: &str) -> Option<PyValue> {
        self.invocation.attribute(name)
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

fn from_abi(response: abi::Response) -> Response {
    Response {
        status: response.status,
        headers: response
            .headers
            .into_iter()
            .map(|Tuple2(name, value)| (name.into(), value.into()))
            .collect(),
        body: response.body.into(),
    }
}
