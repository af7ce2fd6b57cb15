//! The way of every call: pre hooks, the runner, post hooks.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Ending, FunctionInfo, HttpRequest, Invocation, Outcome};
use crate::extensions::{HookChain, Passage};
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
    /// When the returned future is dropped (the client went away), the call goes on to its end all the same,
    /// and its post hooks see that end. `held` is kept until then: what limits how many calls there are.
    pub async fn call<G>(
        self: &Arc<Self>,
        function: Arc<LoadedFunction>,
        request: Option<HttpRequest>,
        held: G,
    ) -> Ending
    where
        G: Send + Sync + 'static,
    {
        let mut call = Call {
            pipeline: Arc::clone(self),
            invocation: Invocation::new(function, request),
            passage: Passage::default(),
            stage: Stage::Entering,
            held: Some((held, self.in_flight.token())),
            ends: self.timeout.map(|limit| Instant::now() + limit),
            detached: false,
        };
        call.finish().await
    }
}

/// A call on its way. How far it has come lies here and not in a future, so that it can go on when the future
/// that drives it is dropped.
struct Call<G: Send + Sync + 'static> {
    pipeline: Arc<Pipeline>,
    /// Before the invocation, which what waits in here may still log for when it is dropped.
    passage: Passage,
    invocation: Arc<Invocation>,
    stage: Stage,
    held: Option<(G, TaskTrackerToken)>,
    /// When it times out.
    ends: Option<Instant>,
    /// Nobody waits for the answer any more.
    detached: bool,
}

enum Stage {
    /// In the pre hooks.
    Entering,
    /// With the runner.
    Invoked,
    /// In the post hooks.
    Leaving(Ending),
    /// Ended.
    Over,
}

impl<G: Send + Sync + 'static> Call<G> {
    /// Drives the call to its end. Each part, before and after the end of the function, may take the time-out.
    async fn finish(&mut self) -> Ending {
        if matches!(self.stage, Stage::Entering | Stage::Invoked) {
            let outcome = match self.ends.zip(self.pipeline.timeout) {
                None => self.run().await,
                Some((ends, limit)) => {
                    let ended = tokio::time::timeout_at(ends, self.run()).await;
                    ended.unwrap_or(Outcome::TimedOut(limit))
                }
            };
            self.end(outcome);
        }
        loop {
            let limit = self.pipeline.timeout;
            let left = poll_fn(|context| self.poll_leave(context));
            match limit {
                None => return left.await,
                Some(limit) => match tokio::time::timeout(limit, left).await {
                    Ok(ending) => return ending,
                    Err(_) => self.give_up_waiting(),
                },
            }
        }
    }

    /// The pre hooks and the function.
    async fn run(&mut self) -> Outcome {
        if matches!(self.stage, Stage::Entering) {
            let entered = poll_fn(|context| {
                let chain = &self.invocation.function.chain;
                chain.poll_enter(&self.invocation, &mut self.passage, context)
            });
            if let Err(outcome) = entered.await {
                return outcome;
            }
            self.stage = Stage::Invoked;
            self.pipeline.invoke(&self.invocation);
        }
        self.invocation.completed().await
    }

    /// The function has ended, or will not be waited for.
    fn end(&mut self, outcome: Outcome) {
        if matches!(outcome, Outcome::TimedOut(_) | Outcome::Cancelled) {
            self.invocation.abandon();
        }
        if matches!((&self.stage, &outcome), (Stage::Invoked, Outcome::TimedOut(_))) {
            let function = self.invocation.function.index;
            self.pipeline
                .runner
                .give_up(function, Arc::clone(&self.invocation));
        }
        let chain = &self.invocation.function.chain;
        chain.give_up_entering(&self.invocation, &mut self.passage);
        log_failure(&self.invocation, &outcome);
        self.stage = Stage::Leaving(Ending::new(&self.invocation, outcome));
    }

    fn poll_leave(&mut self, context: &mut Context<'_>) -> Poll<Ending> {
        if let Stage::Leaving(ending) = &mut self.stage {
            let chain = &self.invocation.function.chain;
            ready!(chain.poll_leave(&self.invocation, &mut self.passage, ending, context));
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Leaving(ending) => Poll::Ready(ending),
            // `finish` comes here after `end`, and no more once this was ready.
            Stage::Entering | Stage::Invoked | Stage::Over => {
                unreachable!("the call has not ended, or twice")
            }
        }
    }

    /// The post hook that waits has used up its time: the others run.
    fn give_up_waiting(&mut self) {
        if let Stage::Leaving(ending) = &mut self.stage {
            let chain = &self.invocation.function.chain;
            chain.give_up_leaving(&self.invocation, &mut self.passage, ending);
        }
    }
}

impl<G: Send + Sync + 'static> Drop for Call<G> {
    fn drop(&mut self) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        let mut rest = Call {
            pipeline: Arc::clone(&self.pipeline),
            invocation: Arc::clone(&self.invocation),
            passage: std::mem::take(&mut self.passage),
            stage: std::mem::replace(&mut self.stage, Stage::Over),
            held: self.held.take(),
            ends: self.ends,
            detached: true,
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.detached => {
                runtime.spawn(async move {
                    rest.finish().await;
                });
            }
            // The worker ends with this call in flight.
            _ => {
                if matches!(rest.stage, Stage::Entering | Stage::Invoked) {
                    rest.end(Outcome::Cancelled);
                }
                while rest
                    .poll_leave(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
                {
                    rest.give_up_waiting();
                }
            }
        }
    }
}

/// One record for a call that did not end well.
fn log_failure(invocation: &Invocation, outcome: &Outcome) {
    let mut traceback = None;
    let message = match outcome {
        Outcome::Returned(_) | Outcome::Answered { .. } => return,
        Outcome::Raised(exception) => {
            traceback = Some(exception.traceback.as_str());
            format!(
                "the function raised {}: {}",
                exception.type_name, exception.message
            )
        }
        Outcome::Refused { extension, error } => {
            format!("extension {extension:?} refused the call: {}", error.message)
        }
        Outcome::TimedOut(limit) => format!("timed out after {limit:?} (functionTimeout in host.json)"),
        Outcome::Cancelled => "given up: the worker stops and the function still runs".to_owned(),
    };
    let function = invocation.function().info.name.as_str();
    let (id, trace) = (invocation.id(), invocation.trace_ids());
    let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
    // The level is part of the call site.
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                function,
                invocation = id,
                trace_id,
                span_id,
                traceback,
                "{message}"
            )
        };
    }
    match outcome {
        Outcome::Cancelled => log!(warn),
        _ => log!(error),
    }
}
