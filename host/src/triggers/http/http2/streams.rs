//! The streams of a connection, as tasks that the worker waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hyper::rt::Executor;

use crate::triggers::Calls;

/// Runs and counts streams. Clones share the counts.
#[derive(Clone)]
pub(super) struct Streams {
    calls: Calls,
    running: Arc<AtomicUsize>,
    begun: Arc<AtomicUsize>,
}

impl Streams {
    pub(super) fn new(calls: Calls) -> Self {
        Streams {
            calls,
            running: Arc::default(),
            begun: Arc::default(),
        }
    }

    /// Returns the number of streams so far.
    pub(super) fn begun(&self) -> usize {
        self.begun.load(Relaxed)
    }

    /// Whether a request is being answered, or its response taken from the one who makes it.
    pub(super) fn are_running(&self) -> bool {
        self.running.load(Relaxed) > 0
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.begun.fetch_add(1, Relaxed);
        self.running.fetch_add(1, Relaxed);
        let running = Running(Arc::clone(&self.running));
        self.calls.spawn(async move {
            stream.await;
            drop(running);
        });
    }
}

/// A stream that runs, until dropped.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
