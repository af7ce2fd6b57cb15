//! The calls of a check: one whose function returns, and one whose function raises.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use abi_stable::std_types::RBox;
use funcdock_extension_api::driver::{
    Hook, HookCall, Instance, PreDecision, Returned as HookReturned, State, post_decision,
};
use tokio::runtime::Runtime;

use super::made_up;
use super::subject::Subject;
use super::values::Values;
use crate::extensions::step::{Event, Step};
use crate::extensions::tables::{self, EndedCall};
use crate::model::{
    Attribute, CallResult, Data, FunctionInfo, HttpRequest, HttpResponse, Inputs, Invocation, Start,
    StreamEnd, StreamEndKind, is_connection_header,
};

/// What the message of an error of `post_invocation` begins with if `on_exception` failed.
const IN_ON_EXCEPTION: &str = "in on_exception: ";

/// How a pre hook went.
enum Pre {
    /// It continued.
    Continued,
    /// It ended the call: "answered" or "refused" it.
    Ended(&'static str),
    /// It failed, which is reported.
    Failed,
}

/// What the calls of a check share.
pub(super) struct CheckCall<'a> {
    pub(super) subject: &'a Subject,
    pub(super) instance: &'a Instance,
    pub(super) function: &'a Arc<FunctionInfo>,
    pub(super) request: &'a HttpRequest,
}

