//! The worker's serving thread: its triggers and the pipeline, from the start to the last call.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Health;
use crate::pipeline::{Completions, FunctionRunner, LoadedFunction, Pipeline};
use crate::triggers::{Calls, Trigger, TriggerFuture};

/// The time for cancelled calls to end. Short, because a synchronous function cannot be cancelled and uses all of it.
const CANCEL_GRACE: Duration = Duration::from_millis(250);

/// Serving triggers, on their own thread.
pub(super) struct Service {
    thread: JoinHandle<bool>,
    drain: oneshot::Sender<Duration>,
    pulse: Pulse,
}

/// The pulse of the serving thread.
#[derive(Debug, Clone)]
pub struct Pulse(Handle);

impl Pulse {
    /// Waits until the serving thread has shown that it goes on; returns `false` if it has ended.
    pub async fn beat(&self) -> bool {
        self.0.spawn(async {}).await.is_ok()
    }
}

/// What a worker logs.
#[derive(Debug, Clone, Copy)]
pub(super) struct WorkerLogging {
    /// Whether the beginning and the end of each call are logged.
    pub(super) calls: bool,
    /// Whether calls that fail are logged.
    pub(super) failures: bool,
    /// Whether it is the first worker, which logs what is so in all of them.
    pub(super) is_first: bool,
    /// Who sets the time for calls to finish.
    pub(super) drain_limit: &'static str,
}

impl Service {
    /// Starts the triggers, each with the functions that it serves. A call may take `timeout` (`None`: no limit).
    pub(super) fn start(
        functions: &[Arc<LoadedFunction>],
        triggers: Vec<Box<dyn Trigger>>,
        runner: Arc<dyn FunctionRunner>,
        completions: Arc<Completions>,
        timeout: Option<Duration>,
        logging: WorkerLogging,
        health: Health,
    ) -> Result<Self, String> {
        let tasks = completions.in_flight().clone();
        let drain = CancellationToken::new();
        let mut pipeline = Pipeline::new(runner, completions, timeout, tasks.clone());
        if logging.calls {
            pipeline = pipeline.with_call_log();
        }
        if !logging.failures {
            pipeline = pipeline.without_failure_log();
        }
        let pipeline = Arc::new(pipeline);
        let calls = Calls::new(Arc::clone(&pipeline), tasks.clone(), drain.clone());
        // One thread is faster than the GIL, and tasks on one thread wake each other at no cost.
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot make an event loop: {error}"))?;
        let serving = {
            let _runtime = runtime.enter();
            start_triggers(functions, triggers, &calls, logging.is_first)?
        };
        let (order, ordered) = oneshot::channel();
        let pulse = Pulse(runtime.handle().clone());
        let thread = std::thread::Builder::new()
            .name("serving".to_owned())
            .spawn(move || {
                let alarm = Alarm(health);
                let in_time = runtime.block_on(run(
                    serving,
                    pipeline,
                    tasks,
                    drain,
                    ordered,
                    logging.drain_limit,
                    &alarm.0,
                ));
                // A flush that blocks must not prevent the shutdown of the others.
                runtime.shutdown_background();
                in_time
            });
        let thread = thread.map_err(|error| format!("cannot start the serving thread: {error}"))?;
        Ok(Service {
            thread,
            drain: order,
            pulse,
        })
    }

    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Ends the triggers, and waits for their calls. Calls that still run at the deadline are given up: they are cancelled
    /// if the language can, and their post hooks run with the outcome `Cancelled`. Returns whether all ended in time.
    pub(super) fn drain(self, deadline: Duration) -> bool {
        // Sending fails only when the thread has panicked, which is printed.
        let _ = self.drain.send(deadline);
        self.thread.join().unwrap_or(false)
    }
}

/// Reports a panic of the serving thread.
struct Alarm(Health);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the thread that serves requests has panicked", "");
        }
    }
}

/// Starts the triggers. Each function goes to the first trigger that serves it.
fn start_triggers(
    functions: &[Arc<LoadedFunction>],
    triggers: Vec<Box<dyn Trigger>>,
    calls: &Calls,
    is_first: bool,
) -> Result<Vec<TriggerFuture>, String> {
    let mut served: Vec<Vec<Arc<LoadedFunction>>> = triggers.iter().map(|_| Vec::new()).collect();
    for function in functions {
        let kind = &function.info.trigger;
        match triggers.iter().position(|trigger| trigger.serves(kind)) {
            Some(index) => served[index].push(Arc::clone(function)),
            // One worker says so for all of them.
            None if !is_first => {}
            None => {
                let article = if kind.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) {
                    "an"
                } else {
                    "a"
                };
                tracing::warn!(
                    "function {name:?} has {article} {kind}, which this host does not serve: nothing calls it but \
                     POST /admin/functions/{name}; Microsoft's Functions host serves it",
                    name = function.info.name
                );
            }
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

/// Serves until the order to drain, then drains. `limit` says who sets the time for that. Returns whether all calls ended in
/// time. The remaining calls are dropped with the runtime, which runs their post hooks. It does not wait for threads of
/// functions that still run.
async fn run(
    serving: Vec<TriggerFuture>,
    pipeline: Arc<Pipeline>,
    tasks: TaskTracker,
    drain: CancellationToken,
    ordered: oneshot::Receiver<Duration>,
    limit: &str,
    health: &Health,
) -> bool {
    pipeline.drive();
    for trigger in serving {
        let health = health.clone();
        tasks.spawn(async move {
            if let Err(error) = trigger.await {
                health.fail(&error, "");
            }
        });
    }
    let deadline = ordered.await.unwrap_or_default();
    drain.cancel();
    tasks.close();
    let ended = tokio::time::timeout(deadline, tasks.wait()).await.is_ok();
    if !ended {
        tracing::warn!("the time to finish is over; what still runs is given up ({limit})");
        pipeline.cancel();
        // Calls that have not ended by then are dropped with the runtime.
        let _ = tokio::time::timeout(CANCEL_GRACE, tasks.wait()).await;
    }
    ended
}
