//! What a worker tells its operator: its state; and of all workers, their extensions and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::exposition;
use super::peers::Peers;
use super::{Docked, lock};
use crate::control::{Question, WorkerConfig};
use crate::triggers::http::{Admin, Answer};

/// What extensions get to flush when the operator asks for it.
const FLUSH: Duration = Duration::from_secs(5);

/// What the other workers get to answer.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct WorkerAdmin {
    own: Arc<Own>,
    peers: Arc<Peers>,
    workers: u32,
    language: String,
    start: Instant,
}

/// What this worker answers for itself.
struct Own {
    worker: u32,
    extensions: Docked,
    flushing: AtomicBool,
}

impl WorkerAdmin {
    pub(super) fn new(config: &WorkerConfig, language: &str, extensions: Docked, peers: Arc<Peers>) -> Self {
        WorkerAdmin {
            own: Arc::new(Own {
                worker: config.index,
                extensions,
                flushing: AtomicBool::new(false),
            }),
            peers,
            workers: config.workers,
            language: language.to_owned(),
            start: Instant::now(),
        }
    }

    /// Lets the other workers be asked, and ask.
    pub(super) fn open(&self) {
        let own = Arc::clone(&self.own);
        self.peers.open(move |question| own.answer(question));
    }

    /// What all workers answer, by their index; without those that do not in time.
    async fn ask_all(&self, question: Question) -> Vec<Value> {
        let own = Arc::clone(&self.own);
        let patience = match question {
            Question::Extensions | Question::Metrics => PATIENCE,
            Question::Flush => FLUSH + PATIENCE,
        };
        let mine = tokio::task::spawn_blocking(move || own.answer(question));
        let (mine, mut answers) = tokio::join!(mine, async {
            match self.workers {
                1 => Vec::new(),
                _ => self.peers.ask(question, patience).await,
            }
        });
        // One that panics has said so, and what it has done is done.
        answers.extend(mine.ok().map(|answer| (self.own.worker, answer)));
        answers.sort_unstable_by_key(|(worker, _)| *worker);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

impl Own {
    /// May block.
    fn answer(&self, question: Question) -> Value {
        match question {
            Question::Extensions => {
                json!({ "worker": self.worker, "extensions": self.extensions.report() })
            }
            Question::Metrics => json!(lock(&self.extensions.native).metrics()),
            Question::Flush => json!(self.flush()),
        }
    }

    /// `false` where a flush is running already.
    fn flush(&self) -> bool {
        // One at a time: one that hangs leaves a thread behind for each extension.
        if self.flushing.swap(true, Ordering::Acquire) {
            return false;
        }
        // Not under the lock: the others go on meanwhile.
        let flush = lock(&self.extensions.native).flush();
        flush(FLUSH);
        self.flushing.store(false, Ordering::Release);
        true
    }
}

impl Admin for WorkerAdmin {
    fn status(&self) -> Value {
        json!({
            "state": "Running",
            "version": env!("CARGO_PKG_VERSION"),
            "python": self.language,
            "worker": self.own.worker,
            "workers": self.workers,
            "processUptime": self.start.elapsed().as_millis() as u64,
            "extensions": self.own.extensions.report(),
        })
    }

    fn extensions(&self) -> Answer<'_, Value> {
        Box::pin(async { json!({ "workers": self.ask_all(Question::Extensions).await }) })
    }

    fn metrics(&self) -> Answer<'_, String> {
        Box::pin(async {
            let texts = self.ask_all(Question::Metrics).await;
            exposition::join(texts.iter().filter_map(Value::as_str))
        })
    }

    fn flush(&self) -> Answer<'_, bool> {
        Box::pin(async {
            let flushed = self.ask_all(Question::Flush).await;
            flushed.iter().all(|flushed| *flushed != Value::Bool(false))
        })
    }
}
