//! The hooks around one function: built once, at load, from the extensions that have any for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use abi_stable::std_types::{RStr, Tuple2};
use async_ffi::FfiFuture;
use bytes::Bytes;
use funcdock_extension_api::abi;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use smallvec::SmallVec;

use super::hook::Hook;
use super::instance::Instance;
use super::services::{EndedCall, raw_invocation, raw_outcome};
use super::{ticks, waiting};
use crate::model::{Attribute, CallResult, Exception, HttpResponse, Invocation, Outcome};

/// The hooks around one function: pre hooks run in this order, post hooks in reverse.
#[derive(Default)]
pub struct HookChain {
    links: Box<[Link]>,
}

struct Link {
    instance: Arc<Instance>,
    has_post: bool,
    /// What the extension makes when it is asked for.
    attributes: Vec<RStr<'static>>,
}

/// How far a call has come through the hooks, and what its pre hooks hand to their post hooks.
#[derive(Default)]
pub struct HookProgress {
    /// One slot for each link that is entered, in order. An empty one belongs to a hook that failed: its post hook
    /// does not run.
    states: SmallVec<[abi::StateSlot; 4]>,
    /// The hook that was called last waits.
    waiting: Option<Waiting>,
}

/// What a hook came to: a post hook continues or fails.
type Settled = (abi::PreResult, abi::StateSlot);

/// A hook that waits: what it returned, and what that depends on.
struct Waiting {
    result: abi::PreResult,
    state: abi::StateSlot,
    future: FfiFuture<abi::Waited>,
}

impl HookChain {
    /// The chain of these instances, in order; those without a hook around calls are left out.
    pub(super) fn new(instances: impl IntoIterator<Item = Arc<Instance>>) -> Self {
        let links = instances
            .into_iter()
            .filter(|instance| instance.has(abi::HOOK_PRE_INVOCATION))
            .map(|instance| Link {
                has_post: instance.has(abi::HOOK_POST_INVOCATION),
                attributes: instance.attributes(),
                instance,
            })
            .collect();
        HookChain { links }
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
        let makers = self
            .links
            .iter()
            .rev()
            .filter(|link| link.attributes.iter().any(|made| made == name));
        makers
            .filter(|link| !link.instance.is_suspended())
            .find_map(|link| link.instance.attribute(invocation, name))
    }

    /// Returns the names of all attributes that hooks have set, and that extensions make.
    pub fn attribute_names(&self, invocation: &Invocation) -> Vec<String> {
        let mut names = invocation.attributes().names();
        let made = self.links.iter().flat_map(|link| &link.attributes);
        for name in made.map(RStr::as_str) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// How many extensions have hooks here.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there are no hooks at all.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Runs the pre hooks, from where `progress` is; pending where one waits. `Err` is how the call ended when one
    /// answered or refused: the function is not to be called, and the post hooks are still to run.
    pub fn poll_enter(
        &self,
        invocation: &Arc<Invocation>,
        progress: &mut HookProgress,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Outcome>> {
        if self.links.is_empty() {
            return Poll::Ready(Ok(()));
        }
        // The end of one hook is the beginning of the next: one reading of the clock a hook.
        let mut before = ticks::now();
        loop {
            let (result, state) = match ready!(self.poll_waiting(
                Hook::PreInvocation,
                invocation,
                progress,
                &mut before,
                context
            )) {
                Some(waited) => waited,
                None => {
                    let Some(Link { instance, .. }) = self.links.get(progress.states.len()) else {
                        return Poll::Ready(Ok(()));
                    };
                    if instance.is_suspended() {
                        if instance.has_strict_hook() {
                            return Poll::Ready(Err(suspended(instance)));
                        }
                        progress.states.push(abi::StateSlot::EMPTY);
                        continue;
                    }
                    let (raw, mut state) = (raw_invocation(invocation), abi::StateSlot::EMPTY);
                    let (mut result, waiting) = waiting::during(invocation, || {
                        // SAFETY: the instance is alive, the invocation is borrowed, and the slot is empty and ours.
                        unsafe { (instance.descriptor.pre_invocation())(instance.this, raw, &raw mut state) }
                    });
                    let ready = waiting
                        .is_none_or(|future| first_poll(future, &mut result, &mut state, progress, context));
                    let after = ticks::now();
                    instance.called(Hook::PreInvocation, after.saturating_sub(before), invocation);
                    before = after;
                    if !ready {
                        return Poll::Pending;
                    }
                    (result, state)
                }
            };
            let instance = &*self.links[progress.states.len()].instance;
            match settle_pre(instance, invocation, result, state) {
                Ok(state) => {
                    if state.drop.is_none() {
                        // It failed: what its record took is not the next one's doing.
                        before = ticks::now();
                    }
                    progress.states.push(state);
                }
                Err(outcome) => return Poll::Ready(Err(outcome)),
            }
        }
    }

    /// Runs the post hooks, in reverse order, of every pre hook that continued, from where `progress` is; pending
    /// where one waits.
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
            let waited = self.poll_waiting(Hook::PostInvocation, invocation, progress, &mut before, context);
            if let Some((result, _)) = ready!(waited) {
                let instance = &*self.links[progress.states.len()].instance;
                if !settle_post(instance, invocation, call_result, result) {
                    before = ticks::now();
                }
                continue;
            }
            let Some(mut state) = progress.states.pop() else {
                return Poll::Ready(());
            };
            let Link {
                instance, has_post, ..
            } = &self.links[progress.states.len()];
            if !has_post || state.drop.is_none() {
                continue;
            }
            if instance.is_suspended() {
                if instance.is_strict(Hook::PostInvocation) {
                    call_result.replace(suspended(instance));
                }
                continue;
            }
            let mut ended = EndedCall::new(invocation, call_result);
            let (raw, outcome) = (raw_invocation(invocation), raw_outcome(&mut ended));
            let (result, waiting) = waiting::during(invocation, || {
                // SAFETY: the instance is alive, both contexts are borrowed, and the slot is the one that this
                // instance's pre hook filled.
                unsafe {
                    (instance.descriptor.post_invocation())(instance.this, raw, outcome, &raw mut state)
                }
            });
            let mut result = match result {
                abi::HookResult::Ok => abi::PreResult::Continue,
                abi::HookResult::Error(error) => abi::PreResult::Error(error),
            };
            let ready =
                waiting.is_none_or(|future| first_poll(future, &mut result, &mut state, progress, context));
            let after = ticks::now();
            instance.called(Hook::PostInvocation, after.saturating_sub(before), invocation);
            before = after;
            if !ready {
                return Poll::Pending;
            }
            if !settle_post(instance, invocation, call_result, result) {
                before = ticks::now();
            }
        }
    }

