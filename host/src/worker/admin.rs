//! The admin answers of a worker: its own state; the extensions and metrics of all workers; a flush of all workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::Health;
use super::exposition;
use super::listing::{AllExtensions, lock};
use super::own_metrics::OwnMetrics;
use super::peers::Peers;
use crate::control::{Flushed, Question, Reply, WorkerConfig};
use crate::triggers::http::{Admin, AdminFuture, FlushReport, Status};

/// The time for extensions to flush when the operator asks for it.
const FLUSH: Duration = Duration::from_secs(5);

/// The time for the other workers to reply, besides the time for a flush.
const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

/// Answers the admin routes of a worker.
pub(super) struct WorkerAdmin {
    own: Arc<OwnAdmin>,
    /// `None` without a supervisor.
    peers: Option<Arc<Peers>>,
    /// Allows one report at a time, however many clients ask.
    reporting: Semaphore,
    workers: u32,
    language: String,
    start: Instant,
}

/// Answers questions about this worker alone.
struct OwnAdmin {
    worker: u32,
    health: Health,
    extensions: AllExtensions,
    metrics: OwnMetrics,
    /// A text for each function that could not be loaded.
    errors: Vec<String>,
    is_flushing: AtomicBool,
}

impl WorkerAdmin {
    /// Returns the admin of a worker. It also replies to the other workers.
    pub(super) fn new(
        config: &WorkerConfig,
        language: &str,
        extensions: AllExtensions,
        metrics: OwnMetrics,
        peers: Option<Arc<Peers>>,
        health: Health,
        not_loaded: BTreeMap<String, String>,
    ) -> Self {
        let errors = not_loaded.into_iter();
        let own = Arc::new(OwnAdmin {
            worker: config.index,
            health,
            extensions,
            metrics,
            errors: errors
                .map(|(name, reason)| format!("function {name:?}: {reason}"))
                .collect(),
            is_flushing: AtomicBool::new(false),
        });
        if let Some(peers) = &peers {
            let responder = Arc::clone(&own);
            peers.set_responder(move |question| responder.reply(question));
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

    /// Asks all workers that are ready, this one included. Returns the replies in the order of the workers' indices.
    async fn ask_all(&self, question: Question) -> Vec<(u32, Reply)> {
        let own = Arc::clone(&self.own);
        let timeout = match question {
            Question::Extensions | Question::Metrics | Question::Health => REPLY_TIMEOUT,
            Question::Flush => FLUSH + REPLY_TIMEOUT,
        };
        let own_reply = tokio::task::spawn_blocking(move || own.reply(question));
        let (own_reply, mut all) = tokio::join!(own_reply, async {
            match &self.peers {
                Some(peers) => peers.ask(question, timeout).await,
                None => Vec::new(),
            }
        });
        // An error means that it has panicked, and the panic is printed.
        all.extend(own_reply.map(|reply| (self.own.worker, reply)));
        all.sort_unstable_by_key(|(worker, _)| *worker);
        all
    }

    /// Asks all workers. Returns the content of their replies, which `unpack` takes out.
    async fn report<T>(&self, question: Question, unpack: impl Fn(Reply) -> Option<T>) -> Vec<T> {
        // The semaphore is never closed.
        let _permit = self.reporting.acquire().await;
        let replies = self.ask_all(question).await.into_iter();
        replies.filter_map(|(_, reply)| unpack(reply)).collect()
    }
}

impl OwnAdmin {
    /// Answers a question. May block.
    fn reply(&self, question: Question) -> Reply {
        match question {
            Question::Extensions => Reply::Extensions(json!({
                "worker": self.worker,
                "extensions": self.extensions.report(),
            })),
            Question::Metrics => {
                let of_extensions = lock(&self.extensions.native).metrics();
                Reply::Metrics(exposition::join([self.metrics.encode().as_str(), &of_extensions]))
            }
            Question::Health => Reply::Health {
                pid: std::process::id(),
                failure: self.health.failure().map(ToOwned::to_owned),
            },
            Question::Flush => Reply::Flush(self.flush()),
        }
    }

    /// Has the extensions flush.
    fn flush(&self) -> Flushed {
        struct ResetOnDrop<'a>(&'a AtomicBool);
        impl Drop for ResetOnDrop<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Release);
            }
        }
        // One at a time: a flush that hangs leaves a thread behind for each extension.
        if self.is_flushing.swap(true, Ordering::Acquire) {
            return Flushed::Busy;
        }
        let _reset = ResetOnDrop(&self.is_flushing);
        // Releases the lock before the flush, which may take long.
        let flush = lock(&self.extensions.native).flush();
        Flushed::Asked(flush(FLUSH))
    }
}

