//! What the return of a hook around a call means for the call.

use abi_stable::std_types::RBox;

use super::hook::Hook;
use super::waiting::{Returned, State};
use crate::abi;

/// What a pre hook decided.
pub enum PreDecision {
    /// Go on. The post hook gets the state.
    Continue,
    /// Do not call the function, and send this response.
    Respond(RBox<abi::Response>),
    /// Do not call the function: the hook refused the call.
    Refuse(Refusal),
    /// The hook failed: its post hook does not run.
    Failed(Failure),
}

/// A hook around a call failed.
pub struct Failure {
    /// What it returned, or its panic.
    pub error: abi::Error,
    /// How the call ends, if the hook is strict. Otherwise the call goes on.
    pub refusal: Option<Refusal>,
}

/// Why a call is not served: an outcome of kind `OUTCOME_REFUSED`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The type of the exception that hooks see.
    pub type_name: &'static str,
    /// Its message.
    pub message: String,
}

impl PreDecision {
    /// Reads the return of a pre hook, which is strict or not. Drops the state unless the hook continues.
    #[inline]
    pub fn new(returned: Returned, state: &mut State, is_strict: bool) -> Self {
        match returned.0 {
            abi::PreResult::Continue => PreDecision::Continue,
            ended => PreDecision::ended(ended, state, is_strict),
        }
    }

    #[cold]
    fn ended(result: abi::PreResult, state: &mut State, is_strict: bool) -> Self {
        *state = State::NONE;
        match result {
            abi::PreResult::Continue => PreDecision::Continue,
            abi::PreResult::Respond(response) => PreDecision::Respond(response),
            abi::PreResult::Fail(error) => PreDecision::Refuse(Refusal {
                type_name: "Refused",
                message: RBox::into_inner(error).message.into(),
            }),
            abi::PreResult::Error(error) => PreDecision::Failed(Failure::new(
                Hook::PreInvocation,
                RBox::into_inner(error),
                is_strict,
            )),
        }
    }
}

/// Reads the return of a post hook, which is strict or not.
///
/// # Errors
/// The hook failed.
#[inline]
pub fn post_decision(returned: Returned, is_strict: bool) -> Result<(), Failure> {
    match returned.0 {
        abi::PreResult::Error(error) => Err(Failure::new(
            Hook::PostInvocation,
            RBox::into_inner(error),
            is_strict,
        )),
        _ => Ok(()),
    }
}

impl Failure {
    /// A hook failed with this error.
    #[cold]
    pub fn new(hook: Hook, error: abi::Error, is_strict: bool) -> Self {
        let refusal = is_strict.then(|| Refusal {
            type_name: "HookFailed",
            message: format!("{hook} failed, and no call goes on without it: {}", error.message),
        });
        Failure { error, refusal }
    }
}

impl Refusal {
    /// The response of a pre hook is not valid.
    #[cold]
    pub fn invalid_response(problem: &str) -> Self {
        Refusal {
            type_name: "InvalidResponse",
            message: format!("its answer cannot be sent: {problem}"),
        }
    }

    /// A strict hook is not called, because the extension is suspended.
    #[cold]
    pub fn suspended() -> Self {
        Refusal {
            type_name: "Suspended",
            message: "it is suspended for its panics, and no call goes on without it".to_owned(),
        }
    }
}
