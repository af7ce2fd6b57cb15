//! The hooks around one function: built once, at load, from the extensions that have any for it.

mod apply;
mod conflicts;
mod progress;

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{Failure, Hook, HookCall, Refusal, State};

use super::instance::Instance;
use super::ticks;
use crate::model::{Attribute, CallResult, Invocation, Outcome, StreamEnd, StreamEndKind};
use apply::{apply_post, apply_post_failure, apply_pre, refused};

pub(super) use conflicts::Conflicts;
use conflicts::setter;
pub use progress::HookProgress;

/// The hooks around one function: pre hooks run in this order, post hooks in reverse.
#[derive(Default)]
pub struct HookChain {
    links: Box<[Link]>,
    /// The extensions that make attributes when function code reads them, with or without hooks around calls.
    makers: Box<[AttributeMaker]>,
    conflicts: Arc<Conflicts>,
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

impl HookChain {
    /// Makes the chain of these instances, in order.
    pub(super) fn new(
        instances: impl IntoIterator<Item = Arc<Instance>>,
        conflicts: &Arc<Conflicts>,
    ) -> Self {
        let (mut links, mut makers) = (Vec::new(), Vec::<AttributeMaker>::new());
        for instance in instances {
            let names = instance.attribute_names();
            for name in &names {
                if let Some(other) = makers.iter().find(|other| other.names.contains(name)) {
                    conflicts.warn(name, &other.instance.name, &instance.name);
                }
            }
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
            conflicts: Arc::clone(conflicts),
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
        if progress.states.is_empty() {
            invocation.times().begin(before);
        }
        loop {
            let waits = progress.waiting.is_some();
            let entered = progress.states.len() - usize::from(waits);
            let Some(Link { instance, .. }) = self.links.get(entered) else {
                invocation.times().enter(before);
                return Poll::Ready(Ok(()));
            };
            invocation.attributes().begin(setter(entered));
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
            for conflict in invocation.attributes().take_conflicts() {
                self.warn_of(&conflict);
            }
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
        // Hooks can replace a stream, and cannot make a whole response one.
        let mut is_streamed = call_result.stream(invocation).is_some();
        let mut before = ticks::now();
        invocation.times().leave(before);
        loop {
            let Some(last) = progress.last() else {
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
                    progress.leave(last, is_streamed);
                    continue;
                }
                if instance.counters.is_suspended() {
                    progress.leave(last, is_streamed);
                    if instance.counters.is_strict(Hook::PostInvocation) {
                        call_result.replace(refused(instance, Refusal::suspended()));
                        is_streamed =
                            is_streamed && self.is_still_streamed(invocation, progress, call_result);
                    }
                    continue;
                }
                let called = instance.post_invocation(invocation, call_result, state, is_streamed, context);
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
            progress.leave(last, is_streamed);
            if !apply_post(instance, invocation, call_result, returned) {
                before = ticks::now();
            }
            is_streamed = is_streamed && self.is_still_streamed(invocation, progress, call_result);
        }
    }

    /// Whether the response is still streamed after a post hook. If not, the stream ends for the links that are left.
    #[cold]
    fn is_still_streamed(
        &self,
        invocation: &Arc<Invocation>,
        progress: &mut HookProgress,
        call_result: &CallResult,
    ) -> bool {
        let is_streamed = call_result.stream(invocation).is_some();
        if !is_streamed {
            let end = StreamEnd {
                kind: StreamEndKind::Replaced,
                bytes: 0,
            };
            self.stream_ended(invocation, progress, &end);
        }
        is_streamed
    }

    /// Runs the hooks at the end of the stream, in reverse order, of the links whose post hooks saw a streamed response,
    /// and drops their states.
    pub fn stream_ended(&self, invocation: &Arc<Invocation>, progress: &mut HookProgress, end: &StreamEnd) {
        while progress.kept > 0 {
            progress.kept -= 1;
            let Some(mut state) = progress.states.pop() else {
                return;
            };
            let instance = &self.links[progress.states.len()].instance;
            instance.stream_ended(invocation, &mut state, end);
        }
    }

    /// Drops the future of the pre hook that waits, if any: it was not ready in time.
    pub(crate) fn give_up_entering(&self, invocation: &Invocation, progress: &mut HookProgress) {
        if let Some((instance, error)) = self.give_up(progress, false) {
            instance.failed(Hook::PreInvocation, invocation, &error);
        }
    }

    /// Drops the future of the post hook that waits, if any: it was not ready in time.
    pub(crate) fn give_up_leaving(
        &self,
        invocation: &Arc<Invocation>,
        progress: &mut HookProgress,
        call_result: &mut CallResult,
    ) {
        let is_streamed = call_result.stream(invocation).is_some();
        if let Some((instance, error)) = self.give_up(progress, is_streamed) {
            let is_strict = instance.counters.is_strict(Hook::PostInvocation);
            let failure = Failure::new(Hook::PostInvocation, error, is_strict);
            apply_post_failure(instance, invocation, call_result, failure);
            if is_streamed {
                self.is_still_streamed(invocation, progress, call_result);
            }
        }
    }

    fn give_up(&self, progress: &mut HookProgress, keeps_state: bool) -> Option<(&Instance, abi::Error)> {
        let error = progress.waiting.take()?.give_up();
        let last = progress.last()?;
        progress.leave(last, keeps_state);
        Some((&self.links[last].instance, error))
    }
}
