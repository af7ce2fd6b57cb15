//! Workers that start: the first of a slot, and those that are to replace one.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::SupervisorError;
use super::ending::Ending;
use super::pace::Cause;
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

/// Why a worker is replaced.
#[derive(Debug)]
pub(super) enum Purpose {
    /// By an order, of somebody who waits for it.
    Order(Replacing),
    /// It is not as it should be.
    Cause(Cause),
}

/// A worker that starts while its predecessor serves.
pub(super) struct Successor {
    pub(super) starting: Starting,
    pub(super) spec: Arc<WorkerSpec>,
    pub(super) purpose: Purpose,
    /// Only one worker of the host at a time is replaced for a limit.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Successor {
    /// Starts a successor, which must load these functions.
    pub(super) fn start(
        ending: &Ending,
        spec: Arc<WorkerSpec>,
        must_load: BTreeSet<String>,
        purpose: Purpose,
    ) -> Self {
        Successor {
            starting: start(ending.clone(), Arc::clone(&spec), must_load),
            spec,
            purpose,
            _turn: None,
        }
    }

    /// Keeps the turn until it has started.
    pub(super) fn with_turn(self, turn: Option<OwnedSemaphorePermit>) -> Self {
        Successor { _turn: turn, ..self }
    }
}

/// Starts a worker, which `ending` ends if the host stops meanwhile. It has to load the functions in `must_load`.
pub(super) fn start(mut ending: Ending, spec: Arc<WorkerSpec>, must_load: BTreeSet<String>) -> Starting {
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
            started = worker.start(&spec, restarts, must_load) => started,
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
