//! What a worker tells its operator: its state, its extensions, its metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Docked, lock};
use crate::control::WorkerConfig;
use crate::triggers::http::Admin;

/// What extensions get to flush when the operator asks for it.
const FLUSH: Duration = Duration::from_secs(5);

pub(super) struct WorkerAdmin {
    worker: u32,
    workers: u32,
    language: String,
    start: Instant,
    extensions: Docked,
    flushing: AtomicBool,
}

impl WorkerAdmin {
    pub(super) fn new(config: &WorkerConfig, language: &str, extensions: Docked) -> Self {
        WorkerAdmin {
            worker: config.index,
            workers: config.workers,
            language: language.to_owned(),
            start: Instant::now(),
            extensions,
            flushing: AtomicBool::new(false),
        }
    }
}

impl Admin for WorkerAdmin {
    fn status(&self) -> Value {
        json!({
            "state": "Running",
            "version": env!("CARGO_PKG_VERSION"),
            "python": self.language,
            "worker": self.worker,
            "workers": self.workers,
            "processUptime": self.start.elapsed().as_millis() as u64,
            "extensions": self.extensions.report(),
        })
    }

    fn extensions(&self) -> Value {
        json!({ "worker": self.worker, "extensions": self.extensions.report() })
    }

    fn metrics(&self) -> String {
        lock(&self.extensions.native).metrics()
    }

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
