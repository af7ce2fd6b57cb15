//! A worker slot: starts a worker process, restarts it when it dies, and ends the last one.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::SupervisorError;
use super::backoff::{Backoff, Next};
use super::worker_process::{WorkerEvent, WorkerProcess, WorkerSpec};
use crate::control::{Question, Ready, Reply, SupervisorMessage, WorkerMessage};
use crate::sys::describe_exit;

/// The time between the drain deadline of a worker and its kill.
const GRACE: Duration = Duration::from_secs(2);

/// The phase of the host, the same for all slots. It only moves forward.
#[derive(Debug)]
pub(super) enum Phase {
    /// Serving from these sockets, one a worker, which close at the end of this phase. Workers hold duplicates.
    Serving(Vec<TcpListener>),
    /// Finishing the calls in flight until this time.
    Draining(Instant),
    /// Killing the workers.
    Killing,
}

/// An event of a slot.
#[derive(Debug)]
pub(super) enum SlotEvent {
    /// The worker is ready.
    Ready(u32, Ready),
    /// The worker has exited, or could not be started.
    Exited(u32),
    /// The worker has a question for all others.
    PeerRequest { asker: u32, id: u64, question: Question },
    /// The worker replies to another one.
    PeerReply {
        worker: u32,
        asker: u32,
        id: u64,
        reply: Reply,
    },
    /// The statistics of the worker's extensions.
    Statistics(u32, Value),
}

/// How a slot ended.
#[derive(Debug)]
pub(super) enum SlotExit {
    /// The host stopped, and the worker finished its work.
    Clean,
    /// The host stopped, but the worker was killed or failed.
    Forced,
    /// The worker cannot be started.
    Failed(SupervisorError),
}

/// One slot.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) index: u32,
    pub(super) spec: Arc<WorkerSpec>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) events: mpsc::UnboundedSender<SlotEvent>,
    /// Messages for the worker.
    pub(super) messages: mpsc::Receiver<SupervisorMessage>,
}

/// How one worker of a slot ended.
enum WorkerExit {
    /// The host stopped.
    Stopped(SlotExit),
    /// The worker died or could not be started.
    Died {
        /// How long it was ready; `None` if never.
        ready_for: Option<Duration>,
        reason: SupervisorError,
    },
}

impl Slot {
    /// Keeps a worker running until the host stops serving.
    pub(super) async fn run(mut self) -> SlotExit {
        let mut backoff = Backoff::default();
        loop {
            let exit = self.run_worker().await;
            self.report(SlotEvent::Exited(self.index));
            let (ready_for, reason) = match exit {
                WorkerExit::Stopped(exit) => return exit,
                WorkerExit::Died { ready_for, reason } => (ready_for, reason),
            };
            let delay = match backoff.died(ready_for) {
                Next::Restart(delay) => delay,
                Next::GiveUp(1) => return SlotExit::Failed(reason),
                Next::GiveUp(times) => {
                    let last = Box::new(reason);
                    return SlotExit::Failed(SupervisorError::GaveUp {
                        worker: self.index,
                        times,
                        last,
                    });
                }
            };
            let reason = with_causes(&reason);
            match delay {
                Duration::ZERO => tracing::error!("{reason}; starting another one"),
                _ => tracing::error!("{reason}; starting another one in {delay:?}"),
            }
            tokio::select! {
                () = sleep(delay) => {}
                () = stop(&mut self.phase) => return SlotExit::Clean,
            }
        }
    }

