//! What a worker tells its operator: its state, its extensions, its metrics.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{lock, statistics};
use crate::control::WorkerConfig;
use crate::extensions::Extensions;
use crate::triggers::http::Admin;

/// What extensions get to flush when the operator asks for it.
const FLUSH: Duration = Duration::from_secs(5);

pub(super) struct WorkerAdmin {
    worker: u32,
    workers: u32,
    language: String,
    start: Instant,
    extensions: Arc<Mutex<Extensions>>,
}

impl WorkerAdmin {
    pub(super) fn new(config: &WorkerConfig, language: &str, extensions: Arc<Mutex<Extensions>>) -> Self {
        WorkerAdmin {
            worker: config.index,
            workers: config.workers,
            language: language.to_owned(),
            start: Instant::now(),
            extensions,
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
            "extensions": statistics(&self.extensions),
        })
    }

    fn extensions(&self) -> Value {
        json!({ "worker": self.worker, "extensions": statistics(&self.extensions) })
    }

    fn metrics(&self) -> String {
        lock(&self.extensions).metrics()
    }

    fn flush(&self) {
        // Not under the lock: the others go on meanwhile.
        let flush = lock(&self.extensions).flush();
        flush(FLUSH);
    }
}