    /// What the hook that waits comes to; `None` where none waits. Its future holds up other calls while it is polled,
    /// as the hook itself while it runs, so that counts as slow as well. `before` is now, and is set to the time after.
    #[inline]
    fn poll_waiting(
        &self,
        hook: Hook,
        invocation: &Invocation,
        progress: &mut HookProgress,
        before: &mut u64,
        context: &mut Context<'_>,
    ) -> Poll<Option<Settled>> {
        let Some(waiting) = &mut progress.waiting else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(&mut waiting.future).poll(context);
        let after = ticks::now();
        let instance = &self.links[progress.states.len()].instance;
        instance.polled(hook, after.saturating_sub(*before), invocation);
        *before = after;
        let waited = ready!(polled);
        Poll::Ready(progress.waiting.take().map(|mut waiting| {
            combine(&mut waiting.result, &mut waiting.state, waited);
            (waiting.result, waiting.state)
        }))
    }

    /// The pre hook that waits, if any, will not be waited for any longer.
    pub(crate) fn give_up_entering(&self, invocation: &Invocation, progress: &mut HookProgress) {
        if let Some((instance, error)) = self.give_up(progress) {
            instance.failed(Hook::PreInvocation, invocation, &error);
        }
    }

    /// The post hook that waits, if any, will not be waited for any longer.
    pub(crate) fn give_up_leaving(
        &self,
        invocation: &Invocation,
        progress: &mut HookProgress,
        call_result: &mut CallResult,
    ) {
        if let Some((instance, error)) = self.give_up(progress) {
            failed_post(instance, invocation, call_result, &error);
        }
    }

    fn give_up(&self, progress: &mut HookProgress) -> Option<(&Instance, abi::Error)> {
        progress.waiting.take()?;
        let error = abi::Error {
            kind: abi::ERROR_RUNTIME,
            message: "what it waits for did not come in time".into(),
        };
        Some((&self.links[progress.states.len()].instance, error))
    }
}

/// Polls what a hook that has just returned waits for, in its own time; `false` where it still waits, and otherwise
/// `result` and `state` are what it came to. Apart from the rest, as most hooks never wait.
#[inline(never)]
fn first_poll(
    mut future: FfiFuture<abi::Waited>,
    result: &mut abi::PreResult,
    state: &mut abi::StateSlot,
    progress: &mut HookProgress,
    context: &mut Context<'_>,
) -> bool {
    let polled = Pin::new(&mut future).poll(context);
    if let Poll::Ready(waited) = polled {
        combine(result, state, waited);
        return true;
    }
    progress.waiting = Some(Waiting {
        result: std::mem::replace(result, abi::PreResult::Continue),
        state: std::mem::replace(state, abi::StateSlot::EMPTY),
        future,
    });
    false
}

