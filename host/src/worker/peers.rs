//! The other workers of the host: what an operator asks one, it asks all of them, through the supervisor.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::control::{Question, Reply, Sender, WorkerMessage};

type Answerer = dyn Fn(Question) -> Reply + Send + Sync;

/// The way to the other workers.
pub(super) struct Peers {
    control: Handle,
    sender: Arc<tokio::sync::Mutex<Sender<WorkerMessage>>>,
    answerer: OnceLock<Box<Answerer>>,
    next_id: AtomicU64,
    state: Mutex<State>,
    /// Waited for by who waits for the last answer under way.
    idle: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether the supervisor takes questions: it does from when this worker is ready until it drains.
    is_open: bool,
    /// Who waits for what the others tell, by the question's id.
    asked: HashMap<u64, mpsc::UnboundedSender<Heard>>,
    /// How many threads answer the others.
    answering: usize,
}

/// What comes back to who has asked.
pub(super) enum Heard {
    /// So many others are asked.
    Asked(u32),
    /// This worker's answer.
    Told(u32, Reply),
}

/// What the others have answered.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answers {
    /// By the index of the worker.
    pub(super) replies: Vec<(u32, Reply)>,
    /// How many were asked and have not answered in time, or could not.
    pub(super) missing: usize,
}

impl Peers {
    pub(super) fn new(control: Handle, sender: Arc<tokio::sync::Mutex<Sender<WorkerMessage>>>) -> Self {
        Peers {
            control,
            sender,
            answerer: OnceLock::new(),
            // Not those of the worker that this one replaces, whose answers may come yet.
            next_id: AtomicU64::new(u64::from(std::process::id()) << 32),
            state: Mutex::default(),
            idle: Condvar::new(),
        }
    }

    /// `answerer` is what the others ask, from when this worker is ready. It may block.
    pub(super) fn answer_by(&self, answerer: impl Fn(Question) -> Reply + Send + Sync + 'static) {
        // It is done once a worker.
        let _ = self.answerer.set(Box::new(answerer));
    }

    /// The supervisor knows that this worker is ready: from now on it can ask.
    pub(super) fn open(&self) {
        self.state().is_open = true;
    }

    /// This worker drains: nobody passes on what it asks, or what the others answer.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_open = false;
        state.asked.clear();
    }

    /// Asks all others that are ready.
    pub(super) async fn ask(&self, question: Question, patience: Duration) -> Answers {
        let mut answers = Answers::default();
        let Some(mut asking) = self.asking() else {
            return answers;
        };
        self.send(WorkerMessage::Ask {
            id: asking.id,
            question,
        });
        let (mut others, mut heard) = (None, 0);
        let all = async {
            while others.is_none_or(|others| heard < others) {
                match asking.heard.recv().await {
                    Some(Heard::Asked(count)) => others = Some(count as usize),
                    Some(Heard::Told(worker, reply)) => {
                        heard += 1;
                        answers.replies.push((worker, reply));
                    }
                    // Closed meanwhile: the others drain as well.
                    None => return,
                }
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            match others {
                Some(others) => {
                    tracing::warn!("{heard} of {others} other workers have answered within {patience:?}")
                }
                None => tracing::warn!("the supervisor has not passed a question on within {patience:?}"),
            }
        }
        answers.replies.retain(|(_, reply)| *reply != Reply::Failed);
        answers.missing = others.map_or(0, |others| others.saturating_sub(answers.replies.len()));
        answers
    }

    /// Answers a question of another worker, on a thread of its own.
    pub(super) fn answer(self: &Arc<Self>, asker: u32, id: u64, question: Question) {
        self.state().answering += 1;
        let peers = Arc::clone(self);
        let answer = move || {
            let reply = peers.reply(question);
            peers.send(WorkerMessage::Answered { asker, id, reply });
            peers.has_answered();
        };
        if let Err(error) = std::thread::Builder::new()
            .name("answer".to_owned())
            .spawn(answer)
        {
            tracing::error!("cannot answer another worker: no thread: {error}");
            let reply = Reply::Failed;
            self.send(WorkerMessage::Answered { asker, id, reply });
            self.has_answered();
        }
    }

    /// Waits until no answer is under way, no longer than this.
    pub(super) fn wait_until_answered(&self, at_most: Duration) {
        // What is not done by then is left behind.
        let _ = self
            .idle
            .wait_timeout_while(self.state(), at_most, |state| state.answering > 0);
    }

    /// Hands on what came for the question of this id, if somebody waits for it still.
    pub(super) fn hear(&self, id: u64, heard: Heard) {
        if let Some(asking) = self.state().asked.get(&id) {
            let _ = asking.send(heard);
        }
    }

    fn reply(&self, question: Question) -> Reply {
        // A panic is printed, and must not cost the asker its patience.
        let reply = |answerer: &Answerer| catch_unwind(AssertUnwindSafe(|| answerer(question)));
        let answerer = self.answerer.get();
        answerer
            .and_then(|answerer| reply(answerer).ok())
            .unwrap_or(Reply::Failed)
    }

    fn has_answered(&self) {
        self.state().answering -= 1;
        self.idle.notify_all();
    }

    fn asking(&self) -> Option<Asking<'_>> {
        let mut state = self.state();
        if !state.is_open {
            return None;
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, heard) = mpsc::unbounded_channel();
        state.asked.insert(id, sender);
        Some(Asking {
            peers: self,
            id,
            heard,
        })
    }

    /// In a task of its own: a client that goes away must not leave half a message behind.
    fn send(&self, message: WorkerMessage) {
        let sender = Arc::clone(&self.sender);
        self.control.spawn(async move {
            let mut sender = sender.lock().await;
            let Err(error) = sender.send(&message).await else {
                return;
            };
            tracing::debug!("control channel: {error}");
            // Too long, say: nothing of it was sent.
            if let WorkerMessage::Answered { asker, id, .. } = message {
                let reply = Reply::Failed;
                // If this fails too, the supervisor is gone, which ends the process.
                let _ = sender.send(&WorkerMessage::Answered { asker, id, reply }).await;
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that is waited for. Forgotten when this is dropped.
struct Asking<'a> {
    peers: &'a Peers,
    id: u64,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.peers.state().asked.remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
