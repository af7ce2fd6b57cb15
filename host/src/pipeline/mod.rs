//! The pipeline of every call, whatever triggered it: pre hooks, the runner, post hooks.
//!
//! A trigger [starts](Pipeline::call) a call with a [`Start`], and gets the
//! [`CallResult`] from which it makes its own reply.

mod call;
mod call_log;
mod completions;
mod counts;
mod failure;
mod function;
mod runner;
mod stream;
mod waiters;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::model::{CallResult, Invocation, Start, StreamEndKind};
use call::Call;

pub use completions::{Completions, WorkerHold};
pub use counts::{BOUNDS, Counts, CountsNow, DurationsNow, ENDINGS};
pub use function::LoadedFunction;
pub use runner::{FunctionRunner, RunnerCall};
pub use waiters::Ticket;

/// Takes calls through the hooks and the runner.
pub struct Pipeline {
    runner: Arc<dyn FunctionRunner>,
    completions: Arc<Completions>,
    timeout: Option<Duration>,
    in_flight: TaskTracker,
    /// Whether the calls that still run are given up.
    cancelled: CancellationToken,
    turn: Turn,
    logs_calls: bool,
    logs_failures: bool,
}

/// The calls that the runner got in this turn of the event loop.
#[derive(Default)]
struct Turn {
    calls: AtomicU32,
    ends: Notify,
}

/// The number of calls after which the runner begins within a turn, so that the first does not wait for the last.
const CALLS_A_FLUSH: u32 = 8;

impl Pipeline {
    /// Returns a pipeline around this runner, which puts outcomes into `completions`. A call may take `timeout` (`None`:
    /// no limit). `in_flight` counts the calls until the last has ended.
    pub fn new(
        runner: Arc<dyn FunctionRunner>,
        completions: Arc<Completions>,
        timeout: Option<Duration>,
        in_flight: TaskTracker,
    ) -> Self {
        Pipeline {
            runner,
            completions,
            timeout,
            in_flight,
            cancelled: CancellationToken::new(),
            turn: Turn::default(),
            logs_calls: false,
            logs_failures: true,
        }
    }

    /// Has the beginning and the end of each call logged.
    pub fn with_call_log(self) -> Self {
        Pipeline {
            logs_calls: true,
            ..self
        }
    }

    /// Leaves it to whoever starts calls to log those that fail.
    pub fn without_failure_log(self) -> Self {
        Pipeline {
            logs_failures: false,
            ..self
        }
    }

    /// Spawns the tasks that hand outcomes to the calls that wait for them, and let the runner begin with the calls of
    /// each turn of the event loop. Called once, within the runtime of the one thread that makes the calls.
    pub fn drive(self: &Arc<Self>) {
        let pipeline = Arc::clone(self);
        tokio::spawn(async move { pipeline.completions.deliver().await });
        let pipeline = Arc::clone(self);
        tokio::spawn(async move { pipeline.flush_each_turn().await });
    }

    /// Calls a function and returns how it ended, after all post hooks ran.
    ///
    /// If the response is streamed, the call goes on until its frames have been read to their end, or are dropped.
    ///
    /// If the returned future is dropped (the client disconnected), the call still runs to its end, and its post hooks see
    /// that end. `held` is kept until the end: it is a permit that limits the number of calls.
    pub async fn call<G>(
        self: &Arc<Self>,
        function: Arc<LoadedFunction>,
        start: Start,
        held: G,
    ) -> (Arc<Invocation>, CallResult)
    where
        G: Send + Sync + 'static,
    {
        let invocation = Invocation::new(Arc::clone(&function.info), start);
        let mut call = Call::new(self, function, Arc::clone(&invocation), held);
        let result = call.finish().await;
        if result.stream(&invocation).is_some() {
            stream::follow(call, &result);
        }
        (invocation, result)
    }

    /// Calls a function as [`call`](Self::call) does, and cancels the call when `cancelled` ends: unless its function runs on
    /// a thread, which nothing can end.
    pub async fn call_until<G>(
        self: &Arc<Self>,
        function: Arc<LoadedFunction>,
        start: Start,
        held: G,
        cancelled: impl Future<Output = ()>,
    ) -> (Arc<Invocation>, CallResult)
    where
        G: Send + Sync + 'static,
    {
        let invocation = Invocation::new(Arc::clone(&function.info), start);
        let mut call = Call::new(self, function, Arc::clone(&invocation), held);
        let result = tokio::select! {
            biased;
            result = call.finish() => result,
            () = cancelled => {
                call.cancel();
                call.finish().await
            }
        };
        if result.stream(&invocation).is_some() {
            stream::follow(call, &result);
        }
        (invocation, result)
    }

    /// Ends running calls as far as the runner can, with their outcomes soon after, and begins no more. Ends the streams of
    /// responses.
    pub fn cancel(&self) {
        self.cancelled.cancel();
        self.runner.cancel();
    }

    /// Returns what runs the functions.
    pub(crate) fn runner(&self) -> &dyn FunctionRunner {
        &*self.runner
    }

    /// Whether another call would begin at once.
    pub(crate) fn has_idle_place(&self) -> bool {
        self.runner.has_idle_place()
    }

    /// Whether the calls that still run are given up.
    fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// Waits until a streamed response with this deadline is given up; returns the reason.
    async fn given_up(&self, deadline: Option<Instant>) -> StreamEndKind {
        let Some((deadline, limit)) = deadline.zip(self.timeout) else {
            self.cancelled.cancelled().await;
            return StreamEndKind::Cancelled;
        };
        match tokio::time::timeout_at(deadline, self.cancelled.cancelled()).await {
            Ok(()) => StreamEndKind::Cancelled,
            Err(_) => StreamEndKind::TimedOut(limit),
        }
    }

    async fn flush_each_turn(&self) {
        loop {
            // A task that is woken during a turn runs after those that were ready before it.
            self.turn.ends.notified().await;
            self.flush();
        }
    }

    fn invoke(&self, call: RunnerCall) {
        self.runner.invoke(call);
        match self.turn.calls.fetch_add(1, Ordering::Relaxed) + 1 {
            1 => self.turn.ends.notify_one(),
            CALLS_A_FLUSH => self.flush(),
            _ => {}
        }
    }

    fn flush(&self) {
        if self.turn.calls.swap(0, Ordering::Relaxed) > 0 {
            self.runner.flush();
        }
    }
}
