//! The progress of one call through the hooks and the runner.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::call_log;
use super::failure::{log_failure, log_stream_end};
use super::{LoadedFunction, Pipeline, RunnerCall, Ticket};
use crate::bindings::BindingError;
use crate::extensions::{HookProgress, ticks};
use crate::model::{CallResult, Data, Exception, Invocation, Outcome, StreamEnd, StreamEndKind};

/// A call in progress. Its progress is stored here and not in a future, so that the call can continue when the future
/// that drives it is dropped.
pub(super) struct Call<G: Send + Sync + 'static> {
    pipeline: Arc<Pipeline>,
    /// Dropped before the invocation, for which a waiting hook may still log on drop.
    progress: HookProgress,
    function: Arc<LoadedFunction>,
    invocation: Arc<Invocation>,
    stage: Stage,
    held: Option<(G, TaskTrackerToken)>,
    begun: Instant,
    /// The time when it times out.
    deadline: Option<Instant>,
    /// Whether nobody waits for the reply any more.
    detached: bool,
    /// Whether there is a record of its beginning, or none is wanted.
    is_begin_logged: bool,
}

enum Stage {
    /// In the pre hooks.
    PreHooks,
    /// Its inputs are read, by a task that goes on when nobody waits for it.
    Reading(JoinHandle<Result<Vec<(String, Data)>, BindingError>>),
    /// With the runner.
    Running(Ticket),
    /// What the function has put out is written, by such a task. Then this is the outcome.
    Writing(JoinHandle<Result<(), BindingError>>, Outcome),
    /// In the post hooks.
    PostHooks(CallResult),
    Ended,
}