    /// Runs one worker from its start to its exit.
    async fn run_worker(&mut self) -> WorkerExit {
        let listeners = match &*self.phase.borrow() {
            Phase::Serving(listeners) => own_first(listeners, self.index as usize),
            Phase::Draining(_) | Phase::Killing => return WorkerExit::Stopped(SlotExit::Clean),
        };
        let spawned = listeners
            .map_err(|source| SupervisorError::Spawn {
                worker: self.index,
                program: self.spec.program.interpreter.clone(),
                source,
            })
            .and_then(|listeners| WorkerProcess::spawn(&self.spec, self.index, listeners));
        let mut worker = match spawned {
            Ok(worker) => worker,
            Err(reason) => {
                return WorkerExit::Died {
                    ready_for: None,
                    reason,
                };
            }
        };

        let started = tokio::select! {
            started = worker.start(&self.spec) => started,
            () = stop(&mut self.phase) => {
                // No call is in flight yet, and the import of an app may be slow: do not wait.
                worker.terminate();
                return WorkerExit::Stopped(self.finish(worker, false).await);
            }
        };
        match started {
            Ok(ready) => {
                // These messages were for its predecessor.
                while self.messages.try_recv().is_ok() {}
                self.report(SlotEvent::Ready(self.index, ready));
            }
            Err(reason) => {
                worker.kill().await;
                return WorkerExit::Died {
                    ready_for: None,
                    reason,
                };
            }
        }
        let since = Instant::now();
        let reason = loop {
            tokio::select! {
                event = worker.next_event() => match event {
                    WorkerEvent::Message(message) => self.handle(message),
                    WorkerEvent::ChannelClosed(error) => break worker.channel_error(error, true).await,
                    WorkerEvent::Exited(status) => break worker.exit_error(status, true),
                },
                Some(message) = self.messages.recv() => if let Err(reason) = worker.pass_on(&message).await {
                    break reason;
                },
                () = stop(&mut self.phase) => return WorkerExit::Stopped(self.finish(worker, true).await),
            }
        };
        worker.kill().await;
        WorkerExit::Died {
            ready_for: Some(since.elapsed()),
            reason,
        }
    }

    /// Waits until a worker exits, and kills it after its deadline. Has it drain first if it `serves`.
    async fn finish(&mut self, mut worker: WorkerProcess, serves: bool) -> SlotExit {
        let deadline = match *self.phase.borrow_and_update() {
            Phase::Draining(deadline) => Some(deadline),
            Phase::Serving(_) | Phase::Killing => None,
        };
        let Some(deadline) = deadline else {
            worker.kill().await;
            return SlotExit::Forced;
        };
        if serves {
            worker
                .drain(deadline.saturating_duration_since(Instant::now()))
                .await;
        }
        loop {
            tokio::select! {
                event = worker.next_event() => match event {
                    WorkerEvent::Message(message) => self.handle(message),
                    WorkerEvent::ChannelClosed(_) => {}
                    WorkerEvent::Exited(status) if status.success() || !serves => return SlotExit::Clean,
                    WorkerEvent::Exited(status) => {
                        let (index, pid) = (self.index, worker.pid());
                        tracing::error!("worker {index} (pid {pid}) {} while it drained", describe_exit(status));
                        return SlotExit::Forced;
                    }
                },
                () = sleep_until(deadline + GRACE) => {
                    let (index, pid) = (self.index, worker.pid());
                    tracing::error!("worker {index} (pid {pid}) did not finish in time and is killed");
                    worker.kill().await;
                    return SlotExit::Forced;
                }
                // The phase after draining is killing.
                _ = self.phase.changed() => {
                    worker.kill().await;
                    return SlotExit::Forced;
                }
            }
        }
    }

    /// Handles a message of a worker that is ready.
    fn handle(&self, message: WorkerMessage) {
        let index = self.index;
        match message {
            WorkerMessage::PeerRequest { id, question } => self.report(SlotEvent::PeerRequest {
                asker: index,
                id,
                question,
            }),
            WorkerMessage::PeerReply { asker, id, reply } => self.report(SlotEvent::PeerReply {
                worker: index,
                asker,
                id,
                reply,
            }),
            WorkerMessage::Statistics(value) => self.report(SlotEvent::Statistics(index, value)),
            WorkerMessage::Drained => tracing::debug!("worker {index} has drained"),
            WorkerMessage::Failed { phase, message } => {
                tracing::error!("worker {index}: {phase} failed\n{message}");
            }
            WorkerMessage::Activity(_) => {}
            WorkerMessage::Ready(_) => tracing::warn!("worker {index} reports again that it is ready"),
        }
    }

    fn report(&self, event: SlotEvent) {
        // Fails only when the host is ending with an error of its own.
        let _ = self.events.send(event);
    }
}

/// Returns duplicates of the sockets, that of this worker first.
fn own_first(listeners: &[TcpListener], worker: usize) -> std::io::Result<Vec<TcpListener>> {
    let (before, from_own) = listeners.split_at(worker);
    let all = from_own.iter().chain(before);
    all.map(TcpListener::try_clone).collect()
}

/// Waits until the host is no longer serving. Cancel-safe.
async fn stop(phase: &mut watch::Receiver<Phase>) {
    // An error means that the host has ended.
    let _ = phase.wait_for(|phase| !matches!(phase, Phase::Serving(_))).await;
}

/// Returns an error and all its causes on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
