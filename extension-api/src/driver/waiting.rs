//! A hook around a call from its call to its return, which it may leave to a future.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_ffi::FfiFuture;

use crate::abi;

/// What came of calling a hook around a call.
pub enum HookCall {
    /// It returned.
    Returned(Returned),
    /// It waits.
    Waiting(WaitingHook),
}

/// What a hook around a call returned, at once or by a future. Its state is not here: it is written where it stays.
pub struct Returned(pub(super) abi::PreResult);

/// The state that a pre hook left for the later hooks of its call, or none.
pub struct State {
    pub(super) slot: abi::StateSlot,
    /// The address of the descriptor of the extension that made it, and alone can take it.
    pub(super) extension: usize,
}

impl State {
    /// No state: the pre hook failed, or was not called.
    pub const NONE: State = State {
        slot: abi::StateSlot::EMPTY,
        extension: 0,
    };

    /// Whether the pre hook failed, or was not called.
    #[inline]
    pub fn is_none(&self) -> bool {
        self.slot.is_empty()
    }
}

/// A hook that has returned and left its decision to a future.
pub struct WaitingHook {
    /// What the hook itself returned.
    returned: abi::PreResult,
    future: FfiFuture<abi::HookReturn>,
    /// The address of the descriptor of the extension.
    extension: usize,
}

impl HookCall {
    /// Polls what a hook that has just returned waits for, in the hook's own time.
    #[inline]
    pub(super) fn new(
        returned: abi::PreResult,
        future: Option<FfiFuture<abi::HookReturn>>,
        extension: usize,
        state: &mut State,
        context: &mut Context<'_>,
    ) -> Self {
        match future {
            None => HookCall::Returned(Returned(returned)),
            Some(future) => {
                let waiting = WaitingHook {
                    returned,
                    future,
                    extension,
                };
                waiting.first_poll(state, context)
            }
        }
    }
}

impl WaitingHook {
    /// Apart from the rest, as most hooks never wait.
    #[inline(never)]
    fn first_poll(mut self, state: &mut State, context: &mut Context<'_>) -> HookCall {
        match self.poll(state, context) {
            Poll::Ready(returned) => HookCall::Returned(returned),
            Poll::Pending => HookCall::Waiting(self),
        }
    }

    /// Polls the future; `state` is the one that the hook was called with. Not to be called again when it was ready.
    pub fn poll(&mut self, state: &mut State, context: &mut Context<'_>) -> Poll<Returned> {
        let waited = std::task::ready!(Pin::new(&mut self.future).poll(context));
        let returned = std::mem::replace(&mut self.returned, abi::PreResult::Continue);
        // The hook's own failure comes first.
        if !matches!(returned, abi::PreResult::Continue) {
            return Poll::Ready(Returned(returned));
        }
        // A future that is only waited for leaves the hook's own state as it is.
        if !waited.state.is_empty() {
            *state = State {
                slot: waited.state,
                extension: self.extension,
            };
        }
        Poll::Ready(Returned(waited.result))
    }

    /// Drops the future unfinished: it was not ready in time. Returns the error that counts as the hook's.
    pub fn give_up(self) -> abi::Error {
        drop(self);
        abi::Error::new(abi::ERROR_RUNTIME, "what it waits for did not come in time")
    }
}
