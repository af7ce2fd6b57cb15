//! The hooks around one function: built once, at load, from the extensions that have any for it.

use std::sync::Arc;

use abi_stable::std_types::Tuple2;
use bytes::Bytes;
use funcdock_extension_api::abi;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use smallvec::SmallVec;

use super::instance::Instance;
use super::services::{raw_invocation, raw_outcome};
use super::ticks;
use crate::invocation::{Exception, HttpResponse, Invocation, Outcome};

/// The hooks around one function: pre hooks run in this order, post hooks in reverse.
#[derive(Default)]
pub struct HookChain {
    links: Box<[Link]>,
}

struct Link {
    instance: Arc<Instance>,
    has_post: bool,
}

/// A call that went through the pre hooks: what they hand to their post hooks.
///
/// Must be given back to [`HookChain::leave`]; otherwise the states are dropped and no post hook runs.
#[must_use = "the post hooks of this call are still to run"]
pub struct Entered {
    /// One slot a link, in order. An empty one belongs to a hook that failed: its post hook does not run.
    states: SmallVec<[abi::StateSlot; 4]>,
}

impl HookChain {
    /// The chain of these instances, in order; those without a hook around calls are left out.
    pub(super) fn new(instances: impl IntoIterator<Item = Arc<Instance>>) -> Self {
        let links = instances
            .into_iter()
            .filter(|instance| instance.has(abi::HOOK_PRE_INVOCATION));
        HookChain {
            links: links
                .map(|instance| Link {
                    has_post: instance.has(abi::HOOK_POST_INVOCATION),
                    instance,
                })
                .collect(),
        }
    }

    /// How many extensions have hooks here.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there are no hooks at all.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Runs the pre hooks. `Err` is how the call ended when one answered or refused: the function is not to be
    /// called, and the post hooks that were due have run.
    pub fn enter(&self, invocation: &Invocation) -> Result<Entered, Outcome> {
        let mut entered = Entered {
            states: SmallVec::new(),
        };
        if self.links.is_empty() {
            return Ok(entered);
        }
        let raw = raw_invocation(invocation);
        // The end of one hook is the beginning of the next: one reading of the clock a hook.
        let mut before = ticks::now();
        for link in &self.links {
            let instance = &*link.instance;
            let mut state = abi::StateSlot::EMPTY;
            // SAFETY: the instance is alive, the invocation is borrowed, and the slot is empty and ours.
            let result =
                unsafe { (instance.descriptor.pre_invocation())(instance.this, raw, &raw mut state) };
            let after = ticks::now();
            instance
                .counters
                .pre_invocation
                .called(after.wrapping_sub(before));
            before = after;
            match result {
                abi::PreResult::Continue => entered.states.push(state),
                abi::PreResult::Error(error) => {
                    entered.states.push(abi::StateSlot::EMPTY);
                    instance
                        .counters
                        .pre_invocation
                        .failed(error.kind == abi::ERROR_PANIC);
                    report(instance, "pre_invocation", invocation, &error);
                }
                abi::PreResult::Respond(response) => {
                    let outcome = answered(instance, &response);
                    self.leave(entered, invocation, &outcome);
                    return Err(outcome);
                }
                abi::PreResult::Fail(error) => {
                    let outcome = refused(instance, "Refused", error.message.to_string());
                    self.leave(entered, invocation, &outcome);
                    return Err(outcome);
                }
            }
        }
        Ok(entered)
    }

    /// Runs the post hooks, in reverse order, of every pre hook that continued.
    pub fn leave(&self, mut entered: Entered, invocation: &Invocation, outcome: &Outcome) {
        if entered.states.is_empty() {
            return;
        }
        let (raw, raw_outcome) = (raw_invocation(invocation), raw_outcome(outcome));
        let mut before = ticks::now();
        for (link, state) in self.links.iter().zip(&mut entered.states).rev() {
            if !link.has_post || state.drop.is_none() {
                continue;
            }
            let instance = &*link.instance;
            // SAFETY: the instance is alive, both contexts are borrowed, and the slot is the one that this
            // instance's pre hook filled.
            let result = unsafe {
                (instance.descriptor.post_invocation())(instance.this, raw, raw_outcome, &raw mut *state)
            };
            let after = ticks::now();
            instance
                .counters
                .post_invocation
                .called(after.wrapping_sub(before));
            before = after;
            if let abi::HookResult::Error(error) = result {
                instance
                    .counters
                    .post_invocation
                    .failed(error.kind == abi::ERROR_PANIC);
                report(instance, "post_invocation", invocation, &error);
            }
        }
    }
}

#[cold]
fn report(instance: &Instance, hook: &str, invocation: &Invocation, error: &abi::Error) {
    tracing::error!(
        extension = %instance.name,
        function = invocation.function().info.name,
        invocation = invocation.id(),
        "{hook} failed: {}", error.message
    );
}

fn answered(instance: &Instance, response: &abi::Response) -> Outcome {
    match http_response(response) {
        Ok(response) => Outcome::Answered {
            extension: Arc::clone(&instance.name),
            response: Box::new(response),
        },
        Err(problem) => refused(
            instance,
            "InvalidResponse",
            format!("its answer cannot be sent: {problem}"),
        ),
    }
}

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
    // 1xx are steps on the way to an answer, not answers.
    let status = StatusCode::from_u16(response.status)
        .ok()
        .filter(|status| status.as_u16() >= 200);
    let status = status.ok_or_else(|| format!("{} is no final HTTP status", response.status))?;
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for Tuple2(name, value) in &response.headers {
        let parsed_name = HeaderName::from_bytes(name.as_bytes());
        let parsed_name = parsed_name.map_err(|_| format!("{name:?} is no header name"))?;
        let value = HeaderValue::from_bytes(value.as_bytes());
        headers.append(
            parsed_name,
            value.map_err(|_| format!("the value of header {name:?} is not valid"))?,
        );
    }
    Ok(HttpResponse {
        status,
        headers,
        body: Bytes::copy_from_slice(&response.body),
    })
}