impl<G: Send + Sync + 'static> Call<G> {
    pub(super) fn new(
        pipeline: &Arc<Pipeline>,
        function: Arc<LoadedFunction>,
        invocation: Arc<Invocation>,
        held: G,
    ) -> Self {
        function.counts.begin();
        let begun = Instant::now();
        Call {
            pipeline: Arc::clone(pipeline),
            progress: HookProgress::default(),
            function,
            invocation,
            stage: Stage::PreHooks,
            held: Some((held, pipeline.in_flight.token())),
            begun,
            deadline: pipeline.timeout.map(|limit| begun + limit),
            detached: false,
            is_begin_logged: !pipeline.logs_calls,
        }
    }

    /// Logs that the call begins, unless that was logged. A pre hook may start its trace, so this comes after them.
    fn log_begin(&mut self) {
        if !std::mem::replace(&mut self.is_begin_logged, true) {
            call_log::begun(&self.invocation);
        }
    }

    pub(super) fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    pub(super) fn function(&self) -> &Arc<LoadedFunction> {
        &self.function
    }

    pub(super) fn invocation(&self) -> &Arc<Invocation> {
        &self.invocation
    }

    /// Returns the time when it times out.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Drives the call to its end, or to the head of its response if that is streamed. Each part, up to the end of the function and after it, may take the full timeout.
    pub(super) async fn finish(&mut self) -> CallResult {
        if !matches!(self.stage, Stage::PostHooks(_) | Stage::Ended) {
            let outcome = match self.deadline.zip(self.pipeline.timeout) {
                None => self.run().await,
                Some((deadline, limit)) => {
                    let ended = tokio::time::timeout_at(deadline, self.run()).await;
                    ended.unwrap_or(Outcome::TimedOut(limit))
                }
            };
            self.end(outcome);
        }
        loop {
            let limit = self.pipeline.timeout;
            let left = poll_fn(|context| self.poll_post_hooks(context));
            match limit {
                None => return left.await,
                Some(limit) => match tokio::time::timeout(limit, left).await {
                    Ok(result) => return result,
                    Err(_) => self.give_up_post_hook(),
                },
            }
        }
    }

    /// Cancels the call, as far as that is possible: [`finish`](Self::finish) returns what it came to.
    pub(super) fn cancel(&mut self) {
        match &self.stage {
            Stage::PreHooks | Stage::Reading(_) => self.end(Outcome::Cancelled),
            Stage::Running(_) if !self.pipeline.runner.needs_thread(&self.function) => {
                self.invocation.give_up();
                self.pipeline.runner.give_up(&self.function, &self.invocation);
            }
            // It runs to its end.
            Stage::Running(_) | Stage::Writing(..) | Stage::PostHooks(_) | Stage::Ended => {}
        }
    }

    /// Runs the pre hooks and the function, and what its bindings need before and after it. Cancel-safe.
    async fn run(&mut self) -> Outcome {
        loop {
            match &mut self.stage {
                Stage::Running(ticket) => {
                    let outcome = self.pipeline.completions.waiters.wait(*ticket).await;
                    match self.begin_to_write(outcome) {
                        Some(outcome) => return outcome,
                        None => continue,
                    }
                }
                Stage::Reading(reading) => match done(reading.await) {
                    Ok(inputs) => self.invocation.set_bound(inputs),
                    Err(error) => return Outcome::Raised(error),
                },
                Stage::Writing(writing, outcome) => {
                    return match done((&mut *writing).await) {
                        Ok(()) => std::mem::replace(outcome, Outcome::Cancelled),
                        Err(error) => Outcome::Raised(error),
                    };
                }
                Stage::PreHooks => {
                    let entered = poll_fn(|context| {
                        let chain = &self.function.chain;
                        chain.poll_enter(&self.invocation, &mut self.progress, context)
                    });
                    if let Err(outcome) = entered.await {
                        return outcome;
                    }
                    self.log_begin();
                    if let Some(bindings) = &self.function.bindings
                        && bindings.has_inputs()
                    {
                        let reading = Arc::clone(bindings).read(Arc::clone(&self.invocation));
                        self.stage = Stage::Reading(tokio::spawn(reading));
                        continue;
                    }
                }
                // `finish` calls this before the post hooks only.
                Stage::PostHooks(_) | Stage::Ended => unreachable!("the function has ended"),
            }
            let ticket = self.pipeline.completions.waiters.open();
            self.stage = Stage::Running(ticket);
            self.invocation.times().queue(ticks::now());
            self.pipeline.invoke(self.runner_call(ticket));
        }
    }

    /// Begins to write what the function has put out; returns the outcome if there is nothing to write.
    fn begin_to_write(&mut self, outcome: Outcome) -> Option<Outcome> {
        let Some(bindings) = self.function.bindings.as_ref().filter(|it| it.has_outputs()) else {
            return Some(outcome);
        };
        let Outcome::Returned(returned) = &outcome else {
            return Some(outcome);
        };
        let writing = Arc::clone(bindings).write(Arc::clone(&self.invocation), returned.clone());
        self.stage = Stage::Writing(tokio::spawn(writing), outcome);
        None
    }

    fn runner_call(&self, ticket: Ticket) -> RunnerCall {
        RunnerCall {
            function: Arc::clone(&self.function),
            invocation: Arc::clone(&self.invocation),
            ticket,
        }
    }

    /// Handles the end of the function, or of the wait for it.
    fn end(&mut self, outcome: Outcome) {
        if matches!(outcome, Outcome::TimedOut(_) | Outcome::Cancelled) {
            self.invocation.give_up();
            match &self.stage {
                Stage::Running(ticket) => {
                    self.pipeline.completions.waiters.close(*ticket);
                    if matches!(outcome, Outcome::TimedOut(_)) {
                        self.pipeline.runner.give_up(&self.function, &self.invocation);
                    }
                }
                Stage::Reading(reading) => reading.abort(),
                Stage::Writing(writing, _) => writing.abort(),
                Stage::PreHooks | Stage::PostHooks(_) | Stage::Ended => {}
            }
        }
        let chain = &self.function.chain;
        chain.give_up_entering(&self.invocation, &mut self.progress);
        self.log_begin();
        if self.pipeline.logs_failures {
            log_failure(&self.invocation, &outcome);
        }
        let took = self.begun.elapsed();
        let waited = self.invocation.times().waited(ticks::now);
        let waited = waited.map(|waited| Duration::from_nanos(ticks::to_nanoseconds(waited)));
        self.function.counts.end(&outcome, took, waited);
        if self.pipeline.logs_calls {
            call_log::ended(&self.invocation, &outcome, took);
        }
        self.stage = Stage::PostHooks(CallResult::new(outcome));
    }

    /// Ends a call whose response was streamed: runs the hooks at the end of the stream, and releases what the call holds.
    pub(super) fn stream_ended(mut self, end: StreamEnd) {
        log_stream_end(&self.invocation, &end);
        let chain = &self.function.chain;
        chain.stream_ended(&self.invocation, &mut self.progress, &end);
    }

    /// Ends a call whose result nobody gets any more. The function makes nothing of a stream.
    fn discard(self, result: CallResult, kind: StreamEndKind) {
        if result.stream(&self.invocation).is_some() {
            drop(result);
            self.stream_ended(StreamEnd { kind, bytes: 0 });
        }
    }

    fn poll_post_hooks(&mut self, context: &mut Context<'_>) -> Poll<CallResult> {
        if let Stage::PostHooks(result) = &mut self.stage {
            let chain = &self.function.chain;
            ready!(chain.poll_leave(&self.invocation, &mut self.progress, result, context));
        }
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::PostHooks(result) => Poll::Ready(result),
            // `finish` calls this after `end`, and not again after it was ready.
            Stage::PreHooks | Stage::Reading(_) | Stage::Running(_) | Stage::Writing(..) | Stage::Ended => {
                unreachable!("post hooks run after the function has ended, and once")
            }
        }
    }

    /// Gives up a waiting post hook whose time is over. The others still run.
    fn give_up_post_hook(&mut self) {
        if let Stage::PostHooks(result) = &mut self.stage {
            let chain = &self.function.chain;
            chain.give_up_leaving(&self.invocation, &mut self.progress, result);
        }
    }
}

