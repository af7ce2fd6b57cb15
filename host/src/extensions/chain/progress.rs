//! How far a call has come through the hooks.

use std::task::{Context, Poll};

use funcdock_extension_api::driver::{Hook, Returned, State, WaitingHook};
use smallvec::SmallVec;

use crate::extensions::instance::Instance;
use crate::extensions::ticks;
use crate::model::Invocation;

/// How far a call has come through the hooks, and what its pre hooks hand to the later hooks.
#[derive(Default)]
pub struct HookProgress {
    /// The states of the links that are entered, in order. They are written and read in place, not moved. A hook that
    /// failed has no state: its later hooks do not run.
    pub(super) states: SmallVec<[State; 4]>,
    /// The number of states at the end that wait for the end of the stream: their links are left. 0 unless the response
    /// is streamed.
    pub(super) kept: usize,
    /// The hook of the last link that is entered and not left, if it waits.
    pub(super) waiting: Option<WaitingHook>,
}

impl HookProgress {
    /// Returns the index of the last link that is entered and not left.
    #[inline]
    pub(super) fn last(&self) -> Option<usize> {
        self.states.len().checked_sub(self.kept + 1)
    }

    /// Leaves the last link that is entered. Its state stays for the end of the stream, or is dropped.
    #[inline]
    pub(super) fn leave(&mut self, last: usize, keeps_state: bool) {
        if keeps_state {
            self.kept += 1;
        } else {
            self.states.truncate(last);
        }
    }

    /// Polls the hook of this instance that waits. Its future holds up other calls while it is polled, as the hook itself
    /// while it runs, so that counts as slow as well. `before` is now, and is set to the time after.
    #[inline(never)]
    pub(super) fn poll_waiting(
        &mut self,
        instance: &Instance,
        hook: Hook,
        invocation: &Invocation,
        before: &mut u64,
        context: &mut Context<'_>,
    ) -> Poll<Returned> {
        // A hook that waits is the last one that is entered and not left.
        let last = self.last();
        let state = last.and_then(|last| self.states.get_mut(last));
        let (Some(waiting), Some(state)) = (&mut self.waiting, state) else {
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
