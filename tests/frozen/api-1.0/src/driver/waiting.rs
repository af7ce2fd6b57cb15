//! A hook around a call from its call to its return, which it may leave to a future.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_ffi::FfiFuture;

use crate::abi;
use crate::border::future;

/// What came of calling a hook around a call.
pub enum HookCall {
    /// It returned.
    Returned(Returned),
    /// It waits.
    Waiting(WaitingHook),
}

/// What a hook around a call returned, at once or by a future.
pub struct Returned {
    pub(super) hook: abi::HookReturn,
    /// The address of the extension's descriptor.
    pub(super) extension: usize,
}

/// The state that a pre hook left for its post hook, or none.
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

    /// Whether there is no state.
    #[inline]
    pub fn is_none(&self) -> bool {
        self.slot.is_empty()
    }
}

/// A hook that has returned and left its decision to a future.
pub struct WaitingHook {
    /// What the hook itself returned.
    returned: Returned,
    future: FfiFuture<abi::HookReturn>,
}

impl HookCall {
    /// Polls what a hook that has just returned waits for, in the hook's own time.
    #[inline]
    pub(super) fn new(
        returned: Returned,
        future: Option<FfiFuture<abi::HookReturn>>,
        context: &mut Context<'_>,
    ) -> Self {
        match future {
            None => HookCall::Returned(returned),
            Some(future) => HookCall::first_poll(WaitingHook { returned, future }, context),
        }
    }

    /// Apart from the rest, as most hooks never wait.
    #[inline(never)]
    fn first_poll(mut waiting: WaitingHook, context: &mut Context<'_>) -> Self {
        match waiting.poll(context) {
            Poll::Ready(returned) => HookCall::Returned(returned),
            Poll::Pending => HookCall::Waiting(waiting),
        }
    }
}

impl WaitingHook {
    /// Polls the future. Not to be called again when it was ready.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Returned> {
        let waited = std::task::ready!(Pin::new(&mut self.future).poll(context));
        let nothing = future::without_state(abi::PreResult::Continue);
        let returned = std::mem::replace(&mut self.returned.hook, nothing);
        Poll::Ready(Returned {
            hook: combine(returned, waited),
            extension: self.returned.extension,
        })
    }

    /// Drops the future unfinished: it was not ready in time. Returns the error that counts as the hook's.
    pub fn give_up(self) -> abi::Error {
        drop(self);
        abi::Error::new(abi::ERROR_RUNTIME, "what it waits for did not come in time")
    }
}

/// Combines what a hook returned with what its future returned: the hook's own failure comes first.
fn combine(mut returned: abi::HookReturn, waited: abi::HookReturn) -> abi::HookReturn {
    if matches!(returned.result, abi::PreResult::Continue) {
        returned.result = waited.result;
        // A future that is only waited for leaves the hook's own state as it is.
        if !waited.state.is_empty() {
            returned.state = waited.state;
        }
    }
    returned
}
