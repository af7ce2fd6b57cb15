//! The other workers of the host. A worker sends them the questions of its operator, through the supervisor.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::control::{Question, Reply, Sender, WorkerMessage};

type Responder = dyn Fn(Question) -> Reply + Send + Sync;

/// Asks the other workers, and replies to them.
pub(super) struct Peers {
    control: Handle,
    sender: Arc<tokio::sync::Mutex<Sender<WorkerMessage>>>,
    /// Whether the host has other workers, ready or not.
    has_others: bool,
    responder: OnceLock<Box<Responder>>,
    next_id: AtomicU64,
    state: Mutex<State>,
    /// Notified when the last reply has been made.
    idle: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether the supervisor takes questions: from when this worker is ready until it drains.
    is_open: bool,
    /// Where to deliver what comes back for a question, by its id.
    pending: HashMap<u64, mpsc::UnboundedSender<PeerEvent>>,
    /// The number of threads that make a reply.
    replying: usize,
}

/// What comes back for a question.
pub(super) enum PeerEvent {
    /// The number of workers that get the question.
    Count(u32),
    /// The reply of the worker with this index.
    Reply(u32, Reply),
}

impl Peers {
    /// Returns the peers of a worker. They can be asked after [`open`](Self::open).
    pub(super) fn new(
        control: Handle,
        sender: Arc<tokio::sync::Mutex<Sender<WorkerMessage>>>,
        has_others: bool,
    ) -> Self {
        Peers {
            control,
            sender,
            has_others,
            responder: OnceLock::new(),
            // Not an id of the worker that this one replaces: replies to that one may still come.
            next_id: AtomicU64::new(u64::from(std::process::id()) << 32),
            state: Mutex::default(),
            idle: Condvar::new(),
        }
    }

    /// Sets what makes the replies to other workers. Called once, before this worker is ready. `responder` may block.
    pub(super) fn set_responder(&self, responder: impl Fn(Question) -> Reply + Send + Sync + 'static) {
        // Fails only when it is set already.
        let _ = self.responder.set(Box::new(responder));
    }

    /// Lets this worker ask: the supervisor knows that it is ready.
    pub(super) fn open(&self) {
        self.state().is_open = true;
    }

    /// Ends all questions: this worker drains, and the supervisor passes on nothing more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_open = false;
        state.pending.clear();
    }

    /// Asks all others that are ready, and waits for their replies until `timeout`. Returns each with the index of its
    /// worker. There is none of a worker that is not ready, fails, or is late.
    pub(super) async fn ask(&self, question: Question, timeout: Duration) -> Vec<(u32, Reply)> {
        if !self.has_others {
            return Vec::new();
        }
        let (mut replies, mut count) = (Vec::new(), None);
        if let Some(mut pending) = self.add_pending() {
            let id = pending.id;
            self.send(WorkerMessage::PeerRequest { id, question });
            let all = async {
                while count.is_none_or(|count| replies.len() < count) {
                    match pending.events.recv().await {
                        Some(PeerEvent::Count(others)) => count = Some(others as usize),
                        Some(PeerEvent::Reply(worker, reply)) => replies.push((worker, reply)),
                        // Closed: the other workers drain too.
                        None => return,
                    }
                }
            };
            if tokio::time::timeout(timeout, all).await.is_err() {
                log_timeout(replies.len(), count, timeout);
            }
        }
        replies.retain(|(_, reply)| *reply != Reply::Failed);
        replies
    }

    /// Makes the reply to a question of another worker, on its own thread, and sends it.
    pub(super) fn reply_to(self: &Arc<Self>, asker: u32, id: u64, question: Question) {
        self.state().replying += 1;
        let peers = Arc::clone(self);
        let work = move || {
            let reply = peers.make_reply(question);
            peers.send(WorkerMessage::PeerReply { asker, id, reply });
            peers.finish_reply();
        };
        let thread = std::thread::Builder::new().name("peer-reply".to_owned());
        if let Err(error) = thread.spawn(work) {
            tracing::error!("cannot start a thread to reply to another worker: {error}");
            let reply = Reply::Failed;
            self.send(WorkerMessage::PeerReply { asker, id, reply });
            self.finish_reply();
        }
    }

    /// Waits until all replies are made, at most this long.
    pub(super) fn wait_until_answered(&self, at_most: Duration) {
        // A reply that is not made by then is lost.
        let _ = self
            .idle
            .wait_timeout_while(self.state(), at_most, |state| state.replying > 0);
    }

    /// Delivers an event to the question with this id, if it is still pending.
    pub(super) fn deliver(&self, id: u64, event: PeerEvent) {
        if let Some(pending) = self.state().pending.get(&id) {
            let _ = pending.send(event);
        }
    }

    fn make_reply(&self, question: Question) -> Reply {
        // The panic is printed. The asker must get a reply and not wait for its timeout.
        let reply = |responder: &Responder| catch_unwind(AssertUnwindSafe(|| responder(question)));
        let responder = self.responder.get();
        responder
            .and_then(|responder| reply(responder).ok())
            .unwrap_or(Reply::Failed)
    }

    fn finish_reply(&self) {
        self.state().replying -= 1;
        self.idle.notify_all();
    }

    /// Adds a question; `None` if this worker cannot ask now.
    fn add_pending(&self) -> Option<PendingQuestion<'_>> {
        let mut state = self.state();
        if !state.is_open {
            return None;
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, events) = mpsc::unbounded_channel();
        state.pending.insert(id, sender);
        Some(PendingQuestion {
            peers: self,
            id,
            events,
        })
    }

    /// Sends a message in its own task, so that a client that disconnects cannot cancel it half-way.
    fn send(&self, message: WorkerMessage) {
        let sender = Arc::clone(&self.sender);
        self.control.spawn(async move {
            let mut sender = sender.lock().await;
            let Err(error) = sender.send(&message).await else {
                return;
            };
            tracing::debug!("control channel: {error}");
            // If the message was too long, nothing of it was sent.
            if let WorkerMessage::PeerReply { asker, id, .. } = message {
                let reply = Reply::Failed;
                // If this fails too, the supervisor has exited, which ends the process.
                let _ = sender.send(&WorkerMessage::PeerReply { asker, id, reply }).await;
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_timeout(replies: usize, count: Option<usize>, timeout: Duration) {
    match count {
        Some(count) => tracing::warn!("{replies} of {count} other workers have answered within {timeout:?}"),
        None => tracing::warn!("the supervisor has not passed on a question within {timeout:?}"),
    }
}

/// A question that waits for replies. Removed on drop.
struct PendingQuestion<'a> {
    peers: &'a Peers,
    id: u64,
    events: mpsc::UnboundedReceiver<PeerEvent>,
}

impl Drop for PendingQuestion<'_> {
    fn drop(&mut self) {
        self.peers.state().pending.remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
