//! Futures of hooks that wait, on their way to the host, which polls them.

use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use abi_stable::std_types::RBox;
use async_ffi::FfiFuture;

use super::guard::guarded;
use super::log;
use crate::abi;

/// Puts an author's future into its C form: panics of its `poll` and its destructor stop here, and its log records are
/// those of `invocation`, whose hook this thread is in. `finish` turns its output into what the hook returns.
pub(crate) fn to_ffi<F: Future + Send + 'static>(
    invocation: Option<abi::Invocation<'static>>,
    future: F,
    finish: impl FnOnce(F::Output) -> abi::HookReturn + Send + 'static,
) -> FfiFuture<abi::HookReturn> {
    FfiFuture::new(Guarded {
        future: ManuallyDrop::new(future),
        dropped: false,
        finish: Some(finish),
        invocation,
        polled: false,
    })
}

/// What a hook returns without a state.
pub(crate) fn without_state(result: abi::PreResult) -> abi::HookReturn {
    abi::HookReturn {
        result,
        state: abi::StateSlot::EMPTY,
    }
}

struct Guarded<F, D> {
    /// Dropped in place: by `poll` when it is ready, or else by our own `drop`.
    future: ManuallyDrop<F>,
    /// Whether `future` has been dropped.
    dropped: bool,
    finish: Option<D>,
    /// Alive from the first poll on, until this is dropped.
    invocation: Option<abi::Invocation<'static>>,
    polled: bool,
}

impl<F: Future, D: FnOnce(F::Output) -> abi::HookReturn> Future for Guarded<F, D> {
    type Output = abi::HookReturn;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<abi::HookReturn> {
        // SAFETY: only `future` is pinned, and nothing here moves it.
        let this = unsafe { self.get_unchecked_mut() };
        if this.dropped {
            // Polled after it was ready, which a host does not do.
            return Poll::Ready(without_state(abi::PreResult::Continue));
        }
        this.polled = true;
        let invocation = this.invocation;
        let poll = || {
            // SAFETY: it has not been dropped, and does not move until it is.
            let polled = unsafe { Pin::new_unchecked(&mut *this.future) }.poll(context);
            if polled.is_ready() {
                this.dropped = true;
                // SAFETY: dropped once and in place: `dropped` is set from here on, also when this panics.
                unsafe { ManuallyDrop::drop(&mut this.future) };
            }
            polled
        };
        match guarded(|| log::within(invocation, poll)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(match this.finish.take() {
                Some(finish) => finish(output),
                None => without_state(abi::PreResult::Continue),
            }),
            Err(panic) => Poll::Ready(without_state(abi::PreResult::Error(RBox::new(panic)))),
        }
    }
}

impl<F, D> Drop for Guarded<F, D> {
    fn drop(&mut self) {
        if self.dropped {
            return;
        }
        // An author may keep a future that no host ever gets, longer than its invocation lives.
        let invocation = self.invocation.filter(|_| self.polled).or_else(log::current);
        let drop = || {
            // SAFETY: dropped once and in place, as `dropped` was not set.
            unsafe { ManuallyDrop::drop(&mut self.future) }
        };
        // Nobody is left to report a panic of the destructor to.
        let _ = guarded(|| log::within(invocation, drop));
    }
}
