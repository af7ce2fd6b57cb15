//! The hooks around a call, as a host calls them.

use std::sync::Arc;

use abi_stable::std_types::{RBox, Tuple2};

use super::call::Ended;
use super::ending::{self, Ending};
use super::executor::block_on;
use super::instance::{HookError, Instance};
use super::invocation::Invocation;
use super::{Call, Decision};
use crate::{Response, abi};

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

    pub(super) fn over(&mut self, ending: Ending) {
        let mut ending = ending.of(self.invocation.http.is_some());
        self.ended = Some(Ended {
            kind: ending.kind(),
            response: ending.response().cloned(),
        });
    }

    pub(super) fn post_invocation(&mut self, mut ending: Ending) -> Ending {
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
