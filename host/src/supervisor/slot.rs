//! The life of one worker slot: a process, its successors, and the end of the last one.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::SupervisorError;
use super::backoff::{Backoff, Next};
use super::worker_process::{Happening, Recipe, WorkerProcess};
use crate::control::{Question, Ready, Reply, SupervisorMessage, WorkerMessage};
use crate::sys::describe_exit;

/// What a worker may overrun its drain deadline by before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// What all slots are doing. It only ever moves forward.
#[derive(Debug)]
pub(super) enum Phase {
    /// Serving from this socket, which closes with this phase (workers hold duplicates).
    Serving(TcpListener),
    /// Finishing what is in flight, until then.
    Draining(Instant),
    /// Ending at once.
    Killing,
}

/// News from a slot.
#[derive(Debug)]
pub(super) enum News {
    /// Its worker is ready.
    Ready(u32, Ready),
    /// Its worker has ended, if there was one.
    Gone(u32),
    /// Its worker asks all others.
    Asks { asker: u32, id: u64, question: Question },
    /// Its worker answers another one.
    Answered {
        worker: u32,
        asker: u32,
        id: u64,
        reply: Reply,
    },
    /// Its worker counted this.
    Statistics(u32, Value),
}

/// How a slot ended.
#[derive(Debug)]
pub(super) enum End {
    /// As it was told, and its worker finished its work.
    Clean,
    /// As it was told, but its worker was killed or failed on the way.
    Forced,
    /// By itself: its worker cannot be started.
    Failed(SupervisorError),
}

/// One slot.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) index: u32,
    pub(super) recipe: Arc<Recipe>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) news: mpsc::UnboundedSender<News>,
    /// What to tell its worker.
    pub(super) orders: mpsc::Receiver<SupervisorMessage>,
}

/// How a worker's life ended.
enum Life {
    Stopped(End),
    Died {
        ready_for: Option<Duration>,
        reason: SupervisorError,
    },
}

impl Slot {
    /// Keeps a worker running until the phase is no longer serving.
    pub(super) async fn run(mut self) -> End {
        let mut backoff = Backoff::default();
        loop {
            let life = self.live().await;
            self.tell(News::Gone(self.index));
            let (ready_for, reason) = match life {
                Life::Stopped(end) => return end,
                Life::Died { ready_for, reason } => (ready_for, reason),
            };
            let delay = match backoff.died(ready_for) {
                Next::Restart(delay) => delay,
                Next::GiveUp(1) => return End::Failed(reason),
                Next::GiveUp(times) => {
                    let last = Box::new(reason);
                    return End::Failed(SupervisorError::GaveUp {
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
                () = stop(&mut self.phase) => return End::Clean,
            }
        }
    }

    /// One worker from its start to its end.
    async fn live(&mut self) -> Life {
        let listener = match &*self.phase.borrow() {
            Phase::Serving(listener) => listener.try_clone(),
            Phase::Draining(_) | Phase::Killing => return Life::Stopped(End::Clean),
        };
        let spawned = listener
            .map_err(|source| SupervisorError::Spawn {
                worker: self.index,
                python: self.recipe.python.clone(),
                source,
            })
            .and_then(|listener| WorkerProcess::spawn(&self.recipe, self.index, listener));
        let mut worker = match spawned {
            Ok(worker) => worker,
            Err(reason) => {
                return Life::Died {
                    ready_for: None,
                    reason,
                };
            }
        };

        let started = tokio::select! {
            started = worker.start(&self.recipe) => started,
            () = stop(&mut self.phase) => {
                // Nothing is in flight yet, and the import of an app may take its time: no need to wait.
                worker.terminate();
                return Life::Stopped(self.finish(worker, false).await);
            }
        };
        match started {
            Ok(ready) => {
                // What its predecessor was not told any more is not for it.
                while self.orders.try_recv().is_ok() {}
                self.tell(News::Ready(self.index, ready));
            }
            Err(reason) => {
                worker.kill().await;
                return Life::Died {
                    ready_for: None,
                    reason,
                };
            }
        }
        let since = Instant::now();
        let reason = loop {
            tokio::select! {
                happening = worker.next() => match happening {
                    Happening::Said(message) => self.heard(message),
                    Happening::Lost(error) => break worker.lost(error, true).await,
                    Happening::Ended(status) => break worker.died(status, true),
                },
                Some(order) = self.orders.recv() => if let Err(reason) = worker.pass_on(&order).await {
                    break reason;
                },
                () = stop(&mut self.phase) => return Life::Stopped(self.finish(worker, true).await),
            }
        };
        worker.kill().await;
        Life::Died {
            ready_for: Some(since.elapsed()),
            reason,
        }
    }

    /// Sees a worker off: to its own end, or to the end of its time. Tells it to drain if it `serves`.
    async fn finish(&mut self, mut worker: WorkerProcess, serves: bool) -> End {
        let deadline = match *self.phase.borrow_and_update() {
            Phase::Draining(deadline) => Some(deadline),
            Phase::Serving(_) | Phase::Killing => None,
        };
        let Some(deadline) = deadline else {
            worker.kill().await;
            return End::Forced;
        };
        if serves {
            worker
                .drain(deadline.saturating_duration_since(Instant::now()))
                .await;
        }
        loop {
            tokio::select! {
                happening = worker.next() => match happening {
                    Happening::Said(message) => self.heard(message),
                    Happening::Lost(_) => {}
                    Happening::Ended(status) if status.success() || !serves => return End::Clean,
                    Happening::Ended(status) => {
                        let (index, pid) = (self.index, worker.pid());
                        tracing::error!("worker {index} (pid {pid}) {} while it drained", describe_exit(status));
                        return End::Forced;
                    }
                },
                () = sleep_until(deadline + GRACE) => {
                    let (index, pid) = (self.index, worker.pid());
                    tracing::error!("worker {index} (pid {pid}) did not finish in time and is killed");
                    worker.kill().await;
                    return End::Forced;
                }
                // The phase after draining is killing.
                _ = self.phase.changed() => {
                    worker.kill().await;
                    return End::Forced;
                }
            }
        }
    }

    /// Takes note of what a worker says after it was ready.
    fn heard(&self, message: WorkerMessage) {
        let index = self.index;
        match message {
            WorkerMessage::Ask { id, question } => self.tell(News::Asks {
                asker: index,
                id,
                question,
            }),
            WorkerMessage::Answered { asker, id, reply } => self.tell(News::Answered {
                worker: index,
                asker,
                id,
                reply,
            }),
            WorkerMessage::Statistics(value) => self.tell(News::Statistics(index, value)),
            WorkerMessage::Drained => tracing::debug!("worker {index} has drained"),
            WorkerMessage::Failed { phase, message } => {
                tracing::error!("worker {index}: {phase} failed\n{message}");
            }
            WorkerMessage::Ready(_) => tracing::warn!("worker {index} says twice that it is ready"),
        }
    }

    fn tell(&self, news: News) {
        // Nobody listens any more only when the host is ending by an error of its own.
        let _ = self.news.send(news);
    }
}

/// Waits until the host is no longer serving. Cancel-safe.
async fn stop(phase: &mut watch::Receiver<Phase>) {
    // An error means that the host is gone, which is no longer serving either.
    let _ = phase.wait_for(|phase| !matches!(phase, Phase::Serving(_))).await;
}

/// An error and all its causes, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
