//! The hooks around one function: built once, at load, from the extensions that have any for it.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use abi_stable::std_types::RBox;
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{
    Failure, Hook, HookCall, PreDecision, Refusal, Returned, State, WaitingHook, post_decision,
};
use smallvec::SmallVec;

use super::instance::Instance;
use super::{tables, ticks};
use crate::model::{Attribute, CallResult, Exception, Invocation, Outcome};

/// The hooks around one function: pre hooks run in this order, post hooks in reverse.
#[derive(Default)]
pub struct HookChain {
    links: Box<[Link]>,
    /// The extensions that make attributes when function code reads them, with or without hooks around calls.
    makers: Box<[AttributeMaker]>,
}

/// An extension with hooks around calls.
struct Link {
    instance: Arc<Instance>,
    has_post: bool,
}

/// An extension that makes attributes.
struct AttributeMaker {
    instance: Arc<Instance>,
    names: Vec<&'static str>,
}

/// How far a call has come through the hooks, and what its pre hooks hand to their post hooks.
#[derive(Default)]
pub struct HookProgress {
    /// The states of the links that are entered, in order. They are written and read in place, not moved. A hook that
    /// failed has no state: its post hook does not run.
    states: SmallVec<[State; 4]>,
    /// The hook of the last link that is entered, if it waits.
    waiting: Option<WaitingHook>,
}

impl HookChain {
    /// Makes the chain of these instances, in order.
    pub(super) fn new(instances: impl IntoIterator<Item = Arc<Instance>>) -> Self {
        let (mut links, mut makers) = (Vec::new(), Vec::new());
        for instance in instances {
            let names = instance.attribute_names();
            if !names.is_empty() {
                makers.push(AttributeMaker {
                    instance: Arc::clone(&instance),
                    names,
                });
            }
            if instance.has(Hook::PreInvocation) {
                links.push(Link {
                    has_post: instance.has(Hook::PostInvocation),
                    instance,
                });
            }
        }
        HookChain {
            links: links.into(),
            makers: makers.into(),
        }
    }

    /// Returns the attribute of this name: as a hook set it, else as an extension makes it now. Of several extensions
    /// that make it, the last provider wins. Runs code of extensions: call it without the GIL, or whatever lock the
    /// language has.
    pub fn attribute(&self, invocation: &Arc<Invocation>, name: &str) -> Option<Attribute> {
        let attributes = invocation.attributes();
        attributes.get(name).or_else(|| {
            let made = self.make_attribute(invocation, name)?;
            Some(attributes.get_or_set(name, made))
        })
    }

    fn make_attribute(&self, invocation: &Arc<Invocation>, name: &str) -> Option<Attribute> {
        let makers = self.makers.iter().rev();
        makers
            .filter(|maker| maker.names.contains(&name) && !maker.instance.counters.is_suspended())
            .find_map(|maker| maker.instance.attribute(invocation, name))
    }

    /// Returns the names of all attributes that hooks have set, and that extensions make.
    pub fn attribute_names(&self, invocation: &Invocation) -> Vec<String> {
        let mut names = invocation.attributes().names();
        for name in self.makers.iter().flat_map(|maker| &maker.names) {
            if !names.iter().any(|known| known == name) {
                names.push((*name).to_owned());
            }
        }
        names
    }

