//! What the decision of a hook does to the call.

use std::sync::Arc;

use abi_stable::std_types::RBox;
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{Failure, Hook, PreDecision, Refusal, Returned, State, post_decision};

use crate::extensions::instance::Instance;
use crate::extensions::tables;
use crate::model::{CallResult, Exception, Invocation, Outcome};

/// Applies the decision of a pre hook; `Err` is how the call ended. A state for the post hook exists only if it
/// continued.
#[inline]
pub(super) fn apply_pre(
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
pub(super) fn apply_post(
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
pub(super) fn apply_post_failure(
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
pub(super) fn refused(instance: &Instance, refusal: Refusal) -> Outcome {
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
