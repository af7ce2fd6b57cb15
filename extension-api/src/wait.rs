//! Hooks that wait: futures on their way to the host, which polls them instead of blocking a thread.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use abi_stable::std_types::RBox;
use async_ffi::FfiFuture;

use crate::context::too_old;
use crate::guard::guarded;
use crate::{Error, Flow, Result, abi, flow, log, shim};

/// A decision that a pre hook has not taken yet; see [`Flow::wait`].
pub struct Wait<State> {
    future: FfiFuture<abi::Waited>,
    /// The address of the invocation whose hook made it: the one that the host keeps alive while it polls.
    made_in: Option<usize>,
    state: PhantomData<fn() -> State>,
}

impl<State: Send + 'static> Wait<State> {
    pub(crate) fn new(future: impl Future<Output = Result<Flow<State>>> + Send + 'static) -> Self {
        let decided = |flow| {
            let mut state = abi::StateSlot::EMPTY;
            let result = flow::into_abi(flow, None, |value| shim::put_state(&mut state, value));
            abi::Waited { result, state }
        };
        let invocation = log::current();
        Wait {
            future: FfiFuture::new(Guarded::new(invocation, future, decided)),
            made_in: invocation.map(address),
            state: PhantomData,
        }
    }

    /// Gives the future to the host.
    pub(crate) fn register(self, invocation: abi::Invocation) -> Result<()> {
        if self.made_in != Some(address(invocation)) {
            return Err(Error::msg(
                "Flow::wait was called outside of the hook that returns it: make the future where it is returned",
            ));
        }
        register(invocation, self.future)
    }
}

fn address(invocation: abi::Invocation) -> usize {
    invocation.this.addr()
}

/// The future of a hook that only has to be over.
pub(crate) fn done(
    invocation: abi::Invocation,
    future: impl Future<Output = Result<()>> + Send + 'static,
) -> FfiFuture<abi::Waited> {
    let over = |result: Result<()>| match result {
        Ok(()) => waited(abi::PreResult::Continue),
        Err(error) => waited(abi::PreResult::Error(RBox::new(error.into_abi()))),
    };
    FfiFuture::new(Guarded::new(Some(invocation), future, over))
}

/// Gives the host a future to poll.
pub(crate) fn register(invocation: abi::Invocation, future: FfiFuture<abi::Waited>) -> Result<()> {
    let wait = invocation.functions.wait().ok_or_else(too_old)?;
    // SAFETY: the caller is in a hook of this invocation.
    unsafe { wait(invocation.this, future) }
        .into_result()
        .map_err(Error::from_abi)
}

fn waited(result: abi::PreResult) -> abi::Waited {
    abi::Waited {
        result,
        state: abi::StateSlot::EMPTY,
    }
}

/// An author's future: panics of its `poll` and its destructor stop here, and its log records are the invocation's.
struct Guarded<F, D> {
    /// Dropped in place: by `poll` when it is ready, or else by our own `drop`.
    future: ManuallyDrop<F>,
    /// Whether it has been dropped.
    over: bool,
    decided: Option<D>,
    /// Alive from the first poll on, until this is dropped.
    invocation: Option<abi::Invocation>,
    polled: bool,
}

// SAFETY: the border's types in it may change threads: the host's functions may be called from any.
unsafe impl<F: Send, D: Send> Send for Guarded<F, D> {}

impl<F, D> Guarded<F, D> {
    /// The invocation is that of the hook which this thread is in.
    fn new(invocation: Option<abi::Invocation>, future: F, decided: D) -> Self {
        Guarded {
            future: ManuallyDrop::new(future),
            over: false,
            decided: Some(decided),
            invocation,
            polled: false,
        }
    }
}

impl<F: Future, D: FnOnce(F::Output) -> abi::Waited> Future for Guarded<F, D> {
    type Output = abi::Waited;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<abi::Waited> {
        // SAFETY: only `future` is pinned, and nothing here moves it.
        let this = unsafe { self.get_unchecked_mut() };
        if this.over {
            // Polled after it was ready, which a host does not do.
            return Poll::Ready(waited(abi::PreResult::Continue));
        }
        this.polled = true;
        let invocation = this.invocation;
        let poll = || {
            // SAFETY: it has not been dropped, and stays where it is until it is.
            let polled = unsafe { Pin::new_unchecked(&mut *this.future) }.poll(context);
            if polled.is_ready() {
                this.over = true;
                // SAFETY: dropped once, where it lies: `over` says so from here on, also when this panics.
                unsafe { ManuallyDrop::drop(&mut this.future) };
            }
            polled
        };
        match guarded(|| log::within(invocation, poll)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(match this.decided.take() {
                Some(decided) => decided(output),
                None => waited(abi::PreResult::Continue),
            }),
            Err(panic) => Poll::Ready(waited(abi::PreResult::Error(RBox::new(panic)))),
        }
    }
}

impl<F, D> Drop for Guarded<F, D> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // An author may hold on to a future that no host ever gets, longer than its invocation lives.
        let invocation = self.invocation.filter(|_| self.polled).or_else(log::current);
        let drop = || {
            // SAFETY: dropped once, here, where it lies, as `over` tells.
            unsafe { ManuallyDrop::drop(&mut self.future) }
        };
        // A destructor that panics has nobody to tell.
        let _ = guarded(|| log::within(invocation, drop));
    }
}
