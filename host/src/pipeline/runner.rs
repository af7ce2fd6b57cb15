//! The pipeline's interface to a language runtime.

use std::sync::Arc;
use std::time::Duration;

use super::{LoadedFunction, Ticket};
use crate::extensions::{ExtensionReport, ticks};
use crate::model::{Exception, Invocation};

/// A call for the runner.
#[derive(Clone)]
pub struct RunnerCall {
    /// The function; its index is its place among those that the runner has indexed.
    pub function: Arc<LoadedFunction>,
    /// The call's data.
    pub invocation: Arc<Invocation>,
    /// The ticket for its [outcome](crate::pipeline::Completions::push).
    pub ticket: Ticket,
}

impl RunnerCall {
    /// Takes note that the call waits no more: its function begins on this thread.
    #[inline]
    pub fn begin(&self) {
        self.invocation.times().start(ticks::now());
    }
}

/// Runs functions: the border between the pipeline and a language runtime.
///
/// [`extensions`](Self::extensions) is called before there are calls, [`begin_stop`](Self::begin_stop) and
/// [`shut_down`](Self::shut_down) when the worker stops. All other methods are called from the thread that
/// serves triggers, and must not block.
///
/// A response may have a body that the function makes while it is sent: a [`Body::Stream`](crate::model::Body::Stream). If
/// the function raises meanwhile, its frames end with an [`Exception`](crate::model::Exception) as the error. When the frames
/// are dropped (the client left, or the call was given up), the function is to make no more of them.
pub trait FunctionRunner: Send + Sync + 'static {
    /// Takes a call. The runner calls [`RunnerCall::begin`] when it begins it, and reports its end with [`Completions::push`](crate::pipeline::Completions::push). It need not
    /// begin before [`flush`](Self::flush).
    fn invoke(&self, call: RunnerCall);

    /// Whether calls of this function take one of the [threads](Self::threads) each. They do by default.
    fn needs_thread(&self, _function: &LoadedFunction) -> bool {
        true
    }

    /// Returns how many calls on threads run at once in any case; there is no limit by default. The runner may run more while
    /// these wait for something.
    fn threads(&self) -> usize {
        usize::MAX
    }

    /// Returns why this function could not be loaded, which is how each of its calls ends.
    fn failure(&self, _function: &LoadedFunction) -> Option<&Exception> {
        None
    }

    /// Begins the calls taken since the last flush. Called after each turn of the event loop with calls, and within a turn
    /// after every few calls: waking a thread costs more than most of the work before it.
    fn flush(&self);

    /// Ends a call that took too long, as far as the language can. Nobody waits for its outcome any more. It may have
    /// ended meanwhile, or not begun.
    fn give_up(&self, _function: &Arc<LoadedFunction>, _invocation: &Arc<Invocation>) {}

    /// Handles that the time of a call is over which had begun to stream its response. The frames were dropped before; it
    /// may have ended.
    fn give_up_stream(&self, _function: &Arc<LoadedFunction>, _invocation: &Arc<Invocation>) {}

    /// Whether another call would begin at once, and not wait for the end of one that runs.
    fn has_idle_place(&self) -> bool {
        true
    }

    /// Returns the number of calls that wait for the end of others. From any thread.
    fn waiting(&self) -> usize {
        0
    }

    /// Ends running calls as far as the language can, with their outcomes soon after, and begins no more.
    fn cancel(&self) {}

    /// Tells the app that the worker is about to stop, before its last calls end. Called from the thread of
    /// [`shut_down`](Self::shut_down).
    fn begin_stop(&self) {}

    /// Ends what the runtime runs beside calls, after the last call. Unlike the others, it is called from a thread of its
    /// own, and may block for this time.
    fn shut_down(&self, _time: Duration) {}

    /// Returns the extensions that the runtime itself runs around functions.
    fn extensions(&self) -> Vec<ExtensionReport> {
        Vec::new()
    }
}
