//! Workers that start: the first of a slot, and those that are to replace one.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::SupervisorError;
use super::ending::Ending;
use super::limits::ReachedLimit;
use super::phase::{Phase, SlotExit, stop};
use super::worker_process::WorkerProcess;
use super::worker_spec::WorkerSpec;
use crate::control::Ready;

/// A worker that starts.
pub(super) type Starting = Pin<Box<dyn Future<Output = Started> + Send>>;

pub(super) enum Started {
    Ready(Box<WorkerProcess>, Ready),
    Failed(SupervisorError),
    /// The host stopped meanwhile.
    Stopped(SlotExit),
}

/// Who waits for a replacement.
pub(super) type Replacing = oneshot::Sender<Result<(), SupervisorError>>;

/// A worker that starts while its predecessor serves.
pub(super) struct Successor {
    pub(super) starting: Starting,
    pub(super) spec: Arc<WorkerSpec>,
    /// `None` if it replaces an unhealthy worker, or one that has reached a limit.
    pub(super) replacing: Option<Replacing>,
    /// The limit that its predecessor has reached, if that is why.
    pub(super) reached: Option<ReachedLimit>,
    /// Only one worker of the host at a time is replaced for a limit.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Successor {
    /// Starts a successor.
    pub(super) fn start(ending: &Ending, spec: Arc<WorkerSpec>, replacing: Option<Replacing>) -> Self {
        Successor {
            starting: start(ending.clone(), Arc::clone(&spec)),
            spec,
            replacing,
            reached: None,
            _turn: None,
        }
    }

    /// Says why it starts, if that is a limit, and keeps the turn until it has started.
    pub(super) fn because(self, reached: Option<ReachedLimit>, turn: Option<OwnedSemaphorePermit>) -> Self {
        Successor {
            reached,
            _turn: turn,
            ..self
        }
    }
}

/// Starts a worker, which `ending` ends if the host stops meanwhile.
pub(super) fn start(mut ending: Ending, spec: Arc<WorkerSpec>) -> Starting {
    Box::pin(async move {
        let listener = match &*ending.phase.borrow() {
            Phase::Serving(listener) => listener.try_clone(),
            Phase::Draining(_) | Phase::Killing => return Started::Stopped(SlotExit::Clean),
        };
        let spawned = listener
            .map_err(|source| spec.spawn_error(ending.index, source))
            .and_then(|listener| WorkerProcess::spawn(&spec, ending.index, listener));
        let restarts = ending.starts.fetch_add(1, Ordering::Relaxed);
        let mut worker = match spawned {
            Ok(worker) => worker,
            Err(reason) => return Started::Failed(reason),
        };
        let started = tokio::select! {
            started = worker.start(&spec, restarts) => started,
            () = stop(&mut ending.phase) => return Started::Stopped(ending.terminate(worker).await),
        };
        match started {
            Ok(ready) => Started::Ready(Box::new(worker), ready),
            Err(reason) => {
                worker.kill().await;
                Started::Failed(reason)
            }
        }
    })
}

/// Waits until the successor has started, if there is one. Cancel-safe.
pub(super) async fn started(successor: &mut Option<Successor>) -> Started {
    match successor {
        Some(successor) => successor.starting.as_mut().await,
        None => std::future::pending().await,
    }
}
