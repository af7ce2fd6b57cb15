//! What a worker tells its operator: its state; and of all workers, their extensions and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::exposition;
use super::peers::{Answers, Peers};
use super::{AllExtensions, lock};
use crate::control::{Question, Reply, WorkerConfig};
use crate::triggers::http::{Admin, AdminFuture, FlushOutcome};

/// What extensions get to flush when the operator asks for it.
const FLUSH: Duration = Duration::from_secs(5);

/// What the other workers get to answer, beside the time for a flush.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct WorkerAdmin {
    own: Arc<Own>,
    /// None without a supervisor.
    peers: Option<Arc<Peers>>,
    /// Reports are made one at a time, however many ask for them.
    reporting: Semaphore,
    workers: u32,
    language: String,
    start: Instant,
}

/// What this worker answers for itself.
struct Own {
    worker: u32,
    extensions: AllExtensions,
    flushing: AtomicBool,
}

impl WorkerAdmin {
    /// Answers the other workers, too.
    pub(super) fn new(
        config: &WorkerConfig,
        language: &str,
        extensions: AllExtensions,
        peers: Option<Arc<Peers>>,
    ) -> Self {
        let own = Arc::new(Own {
            worker: config.index,
            extensions,
            flushing: AtomicBool::new(false),
        });
        let asked = Arc::clone(&own);
        if let Some(peers) = &peers {
            peers.answer_by(move |question| asked.answer(question));
        }
        WorkerAdmin {
            own,
            peers,
            reporting: Semaphore::new(1),
            workers: config.workers,
            language: language.to_owned(),
            start: Instant::now(),
        }
    }

    /// What all workers answer, by their index.
    async fn ask_all(&self, question: Question) -> Answers {
        let own = Arc::clone(&self.own);
        let patience = match question {
            Question::Extensions | Question::Metrics => PATIENCE,
            Question::Flush => FLUSH + PATIENCE,
        };
        let mine = tokio::task::spawn_blocking(move || own.answer(question));
        let (mine, mut answers) = tokio::join!(mine, async {
            match &self.peers {
                Some(peers) if self.workers > 1 => peers.ask(question, patience).await,
                _ => Answers::default(),
            }
        });
        match mine {
            Ok(reply) => answers.replies.push((self.own.worker, reply)),
            // It has panicked, and said so.
            Err(_) => answers.missing += 1,
        }
        answers.replies.sort_unstable_by_key(|(worker, _)| *worker);
        answers
    }

    async fn report(&self, question: Question) -> impl Iterator<Item = Reply> {
        // It is never closed.
        let _turn = self.reporting.acquire().await;
        self.ask_all(question)
            .await
            .replies
            .into_iter()
            .map(|(_, reply)| reply)
    }
}

impl Own {
    /// May block.
    fn answer(&self, question: Question) -> Reply {
        match question {
            Question::Extensions => Reply::Extensions(json!({
                "worker": self.worker,
                "extensions": self.extensions.report(),
            })),
            Question::Metrics => Reply::Metrics(lock(&self.extensions.native).metrics()),
            Question::Flush => Reply::Flush(self.flush()),
        }
    }

    /// `false` where a flush is running already.
    fn flush(&self) -> bool {
        struct Done<'a>(&'a AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Release);
            }
        }
        // One at a time: one that hangs leaves a thread behind for each extension.
        if self.flushing.swap(true, Ordering::Acquire) {
            return false;
        }
        let _done = Done(&self.flushing);
        // Not under the lock: the others go on meanwhile.
        let flush = lock(&self.extensions.native).flush();
        flush(FLUSH);
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

    fn extensions(&self) -> AdminFuture<'_, Value> {
        Box::pin(async {
            let replies = self.report(Question::Extensions).await;
            let workers: Vec<Value> = replies
                .filter_map(|reply| match reply {
                    Reply::Extensions(report) => Some(report),
                    _ => None,
                })
                .collect();
            json!({ "workers": workers })
        })
    }

    fn metrics(&self) -> AdminFuture<'_, String> {
        Box::pin(async {
            let replies = self.report(Question::Metrics).await;
            let texts: Vec<String> = replies
                .filter_map(|reply| match reply {
                    Reply::Metrics(text) => Some(text),
                    _ => None,
                })
                .collect();
            exposition::join(texts.iter().map(String::as_str))
        })
    }

    fn flush(&self) -> AdminFuture<'_, FlushOutcome> {
        Box::pin(async {
            let Answers { replies, missing } = self.ask_all(Question::Flush).await;
            if missing > 0 {
                FlushOutcome::Without(missing)
            } else if replies.iter().all(|(_, reply)| *reply == Reply::Flush(true)) {
                FlushOutcome::All
            } else {
                FlushOutcome::Busy
            }
        })
    }
}
