//! The way of every call: pre hooks, the runner, post hooks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{FunctionInfo, HttpRequest, Invocation, Outcome};
use crate::extensions::{Entered, HookChain};
use crate::runner::FunctionRunner;

/// A function that can be called: its facts and the hooks around it.
pub struct LoadedFunction {
    /// Its index among the app's functions, as the runner knows it.
    pub index: usize,
    /// Its facts.
    pub info: FunctionInfo,
    /// The hooks around it.
    pub chain: HookChain,
}

/// Takes calls through the hooks and the runner.
pub struct Pipeline {
    runner: Arc<dyn FunctionRunner>,
    timeout: Option<Duration>,
    in_flight: TaskTracker,
    turn: Turn,
}

/// The calls that the runner was given in this turn of the event loop.
#[derive(Default)]
struct Turn {
    calls: AtomicU32,
    ends: Notify,
}

/// After so many calls the runner begins even though the turn goes on: the first should not wait for the last.
const CALLS_A_FLUSH: u32 = 8;

impl Pipeline {
    /// A pipeline around this runner; a call may take `timeout` (none: forever). `in_flight` is what to wait
    /// for until the last call has ended.
    pub fn new(runner: Arc<dyn FunctionRunner>, timeout: Option<Duration>, in_flight: TaskTracker) -> Self {
        Pipeline {
            runner,
            timeout,
            in_flight,
            turn: Turn::default(),
        }
    }

    /// Lets the runner begin with the calls of each turn of the event loop, for ever. One task a pipeline runs
    /// this, on the thread that makes the calls.
    pub async fn flush_each_turn(&self) {
        loop {
            // Woken in the middle of a turn, a task runs after those that were ready before it.
            self.turn.ends.notified().await;
            self.flush();
        }
    }

    fn invoke(&self, invocation: &Arc<Invocation>) {
        self.runner
            .invoke(invocation.function.index, Arc::clone(invocation));
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

    /// Calls `function` and returns how it ended, after all post hooks ran.
    ///
    /// When the returned future is dropped (the client went away), the function runs to its end all the
    /// same, and its post hooks see that end. `held` is kept until then: what limits how many calls there are.
    pub async fn call<G>(
        &self,
        function: Arc<LoadedFunction>,
        request: Option<HttpRequest>,
        held: G,
    ) -> Outcome
    where
        G: Send + Sync + 'static,
    {
        let invocation = Arc::new(Invocation::new(function, request));
        let function = &invocation.function;
        let entered = match function.chain.enter(&invocation) {
            Ok(entered) => entered,
            Err(outcome) => {
                log_failure(&invocation, &outcome);
                return outcome;
            }
        };
        let mut running = Running {
            call: Some(Call {
                invocation: Arc::clone(&invocation),
                entered,
                _held: (held, self.in_flight.token()),
            }),
            timeout: self.timeout,
            detached: false,
        };
        self.invoke(&invocation);
        let outcome = running.outcome().await;
        running.finish(&outcome);
        outcome
    }
}

/// A call that is with the runner.
struct Running<G: Send + Sync + 'static> {
    call: Option<Call<G>>,
    timeout: Option<Duration>,
    /// Nobody waits for the outcome any more but the post hooks.
    detached: bool,
}

struct Call<G> {
    invocation: Arc<Invocation>,
    entered: Entered,
    _held: (G, TaskTrackerToken),
}

impl<G: Send + Sync + 'static> Running<G> {
    async fn outcome(&self) -> Outcome {
        let Some(Call { invocation, .. }) = &self.call else {
            return Outcome::Cancelled;
        };
        match self.timeout {
            None => invocation.completed().await,
            Some(limit) => match tokio::time::timeout(limit, invocation.completed()).await {
                Ok(outcome) => outcome,
                Err(_) => Outcome::TimedOut(limit),
            },
        }
    }

    fn finish(&mut self, outcome: &Outcome) {
        if let Some(Call {
            invocation,
            entered,
            _held,
        }) = self.call.take()
        {
            if matches!(outcome, Outcome::TimedOut(_) | Outcome::Cancelled) {
                invocation.abandon();
            }
            log_failure(&invocation, outcome);
            invocation.function.chain.leave(entered, &invocation, outcome);
        }
    }
}

impl<G: Send + Sync + 'static> Drop for Running<G> {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        let mut running = Running {
            call: Some(call),
            timeout: self.timeout,
            detached: true,
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.detached => {
                runtime.spawn(async move {
                    let outcome = running.outcome().await;
                    running.finish(&outcome);
                });
            }
            // The worker ends with this call in flight.
            _ => running.finish(&Outcome::Cancelled),
        }
    }
}

/// One record for a call that did not end well.
fn log_failure(invocation: &Invocation, outcome: &Outcome) {
    let function = invocation.function().info.name.as_str();
    let id = invocation.id();
    match outcome {
        Outcome::Returned(_) | Outcome::Answered { .. } => {}
        Outcome::Raised(exception) => {
            let (type_name, message) = (&exception.type_name, &exception.message);
            tracing::error!(
                function,
                invocation = id,
                traceback = exception.traceback,
                "the function raised {type_name}: {message}"
            );
        }
        Outcome::Refused { extension, error } => {
            tracing::error!(
                function,
                invocation = id,
                "extension {extension:?} refused the call: {}",
                error.message
            );
        }
        Outcome::TimedOut(limit) => {
            tracing::error!(
                function,
                invocation = id,
                "timed out after {limit:?} (functionTimeout in host.json)"
            );
        }
        Outcome::Cancelled => {
            tracing::warn!(
                function,
                invocation = id,
                "given up: the worker stops and the function still runs"
            );
        }
    }
}
