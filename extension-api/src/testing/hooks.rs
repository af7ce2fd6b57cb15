//! The hooks around a call, as a host calls them.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use abi_stable::std_types::{RBox, Tuple2};

use super::call::{Call, Decision, Ended};
use super::errors::HookError;
use super::executor::block_on;
use super::instance::TestInstance;
use super::invocation::TestInvocation;
use super::outcome::TestOutcome;
use super::response;
use super::stream_end::TestStreamEnd;
use crate::driver::{Failure, Hook, HookCall, PreDecision, Refusal, Returned, State, post_decision};
use crate::{Response, abi};

impl<'a> Call<'a> {
    /// Runs the pre hook.
    pub(super) fn enter(instance: &'a Arc<TestInstance>, invocation: Arc<TestInvocation>) -> Self {
        let mut call = Call {
            instance,
            invocation,
            decision: Decision::Continue,
            state: State::NONE,
            outputs: Vec::new(),
            ended: None,
            errors: Vec::new(),
        };
        if instance.extension().has(Hook::PreInvocation) {
            let scope = call.invocation.scope.clone();
            scope.run(|| call.pre_invocation());
        }
        call
    }

    /// Calls the hook, and waits for what it waits for.
    fn pre_invocation(&mut self) {
        let (instance, raw) = (self.instance.get(), self.invocation.raw());
        let called = call_hook(self.invocation.timeout, &mut self.state, |state, context| {
            instance.pre_invocation(raw, state, context)
        });
        let Ok(returned) = called else {
            self.decision = Decision::TimedOut;
            return self.finish(TestOutcome::timed_out());
        };
        let is_strict = self.instance.extension().is_strict(Hook::PreInvocation);
        match PreDecision::new(returned, &mut self.state, is_strict) {
            PreDecision::Continue => {}
            PreDecision::Respond(response) => {
                let response = from_abi(RBox::into_inner(response));
                match response::check(&response) {
                    Ok(()) => {
                        self.decision = Decision::Respond(response.clone());
                        self.finish(TestOutcome::answered(self.extension_name(), response));
                    }
                    Err(problem) => self.refuse(Refusal::invalid_response(&problem)),
                }
            }
            PreDecision::Refuse(refusal) => self.refuse(refusal),
            PreDecision::Failed(Failure { error, refusal }) => {
                self.errors.push(HookError::new(Hook::PreInvocation, &error));
                if let Some(refusal) = refusal {
                    self.refuse(refusal);
                }
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.decision = Decision::Fail(refusal.message.clone());
        self.finish(TestOutcome::refused(self.extension_name(), refusal));
    }

    /// Keeps how the call ended.
    pub(super) fn finish(&mut self, outcome: TestOutcome) {
        let outcome = outcome.for_trigger(self.invocation.http.is_some());
        self.ended = Some(Ended {
            kind: outcome.kind(),
            response: outcome.response(),
            streams: outcome.is_streamed(),
        });
    }

    /// Runs the post hook; returns how the call ended after it.
    pub(super) fn post_invocation(&mut self, outcome: TestOutcome) -> TestOutcome {
        let (instance, raw) = (self.instance.get(), self.invocation.raw());
        let keeps_state = outcome.is_streamed();
        let called = call_hook(self.invocation.timeout, &mut self.state, |state, context| {
            instance.post_invocation(raw, outcome.raw(), state, keeps_state, context)
        });
        if !keeps_state {
            self.state = State::NONE;
        }
        let is_strict = self.instance.extension().is_strict(Hook::PostInvocation);
        let failed = match called {
            Ok(returned) => post_decision(returned, is_strict),
            Err(error) => Err(Failure::new(Hook::PostInvocation, error, is_strict)),
        };
        let Err(Failure { error, refusal }) = failed else {
            return outcome;
        };
        self.errors.push(HookError::new(Hook::PostInvocation, &error));
        match refusal {
            Some(refusal) => TestOutcome::refused(self.extension_name(), refusal),
            None => outcome,
        }
    }

    /// Runs the hook at the end of the stream.
    pub(super) fn end_stream(&mut self, end: &TestStreamEnd) {
        let scope = self.invocation.scope.clone();
        scope.run(|| {
            let (instance, raw) = (self.instance.get(), self.invocation.raw());
            if let Err(error) = instance.stream_ended(raw, end.raw(), &mut self.state) {
                self.errors.push(HookError::new(Hook::StreamEnded, &error));
            }
            self.state = State::NONE;
        });
    }

    fn extension_name(&self) -> &'static str {
        self.instance.extension().name()
    }
}

/// Calls a hook and polls what it waits for, no longer than `limit`.
fn call_hook(
    limit: Duration,
    state: &mut State,
    call: impl FnOnce(&mut State, &mut Context<'_>) -> HookCall,
) -> Result<Returned, abi::Error> {
    let (mut call, mut waiting) = (Some(call), None);
    let returned = block_on(
        poll_fn(|context| {
            if let Some(call) = call.take() {
                match call(state, context) {
                    HookCall::Returned(returned) => return Poll::Ready(returned),
                    HookCall::Waiting(hook) => waiting = Some(hook),
                }
            }
            match &mut waiting {
                Some(hook) => hook.poll(state, context),
                None => Poll::Pending,
            }
        }),
        limit,
    );
    match (returned, waiting) {
        (Some(returned), _) => Ok(returned),
        (None, Some(hook)) => Err(hook.give_up()),
        (None, None) => unreachable!("a hook that has not returned waits"),
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
