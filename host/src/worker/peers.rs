//! The other workers of the host: what an operator asks one, it asks all of them, through the supervisor.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::control::{Question, Sender, WorkerMessage};

type Answerer = dyn Fn(Question) -> Value + Send + Sync;

/// The way to the other workers.
pub(super) struct Peers {
    control: Handle,
    sender: Arc<tokio::sync::Mutex<Sender<WorkerMessage>>>,
    /// Set once this worker may speak.
    answerer: OnceLock<Box<Answerer>>,
    next_id: AtomicU64,
    /// Who waits for what the others tell, by the question's id.
    asked: Mutex<HashMap<u64, mpsc::UnboundedSender<Heard>>>,
}

/// What comes back to who has asked.
pub(super) enum Heard {
    /// So many others are asked.
    Asked(u32),
    /// This worker's answer.
    Told(u32, Value),
}

impl Peers {
    pub(super) fn new(control: Handle, sender: Arc<tokio::sync::Mutex<Sender<WorkerMessage>>>) -> Self {
        Peers {
            control,
            sender,
            answerer: OnceLock::new(),
            next_id: AtomicU64::new(0),
            asked: Mutex::default(),
        }
    }

    /// From now on the others can be asked, and `answerer` is asked by them. It may block.
    pub(super) fn open(&self, answerer: impl Fn(Question) -> Value + Send + Sync + 'static) {
        // It is done once a worker.
        let _ = self.answerer.set(Box::new(answerer));
    }

    /// Asks all others that run. Returns what they have answered in time, by the index of the worker.
    pub(super) async fn ask(&self, question: Question, patience: Duration) -> Vec<(u32, Value)> {
        let mut answers = Vec::new();
        if self.answerer.get().is_none() {
            // A request that came before the supervisor knows that we are ready.
            return answers;
        }
        let mut asking = self.asking();
        self.send(WorkerMessage::Ask {
            id: asking.id,
            question,
        });
        let mut count = None;
        let all = async {
            while count.is_none_or(|count| answers.len() < count) {
                match asking.heard.recv().await {
                    Some(Heard::Asked(others)) => count = Some(others as usize),
                    Some(Heard::Told(worker, answer)) => answers.push((worker, answer)),
                    None => break,
                }
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            let (answered, all) = (answers.len(), count.unwrap_or(0));
            tracing::warn!("{answered} of {all} other workers have answered within {patience:?}");
        }
        answers
    }

    /// Answers a question of another worker, on a thread of its own.
    pub(super) fn answer(self: &Arc<Self>, asker: u32, id: u64, question: Question) {
        let peers = Arc::clone(self);
        let answer = move || {
            let answer = peers
                .answerer
                .get()
                .map_or(Value::Null, |answerer| answerer(question));
            peers.send(WorkerMessage::Answered { asker, id, answer });
        };
        if let Err(error) = std::thread::Builder::new()
            .name("answer".to_owned())
            .spawn(answer)
        {
            tracing::error!("cannot answer another worker: no thread: {error}");
        }
    }

    /// Hands on what came for the question of this id, if somebody waits for it still.
    pub(super) fn hear(&self, id: u64, heard: Heard) {
        if let Some(asking) = self.asked().get(&id) {
            let _ = asking.send(heard);
        }
    }

    fn asking(&self) -> Asking<'_> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, heard) = mpsc::unbounded_channel();
        self.asked().insert(id, sender);
        Asking {
            peers: self,
            id,
            heard,
        }
    }

    /// In a task of its own: a client that goes away must not leave half a message behind.
    fn send(&self, message: WorkerMessage) {
        let sender = Arc::clone(&self.sender);
        self.control.spawn(async move {
            if let Err(error) = sender.lock().await.send(&message).await {
                tracing::debug!("control channel: {error}");
            }
        });
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<u64, mpsc::UnboundedSender<Heard>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.peers.asked().remove(&self.id);
    }
}
