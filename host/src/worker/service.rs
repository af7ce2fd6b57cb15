//! The worker's serving thread: its triggers and the pipeline, from the start to the last call.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::pipeline::{Completions, FunctionRunner, LoadedFunction, Pipeline};
use crate::triggers::{Calls, Trigger, TriggerFuture};

/// What calls get to end in when they are cancelled. Small: a synchronous function cannot be, and uses all of it up.
const CANCEL_GRACE: Duration = Duration::from_millis(250);

/// Triggers that serve, on a thread of their own.
pub(super) struct Service {
    thread: JoinHandle<bool>,
    drain: oneshot::Sender<Duration>,
}

impl Service {
    /// Starts the triggers, each with the functions that it serves. A call may take `timeout` (`None`: forever).
    pub(super) fn start(
        functions: &[Arc<LoadedFunction>],
        triggers: Vec<Box<dyn Trigger>>,
        runner: Arc<dyn FunctionRunner>,
        completions: Arc<Completions>,
        timeout: Option<Duration>,
    ) -> Result<Self, String> {
        let tasks = TaskTracker::new();
        let drain = CancellationToken::new();
        let pipeline = Arc::new(Pipeline::new(runner, completions, timeout, tasks.clone()));
        let calls = Calls::new(Arc::clone(&pipeline), tasks.clone(), drain.clone());
        // One thread: it outruns the GIL, and tasks that stay on one thread wake each other for nothing.
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot make an event loop: {error}"))?;
        let serving = {
            let _runtime = runtime.enter();
            start_triggers(functions, triggers, &calls)?
        };
        let (order, ordered) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("serving".to_owned())
            .spawn(move || {
                let in_time = runtime.block_on(run(serving, pipeline, tasks, drain, ordered));
                // A flush that blocks must not cost the others their shutdown.
                runtime.shutdown_background();
                in_time
            });
        let thread = thread.map_err(|error| format!("cannot start the serving thread: {error}"))?;
        Ok(Service { thread, drain: order })
    }

    /// Ends the triggers, and waits for what they have begun. Calls that still run at the deadline are given up:
    /// cancelled where the language can, and their post hooks run with the outcome `Cancelled`. Returns whether all
    /// ended in time.
    pub(super) fn drain(self, deadline: Duration) -> bool {
        // Sending fails only when the thread has panicked, and has printed so.
        let _ = self.drain.send(deadline);
        self.thread.join().unwrap_or(false)
    }
}

/// Starts each trigger with the functions that it is the first to serve.
fn start_triggers(
    functions: &[Arc<LoadedFunction>],
    triggers: Vec<Box<dyn Trigger>>,
    calls: &Calls,
) -> Result<Vec<TriggerFuture>, String> {
    let mut served: Vec<Vec<Arc<LoadedFunction>>> = triggers.iter().map(|_| Vec::new()).collect();
    for function in functions {
        let kind = &function.info.trigger;
        match triggers.iter().position(|trigger| trigger.serves(kind)) {
            Some(index) => served[index].push(Arc::clone(function)),
            None => tracing::warn!(
                "function {:?} is never called: {kind} is not supported yet",
                function.info.name
            ),
        }
    }
    let needed = triggers
        .into_iter()
        .zip(served)
        .filter(|(trigger, functions)| trigger.serves_more() || !functions.is_empty());
    let started = needed.map(|(trigger, functions)| {
        let name = trigger.name();
        let started = trigger.start(functions, calls.clone());
        started.map_err(|error| format!("{name}: {error}"))
    });
    started.collect()
}

/// Serves until told to drain, and drains; returns whether all ended in time. Calls that are left then are dropped with
/// the runtime, which runs their post hooks; a thread of a function that goes on is not waited for.
async fn run(
    serving: Vec<TriggerFuture>,
    pipeline: Arc<Pipeline>,
    tasks: TaskTracker,
    drain: CancellationToken,
    ordered: oneshot::Receiver<Duration>,
) -> bool {
    pipeline.drive();
    for trigger in serving {
        tasks.spawn(trigger);
    }
    let deadline = ordered.await.unwrap_or_default();
    drain.cancel();
    tasks.close();
    let ended = tokio::time::timeout(deadline, tasks.wait()).await.is_ok();
    if !ended {
        tracing::warn!("the time to finish is over; what still runs is given up (see --drain-timeout)");
        pipeline.cancel();
        // What has not ended by then is dropped with the runtime.
        let _ = tokio::time::timeout(CANCEL_GRACE, tasks.wait()).await;
    }
    ended
}