impl CheckCall<'_> {
    /// Calls the hooks around a call whose function returns. Adds what they give to function code to `values`.
    pub(super) fn run(&self, values: &mut Values, report: &mut dyn FnMut(Event)) {
        let Some(runtime) = runtime(report) else { return };
        let invocation = self.invocation();
        let mut state = State::NONE;
        if self.has(Hook::PreInvocation) {
            report(Event::Begin(Step::PreInvocation));
            match self.pre_invocation(&runtime, &invocation, Step::PreInvocation, &mut state, report) {
                Pre::Continued => {}
                Pre::Ended(how) => return self.not_called(how, report),
                Pre::Failed => return,
            }
        }
        self.attributes(&invocation, values, report);
        let is_streamed = self.has(Hook::StreamEnded);
        let mut result = CallResult::new(made_up::returned(is_streamed));
        if self.has(Hook::PostInvocation) {
            report(Event::Begin(Step::PostInvocation));
            let name = Step::PostInvocation.to_string();
            self.post_invocation(
                &runtime,
                &invocation,
                &mut result,
                &mut state,
                (Step::PostInvocation, &name),
                report,
            );
        }
        self.subject
            .hook(Hook::StreamEnded, Step::StreamEnded, report, || {
                let end = match result.stream(&invocation) {
                    Some(_) => StreamEnd {
                        kind: StreamEndKind::Complete,
                        bytes: made_up::HELLO.len() as u64,
                    },
                    None => StreamEnd {
                        kind: StreamEndKind::Replaced,
                        bytes: 0,
                    },
                };
                self.instance.stream_ended(
                    tables::invocation(&invocation),
                    tables::stream_end(&end),
                    &mut state,
                )
            });
    }

    /// Calls the hooks around a call whose function raises, for an extension that has `on_exception`.
    pub(super) fn run_raising(&self, report: &mut dyn FnMut(Event)) {
        report(Event::Begin(Step::OnException));
        let Some(runtime) = runtime(report) else { return };
        let invocation = self.invocation();
        let mut state = State::NONE;
        match self.pre_invocation(&runtime, &invocation, Step::OnException, &mut state, report) {
            Pre::Continued => {}
            Pre::Ended(how) => return self.warn_not_called(Step::OnException, how, report),
            Pre::Failed => return,
        }
        let mut result = CallResult::new(made_up::raised());
        let name = "post_invocation of a call that raised";
        self.post_invocation(
            &runtime,
            &invocation,
            &mut result,
            &mut state,
            (Step::OnException, name),
            report,
        );
    }

    /// Warns of everything that is left out as the pre hook ended the call: the check says nothing about it.
    fn not_called(&self, how: &str, report: &mut dyn FnMut(Event)) {
        for (is_there, step) in [
            (
                !self.subject.extension.made_attributes().is_empty(),
                Step::Attribute,
            ),
            (self.has(Hook::PostInvocation), Step::PostInvocation),
            (self.has(Hook::StreamEnded), Step::StreamEnded),
        ] {
            if is_there {
                report(Event::Begin(step));
                report(Event::Note("not called".to_owned()));
                self.warn_not_called(step, how, report);
            }
        }
    }

    fn warn_not_called(&self, step: Step, how: &str, report: &mut dyn FnMut(Event)) {
        self.subject.warn(
            report,
            &format!("{step}: not called, as pre_invocation {how} the call; give a request that passes with --request"),
        );
    }

    fn pre_invocation(
        &self,
        runtime: &Runtime,
        invocation: &Arc<Invocation>,
        step: Step,
        state: &mut State,
        report: &mut dyn FnMut(Event),
    ) -> Pre {
        let raw = tables::invocation(invocation);
        let (returned, took) = wait(runtime, state, |state, context| {
            self.instance.pre_invocation(raw, state, context)
        });
        self.subject.in_budget(step, took, report);
        match PreDecision::new(returned, state, false) {
            PreDecision::Continue => Pre::Continued,
            PreDecision::Respond(response) => {
                let response = RBox::into_inner(response);
                let status = response.status;
                report(Event::Note(format!("answered the call with {status}")));
                match tables::http_response(response) {
                    Ok(response) => self.connection_headers(&response, report),
                    Err(problem) => self.subject.warn(
                        report,
                        &format!("the answer of pre_invocation cannot be sent: {problem}; the client gets 500 instead"),
                    ),
                }
                Pre::Ended("answered")
            }
            PreDecision::Refuse(refusal) => {
                report(Event::Note(format!("refused the call: {}", refusal.message)));
                Pre::Ended("refused")
            }
            PreDecision::Failed(failure) => {
                self.subject
                    .failed(&Step::PreInvocation.to_string(), &failure.error, report);
                Pre::Failed
            }
        }
    }

    /// Makes the attributes that no hook has set, as if function code read them all.
    fn attributes(&self, invocation: &Arc<Invocation>, values: &mut Values, report: &mut dyn FnMut(Event)) {
        let set = invocation.attributes();
        for name in set.names() {
            if let Some(value) = set.get(&name) {
                values.add(&format!("context.{name}"), &value);
            }
        }
        let mut names = self.subject.extension.made_attributes();
        names.retain(|name| set.get(name).is_none());
        if names.is_empty() {
            return;
        }
        report(Event::Begin(Step::Attribute));
        let mut made = Vec::new();
        for name in names {
            match self.instance.attribute(tables::invocation(invocation), name) {
                Ok(Some(value)) => {
                    values.add(&format!("context.{name}"), &Attribute::from(value));
                    made.push(name.to_owned());
                }
                Ok(None) => made.push(format!("{name} (none for this call)")),
                Err(error) => self
                    .subject
                    .failed(&format!("attribute {name:?}"), &error, report),
            }
        }
        if !made.is_empty() {
            report(Event::Note(made.join(", ")));
        }
    }

    /// `step` is the step that this belongs to, and what to call the hook in an error.
    fn post_invocation(
        &self,
        runtime: &Runtime,
        invocation: &Arc<Invocation>,
        result: &mut CallResult,
        state: &mut State,
        (step, name): (Step, &str),
        report: &mut dyn FnMut(Event),
    ) {
        let keeps_state = result.stream(invocation).is_some();
        let mut ended = EndedCall::new(invocation, result);
        let raw = tables::invocation(invocation);
        let outcome = tables::outcome(&mut ended);
        let (returned, took) = wait(runtime, state, |state, context| {
            self.instance
                .post_invocation(raw, outcome, state, keeps_state, context)
        });
        let refused = ended.take_refused();
        self.subject.in_budget(step, took, report);
        match (post_decision(returned, false), refused) {
            (Ok(()), Some(problem)) => self.subject.warn(
                report,
                &format!(
                    "{name} changes the response, the host refuses that, and the hook goes on: {problem}"
                ),
            ),
            (Ok(()), None) => {}
            (Err(failure), _) => {
                let mut error = failure.error;
                match error.message.strip_prefix(IN_ON_EXCEPTION).map(str::to_owned) {
                    Some(reason) => {
                        error.message = reason.into();
                        self.subject.failed("on_exception", &error, report);
                    }
                    None => self.subject.failed(name, &error, report),
                }
            }
        }
        if let Some(response) = result.response(invocation) {
            self.connection_headers(response, report);
        }
    }

    /// Warns of headers that never reach a client.
    fn connection_headers(&self, response: &HttpResponse, report: &mut dyn FnMut(Event)) {
        // Closing the connection is the one thing that a hook may say about it.
        let is_close = |name: &http::HeaderName| {
            *name == http::header::CONNECTION
                && response.headers.get(name).is_some_and(|value| value == "close")
        };
        let names = response.headers.keys();
        for name in names.filter(|name| is_connection_header(name) && !is_close(name)) {
            self.subject.warn(
                report,
                &format!("it sets the header {name:?}, which the server alone sets: no client gets it"),
            );
        }
    }

    fn has(&self, hook: Hook) -> bool {
        self.subject.extension.has(hook)
    }

    fn invocation(&self) -> Arc<Invocation> {
        let start = Start {
            inputs: Inputs::of_trigger(Data::Request(Box::new(self.request.clone()))),
            http_reply: Some(&made_up::Hello),
            ..Start::default()
        };
        Invocation::new(Arc::clone(self.function), start)
    }
}

fn runtime(report: &mut dyn FnMut(Event)) -> Option<Runtime> {
    let made = tokio::runtime::Builder::new_current_thread().enable_all().build();
    made.map_err(|error| {
        report(Event::Failed(format!(
            "there is no event loop to call hooks on: {error}"
        )));
    })
    .ok()
}

/// Calls a hook, and waits for its future. Returns also the longest time for which it held the thread.
fn wait(
    runtime: &Runtime,
    state: &mut State,
    hook: impl FnOnce(&mut State, &mut Context<'_>) -> HookCall,
) -> (HookReturned, Duration) {
    let mut hook = Some(hook);
    let mut longest = Duration::ZERO;
    let returned = runtime.block_on(async {
        let called = poll_fn(|context| match hook.take() {
            Some(hook) => Poll::Ready(timed(&mut longest, || hook(state, context))),
            // A hook is not polled again once it was ready.
            None => Poll::Pending,
        });
        match called.await {
            HookCall::Returned(returned) => returned,
            HookCall::Waiting(mut waiting) => {
                poll_fn(|context| timed(&mut longest, || waiting.poll(state, context))).await
            }
        }
    });
    (returned, longest)
}

fn timed<T>(longest: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *longest = start.elapsed().max(*longest);
    result
}