/// Returns what a task of the bindings came to. A panic of it is printed, and fails the call.
fn done<T>(ended: Result<Result<T, BindingError>, tokio::task::JoinError>) -> Result<T, Box<Exception>> {
    match ended {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(Box::new(Exception {
            type_name: "BindingError".to_owned(),
            message: "the host has failed to read or write the function's bindings: see its log".to_owned(),
            traceback: String::new(),
        })),
    }
}

impl<G: Send + Sync + 'static> Drop for Call<G> {
    fn drop(&mut self) {
        if matches!(self.stage, Stage::Ended) {
            return;
        }
        let mut rest = Call {
            pipeline: Arc::clone(&self.pipeline),
            progress: std::mem::take(&mut self.progress),
            function: Arc::clone(&self.function),
            invocation: Arc::clone(&self.invocation),
            stage: std::mem::replace(&mut self.stage, Stage::Ended),
            held: self.held.take(),
            begun: self.begun,
            deadline: self.deadline,
            detached: true,
            is_begin_logged: self.is_begin_logged,
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.detached => {
                if let Some(departure) = rest.invocation.departure() {
                    departure.leave();
                }
                runtime.spawn(async move {
                    let result = rest.finish().await;
                    rest.discard(result, StreamEndKind::ClientLeft);
                });
            }
            // The worker ends with this call in flight.
            _ => {
                if !matches!(rest.stage, Stage::PostHooks(_) | Stage::Ended) {
                    rest.end(Outcome::Cancelled);
                }
                let context = &mut Context::from_waker(Waker::noop());
                let result = loop {
                    match rest.poll_post_hooks(context) {
                        Poll::Ready(result) => break result,
                        Poll::Pending => rest.give_up_post_hook(),
                    }
                };
                rest.discard(result, StreamEndKind::Cancelled);
            }
        }
    }
}