/// Returns the name of a worker's state.
fn state(failure: Option<&str>) -> &'static str {
    match failure {
        None => "Running",
        Some(_) => "Unhealthy",
    }
}

impl Admin for WorkerAdmin {
    fn failure(&self) -> Option<&str> {
        self.own.health.failure()
    }

    fn status(&self) -> AdminFuture<'_, Status> {
        Box::pin(async {
            let replies = self.ask_all(Question::Health).await;
            let worker = |index: u32| match replies.iter().find(|(worker, _)| *worker == index) {
                Some((_, Reply::Health { pid, failure })) => {
                    json!({ "index": index, "pid": pid, "state": state(failure.as_deref()) })
                }
                // It starts, or does not answer.
                _ => json!({ "index": index, "pid": null, "state": "NotReady" }),
            };
            let failure = self.failure();
            let mut report = json!({
                "state": state(failure),
                "version": env!("CARGO_PKG_VERSION"),
                "python": self.language,
                "worker": self.own.worker,
                "workers": (0..self.workers).map(worker).collect::<Vec<_>>(),
                "processUptime": self.start.elapsed().as_millis() as u64,
                "extensions": self.own.extensions.report(),
                "errors": self.own.errors,
            });
            if let Some(reason) = failure {
                report["reason"] = reason.into();
            }
            Status {
                is_healthy: failure.is_none(),
                report,
            }
        })
    }

    fn not_ready(&self) -> AdminFuture<'_, Vec<String>> {
        Box::pin(async {
            let replies = self.ask_all(Question::Health).await;
            let reason = |worker: u32| match replies.iter().find(|(index, _)| *index == worker) {
                Some((_, Reply::Health { failure, .. })) => failure
                    .as_ref()
                    .map(|reason| format!("worker {worker}: {reason}")),
                _ => Some(format!("worker {worker}: it is not ready, or does not answer")),
            };
            (0..self.workers).filter_map(reason).collect()
        })
    }

    fn extensions(&self) -> AdminFuture<'_, Value> {
        Box::pin(async {
            let unpack = |reply| match reply {
                Reply::Extensions(report) => Some(report),
                _ => None,
            };
            json!({ "workers": self.report(Question::Extensions, unpack).await })
        })
    }

    fn metrics(&self) -> AdminFuture<'_, String> {
        Box::pin(async {
            let unpack = |reply| match reply {
                Reply::Metrics(text) => Some(text),
                _ => None,
            };
            let texts = self.report(Question::Metrics, unpack).await;
            exposition::join(texts.iter().map(String::as_str))
        })
    }

    fn flush(&self) -> AdminFuture<'_, FlushReport> {
        Box::pin(async {
            let replies = self.ask_all(Question::Flush).await;
            let mut report = FlushReport {
                missing: (0..self.workers).collect(),
                ..FlushReport::default()
            };
            for (worker, reply) in replies {
                report.missing.retain(|missing| *missing != worker);
                match reply {
                    Reply::Flush(Flushed::Asked(failures)) => {
                        report
                            .failures
                            .extend(failures.into_iter().map(|failure| (worker, failure)));
                    }
                    Reply::Flush(Flushed::Busy) => report.busy.push(worker),
                    // No answer to this question.
                    Reply::Extensions(_) | Reply::Metrics(_) | Reply::Health { .. } | Reply::Failed => {
                        report.missing.push(worker);
                    }
                }
            }
            report
        })
    }
}