    /// How many extensions have hooks around calls here.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there are no hooks around calls.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Runs the pre hooks, from where `progress` is; pending if one waits. `Err` is how the call ended if one answered or
    /// refused: the function is not to be called, and the post hooks are still to run.
    pub fn poll_enter(
        &self,
        invocation: &Arc<Invocation>,
        progress: &mut HookProgress,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Outcome>> {
        if self.links.is_empty() {
            return Poll::Ready(Ok(()));
        }
        // The end of one hook is the start of the next, so the clock is read once for each hook.
        let mut before = ticks::now();
        loop {
            let waits = progress.waiting.is_some();
            let entered = progress.states.len() - usize::from(waits);
            let Some(Link { instance, .. }) = self.links.get(entered) else {
                return Poll::Ready(Ok(()));
            };
            let returned = if waits {
                ready!(progress.poll_waiting(instance, Hook::PreInvocation, invocation, &mut before, context))
            } else {
                let is_suspended = instance.counters.is_suspended();
                if is_suspended && instance.counters.has_strict_hook() {
                    return Poll::Ready(Err(refused(instance, Refusal::suspended())));
                }
                progress.states.push(State::NONE);
                if is_suspended {
                    continue;
                }
                let called = instance.pre_invocation(invocation, &mut progress.states[entered], context);
                let after = ticks::now();
                instance.called(Hook::PreInvocation, after.saturating_sub(before), invocation);
                before = after;
                match called {
                    HookCall::Returned(returned) => returned,
                    HookCall::Waiting(waiting) => {
                        progress.waiting = Some(waiting);
                        return Poll::Pending;
                    }
                }
            };
            let state = &mut progress.states[entered];
            if let Err(outcome) = apply_pre(instance, invocation, returned, state) {
                progress.states.truncate(entered);
                return Poll::Ready(Err(outcome));
            }
            if state.is_none() {
                // It failed: the time to log that does not count for the next hook.
                before = ticks::now();
            }
        }
    }

    /// Runs the post hooks, in reverse order, of every pre hook that continued, from where `progress` is; pending if one
    /// waits.
    pub fn poll_leave(
        &self,
        invocation: &Arc<Invocation>,
        progress: &mut HookProgress,
        call_result: &mut CallResult,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        if self.links.is_empty() {
            return Poll::Ready(());
        }
        let mut before = ticks::now();
        loop {
            let Some(last) = progress.states.len().checked_sub(1) else {
                return Poll::Ready(());
            };
            let Link { instance, has_post } = &self.links[last];
            let returned = if progress.waiting.is_some() {
                ready!(progress.poll_waiting(
                    instance,
                    Hook::PostInvocation,
                    invocation,
                    &mut before,
                    context
                ))
            } else {
                let state = &mut progress.states[last];
                if !has_post || state.is_none() {
                    progress.states.truncate(last);
                    continue;
                }
                if instance.counters.is_suspended() {
                    progress.states.truncate(last);
                    if instance.counters.is_strict(Hook::PostInvocation) {
                        call_result.replace(refused(instance, Refusal::suspended()));
                    }
                    continue;
                }
                let called = instance.post_invocation(invocation, call_result, state, context);
                let after = ticks::now();
                instance.called(Hook::PostInvocation, after.saturating_sub(before), invocation);
                before = after;
                match called {
                    HookCall::Returned(returned) => returned,
                    HookCall::Waiting(waiting) => {
                        progress.waiting = Some(waiting);
                        return Poll::Pending;
                    }
                }
            };
            progress.states.truncate(last);
            if !apply_post(instance, invocation, call_result, returned) {
                before = ticks::now();
            }
        }
    }

    /// Drops the future of the pre hook that waits, if any: it was not ready in time.
    pub(crate) fn give_up_entering(&self, invocation: &Invocation, progress: &mut HookProgress) {
        if let Some((instance, error)) = self.give_up(progress) {
            instance.failed(Hook::PreInvocation, invocation, &error);
        }
    }

    /// Drops the future of the post hook that waits, if any: it was not ready in time.
    pub(crate) fn give_up_leaving(
        &self,
        invocation: &Invocation,
        progress: &mut HookProgress,
        call_result: &mut CallResult,
    ) {
        if let Some((instance, error)) = self.give_up(progress) {
            let is_strict = instance.counters.is_strict(Hook::PostInvocation);
            let failure = Failure::new(Hook::PostInvocation, error, is_strict);
            apply_post_failure(instance, invocation, call_result, failure);
        }
    }

    fn give_up(&self, progress: &mut HookProgress) -> Option<(&Instance, abi::Error)> {
        let error = progress.waiting.take()?.give_up();
        // A hook that waits is the last one that is entered.
        let last = progress.states.len().checked_sub(1)?;
        progress.states.truncate(last);
        Some((&self.links[last].instance, error))
    }
}

impl HookProgress {
    /// Polls the hook of this instance that waits. Its future holds up other calls while it is polled, as the hook itself
    /// while it runs, so that counts as slow as well. `before` is now, and is set to the time after.
    #[inline(never)]
    fn poll_waiting(
        &mut self,
        instance: &Instance,
        hook: Hook,
        invocation: &Invocation,
        before: &mut u64,
        context: &mut Context<'_>,
    ) -> Poll<Returned> {
        // A hook that waits is the last one that is entered.
        let (Some(waiting), Some(state)) = (&mut self.waiting, self.states.last_mut()) else {
            return Poll::Pending;
        };
        let polled = waiting.poll(state, context);
        let after = ticks::now();
        instance.polled(hook, after.saturating_sub(*before), invocation);
        *before = after;
        if polled.is_ready() {
            self.waiting = None;
        }
        polled
    }
}

/// Applies the decision of a pre hook; `Err` is how the call ended. A state for the post hook exists only if it
/// continued.
#[inline]
fn apply_pre(
    instance: &Instance,
    invocation: &Invocation,
    returned: Returned,
    state: &mut State,
) -> Result<(), Outcome> {
    let counters = &instance.counters;
    match PreDecision::new(returned, state, counters.is_strict(Hook::PreInvocation)) {
        PreDecision::Continue => {
            counters.pre_invocation.succeeded();
            Ok(())
        }
        decision => apply_early_end(instance, invocation, decision),
    }
}

/// Applies the decision of a pre hook that did not continue.
#[cold]
fn apply_early_end(
    instance: &Instance,
    invocation: &Invocation,
    decision: PreDecision,
) -> Result<(), Outcome> {
    let counters = &instance.counters.pre_invocation;
    match decision {
        PreDecision::Continue => Ok(()),
        PreDecision::Respond(response) => {
            counters.succeeded();
            Err(answered(instance, RBox::into_inner(response)))
        }
        PreDecision::Refuse(refusal) => {
            counters.succeeded();
            counters.refused();
            Err(refused(instance, refusal))
        }
        PreDecision::Failed(Failure { error, refusal }) => {
            instance.failed(Hook::PreInvocation, invocation, &error);
            match refusal {
                Some(refusal) => Err(refused(instance, refusal)),
                None => Ok(()),
            }
        }
    }
}

/// Applies the decision of a post hook; returns whether it succeeded.
#[inline]
fn apply_post(
    instance: &Instance,
    invocation: &Invocation,
    call_result: &mut CallResult,
    returned: Returned,
) -> bool {
    let is_strict = instance.counters.is_strict(Hook::PostInvocation);
    match post_decision(returned, is_strict) {
        Ok(()) => {
            instance.counters.post_invocation.succeeded();
            true
        }
        Err(failure) => {
            apply_post_failure(instance, invocation, call_result, failure);
            false
        }
    }
}

#[cold]
fn apply_post_failure(
    instance: &Instance,
    invocation: &Invocation,
    call_result: &mut CallResult,
    failure: Failure,
) {
    instance.failed(Hook::PostInvocation, invocation, &failure.error);
    if let Some(refusal) = failure.refusal {
        call_result.replace(refused(instance, refusal));
    }
}

fn answered(instance: &Instance, response: abi::Response) -> Outcome {
    match tables::http_response(response) {
        Ok(response) => {
            instance.counters.pre_invocation.answered();
            Outcome::Answered {
                extension: Arc::clone(&instance.name),
                response: Box::new(response),
            }
        }
        Err(problem) => {
            instance.counters.pre_invocation.refused();
            refused(instance, Refusal::invalid_response(&problem))
        }
    }
}

#[cold]
fn refused(instance: &Instance, refusal: Refusal) -> Outcome {
    let error = Exception {
        type_name: refusal.type_name.to_owned(),
        message: refusal.message,
        traceback: String::new(),
    };
    Outcome::Refused {
        extension: Arc::clone(&instance.name),
        error: Box::new(error),
    }
}