/// What a hook returned, with what it waited for: the hook's own failure comes first.
pub(super) fn combine(result: &mut abi::PreResult, state: &mut abi::StateSlot, waited: abi::Waited) {
    if matches!(result, abi::PreResult::Continue) {
        // A future that is only waited for leaves the hook's own state as it is.
        if waited.state.drop.is_some() {
            *state = waited.state;
        }
        *result = waited.result;
    }
}

/// What a pre hook came to: the state for its post hook, or the end of the call.
#[inline]
fn settle_pre(
    instance: &Instance,
    invocation: &Invocation,
    result: abi::PreResult,
    state: abi::StateSlot,
) -> Result<abi::StateSlot, Outcome> {
    match result {
        abi::PreResult::Continue => {
            instance.succeeded(Hook::PreInvocation);
            Ok(state)
        }
        abi::PreResult::Error(error) => {
            instance.failed(Hook::PreInvocation, invocation, &error);
            if instance.is_strict(Hook::PreInvocation) {
                return Err(failed(instance, Hook::PreInvocation, &error));
            }
            Ok(abi::StateSlot::EMPTY)
        }
        abi::PreResult::Respond(response) => {
            instance.succeeded(Hook::PreInvocation);
            Err(answered(instance, &response))
        }
        abi::PreResult::Fail(error) => {
            instance.succeeded(Hook::PreInvocation);
            instance.counters.pre_invocation.refused();
            Err(refused(instance, "Refused", error.message.to_string()))
        }
    }
}

/// What a post hook came to; returns whether it went well.
#[inline]
fn settle_post(
    instance: &Instance,
    invocation: &Invocation,
    call_result: &mut CallResult,
    result: abi::PreResult,
) -> bool {
    if let abi::PreResult::Error(error) = result {
        failed_post(instance, invocation, call_result, &error);
        return false;
    }
    instance.succeeded(Hook::PostInvocation);
    true
}

#[cold]
fn failed_post(
    instance: &Instance,
    invocation: &Invocation,
    call_result: &mut CallResult,
    error: &abi::Error,
) {
    instance.failed(Hook::PostInvocation, invocation, error);
    if instance.is_strict(Hook::PostInvocation) {
        call_result.replace(failed(instance, Hook::PostInvocation, error));
    }
}

fn answered(instance: &Instance, response: &abi::Response) -> Outcome {
    match http_response(response) {
        Ok(response) => {
            instance.counters.pre_invocation.answered();
            Outcome::Answered {
                extension: Arc::clone(&instance.name),
                response: Box::new(response),
            }
        }
        Err(problem) => {
            instance.counters.pre_invocation.refused();
            let message = format!("its answer cannot be sent: {problem}");
            refused(instance, "InvalidResponse", message)
        }
    }
}

#[cold]
fn failed(instance: &Instance, hook: Hook, error: &abi::Error) -> Outcome {
    let message = format!("{hook} failed, and no call goes on without it: {}", error.message);
    refused(instance, "HookFailed", message)
}

#[cold]
fn suspended(instance: &Instance) -> Outcome {
    let message = "it is suspended for its panics, and no call goes on without it";
    refused(instance, "Suspended", message.to_owned())
}

#[cold]
fn refused(instance: &Instance, type_name: &str, message: String) -> Outcome {
    let error = Exception {
        type_name: type_name.to_owned(),
        message,
        traceback: String::new(),
    };
    Outcome::Refused {
        extension: Arc::clone(&instance.name),
        error: Box::new(error),
    }
}

fn http_response(response: &abi::Response) -> Result<HttpResponse, String> {
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for Tuple2(name, value) in &response.headers {
        let (name, value) = header(name, value)?;
        headers.append(name, value);
    }
    Ok(HttpResponse {
        status: final_status(response.status)?,
        headers,
        body: Bytes::copy_from_slice(&response.body).into(),
    })
}

/// 1xx are steps on the way to an answer, not answers.
pub(super) fn final_status(status: u16) -> Result<StatusCode, String> {
    let code = StatusCode::from_u16(status).ok();
    code.filter(|status| status.as_u16() >= 200)
        .ok_or_else(|| format!("{status} is no final HTTP status"))
}

/// A header as an extension gave it.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let parsed = HeaderName::from_bytes(name.as_bytes());
    let parsed = parsed.map_err(|_| format!("{name:?} is no header name"))?;
    let value = HeaderValue::from_bytes(value.as_bytes());
    Ok((
        parsed,
        value.map_err(|_| format!("the value of header {name:?} is not valid"))?,
    ))
}
