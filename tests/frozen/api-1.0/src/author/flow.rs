//! What a pre hook decides, at once or later.

use std::fmt;
use std::marker::PhantomData;

use abi_stable::std_types::RBox;
use async_ffi::FfiFuture;

use super::error::{Error, Result};
use super::response::Response;
use crate::abi;
use crate::border::{future, log, slot};

/// What happens after a pre hook.
#[non_exhaustive]
pub enum Flow<State = ()> {
    /// Go on. The post hook gets this state.
    Continue(State),
    /// Do not call the function, and send this response. The post hooks of extensions before this one still run.
    Respond(Response),
    /// Do not call the function: the invocation fails with this error (HTTP 500, logged).
    Fail(Error),
    /// Not decided yet; see [`Flow::wait`].
    Wait(Wait<State>),
}

impl<State: Send + 'static> Flow<State> {
    /// Leaves the decision to a future, which the host polls: waiting blocks no thread. It is polled within a tokio
    /// runtime of the host's, not of the extension's: what it awaits brings its own, such as a channel's receiver
    /// that a thread of the extension sends to. The host drops it unfinished when the invocation times out.
    ///
    /// To set attributes once it knows more, let it keep an [`Invocation::handle`](crate::Invocation::handle).
    pub fn wait(future: impl Future<Output = Result<Flow<State>>> + Send + 'static) -> Self {
        Flow::Wait(Wait::new(future))
    }
}

impl<State: fmt::Debug> fmt::Debug for Flow<State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flow::Continue(state) => f.debug_tuple("Continue").field(state).finish(),
            Flow::Respond(response) => f.debug_tuple("Respond").field(response).finish(),
            Flow::Fail(error) => f.debug_tuple("Fail").field(error).finish(),
            Flow::Wait(_) => f.write_str("Wait"),
        }
    }
}

/// A decision that a pre hook has not taken yet; see [`Flow::wait`].
pub struct Wait<State> {
    future: FfiFuture<abi::HookReturn>,
    /// The address of the invocation whose hook made it: the one that the host keeps alive while it polls.
    made_in: Option<usize>,
    state: PhantomData<fn() -> State>,
}

impl<State: Send + 'static> Wait<State> {
    fn new(future: impl Future<Output = Result<Flow<State>>> + Send + 'static) -> Self {
        let finish = |flow| {
            let mut state = abi::StateSlot::EMPTY;
            let result = into_abi(flow, None, |value| slot::put(&mut state, value));
            abi::HookReturn { result, state }
        };
        let invocation = log::current();
        Wait {
            future: future::to_ffi(invocation, future, finish),
            made_in: invocation.map(address),
            state: PhantomData,
        }
    }

    /// Gives the future to the host.
    fn register(self, invocation: abi::Invocation<'_>) -> Result<()> {
        if self.made_in != Some(address(invocation)) {
            return Err(Error::msg(
                "Flow::wait was called outside of the hook that returns it: make the future where it is returned",
            ));
        }
        invocation
            .wait(self.future)
            .into_result()
            .map_err(Error::from_abi)
    }
}

fn address(invocation: abi::Invocation<'_>) -> usize {
    invocation.this().addr()
}

/// Puts a pre hook's result into its border form: `keep` gets the state of `Continue`, the host gets a future.
/// `invocation` is the one whose hook this is; `None` if this is the result of a future.
pub(crate) fn into_abi<S: Send + 'static>(
    result: Result<Flow<S>>,
    invocation: Option<abi::Invocation<'_>>,
    keep: impl FnOnce(S),
) -> abi::PreResult {
    match result {
        Ok(Flow::Wait(wait)) => {
            let registered = match invocation {
                Some(invocation) => wait.register(invocation),
                None => Err(Error::msg(
                    "a future that waits returned Flow::wait: await the second future in the first",
                )),
            };
            match registered {
                Ok(()) => abi::PreResult::Continue,
                Err(error) => abi::PreResult::Error(RBox::new(error.into_abi())),
            }
        }
        Ok(Flow::Continue(state)) => {
            keep(state);
            abi::PreResult::Continue
        }
        Ok(Flow::Respond(response)) => abi::PreResult::Respond(RBox::new(response.into_abi())),
        Ok(Flow::Fail(error)) => abi::PreResult::Fail(RBox::new(error.into_abi())),
        Err(error) => abi::PreResult::Error(RBox::new(error.into_abi())),
    }
}
