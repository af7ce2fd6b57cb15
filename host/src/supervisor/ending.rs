//! The end of a worker that was ready: it finishes its calls, or is killed at its deadline.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::phase::{Phase, SlotEvent, SlotExit};
use super::worker_process::{WorkerEvent, WorkerProcess};
use crate::control::WorkerMessage;
use crate::sys::describe_exit;

/// The time between the drain deadline of a worker and its kill.
const GRACE: Duration = Duration::from_secs(2);

/// Ends workers of a slot.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    /// The index of the workers.
    pub(super) index: u32,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) events: mpsc::UnboundedSender<SlotEvent>,
    /// How many of the workers were started.
    pub(super) starts: Arc<AtomicU32>,
}

impl Ending {
    /// Has a worker drain, and waits until it exits, at most until the host's deadline or its own. `closed` learns when no call
    /// begins any more.
    pub(super) async fn drain(
        mut self,
        mut worker: WorkerProcess,
        own_deadline: Option<Instant>,
        closed: Option<oneshot::Sender<()>>,
    ) -> SlotExit {
        let Some(deadline) = self.deadline(own_deadline) else {
            worker.kill().await;
            return SlotExit::Forced;
        };
        worker
            .drain(deadline.saturating_duration_since(Instant::now()))
            .await;
        self.wait(worker, deadline, true, closed).await
    }

    /// Ends a worker that has no calls in flight yet. It may be importing an app, which may be slow: does not wait for that.
    pub(super) async fn terminate(mut self, worker: WorkerProcess) -> SlotExit {
        let Some(deadline) = self.deadline(None) else {
            worker.kill().await;
            return SlotExit::Forced;
        };
        worker.terminate();
        self.wait(worker, deadline, false, None).await
    }

    /// Returns the deadline of the phase, or the worker's own if that is earlier; `None` if the worker is to be killed.
    fn deadline(&mut self, own: Option<Instant>) -> Option<Instant> {
        match *self.phase.borrow_and_update() {
            Phase::Serving(_) => own,
            Phase::Draining(deadline) => Some(own.map_or(deadline, |own| own.min(deadline))),
            Phase::Killing => None,
        }
    }

    async fn wait(
        &mut self,
        mut worker: WorkerProcess,
        mut deadline: Instant,
        drains: bool,
        mut closed: Option<oneshot::Sender<()>>,
    ) -> SlotExit {
        let (index, pid) = (self.index, worker.pid());
        loop {
            tokio::select! {
                event = worker.next_event() => match event {
                    // The sender is gone, and with it the wish to know.
                    WorkerEvent::Message(WorkerMessage::Closed) => drop(closed.take()),
                    // It was called to end before, which it does not notice while its functions warm up.
                    WorkerEvent::Message(WorkerMessage::Ready(_)) if !drains => {
                        worker.drain(deadline.saturating_duration_since(Instant::now())).await;
                    }
                    WorkerEvent::Message(message) => self.handle(message),
                    WorkerEvent::ChannelClosed(_) => {}
                    WorkerEvent::Exited(status) if status.success() || !drains => return SlotExit::Clean,
                    WorkerEvent::Exited(status) => {
                        tracing::error!("worker {index} (pid {pid}) {} while it drained", describe_exit(status));
                        return SlotExit::Forced;
                    }
                },
                () = sleep_until(deadline + GRACE) => {
                    tracing::error!("worker {index} (pid {pid}) did not finish in time and is killed");
                    worker.kill().await;
                    return SlotExit::Forced;
                }
                _ = self.phase.changed() => match self.deadline(Some(deadline)) {
                    Some(earlier) => deadline = earlier,
                    None => {
                        worker.kill().await;
                        return SlotExit::Forced;
                    }
                },
            }
        }
    }

    /// Handles a message of a worker that is or was ready.
    pub(super) fn handle(&self, message: WorkerMessage) {
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
            WorkerMessage::Ready(_) => tracing::warn!("worker {index} reports again that it is ready"),
            // It ends already, or the slot has handled it.
            WorkerMessage::Closed
            | WorkerMessage::Pong
            | WorkerMessage::CallEnded { .. }
            | WorkerMessage::Unhealthy(_)
            | WorkerMessage::RequestLimitReached
            | WorkerMessage::Explanation(_)
            | WorkerMessage::Activity(_) => {}
        }
    }

    pub(super) fn report(&self, event: SlotEvent) {
        // Fails only when the host is ending with an error of its own.
        let _ = self.events.send(event);
    }
}
