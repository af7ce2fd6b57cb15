//! The end of the worker, as exporters see it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Lets exporters that wait see whether the worker ends, and by when.
#[derive(Debug, Default)]
pub struct ShutdownSignal {
    deadline: Mutex<Option<Instant>>,
    begins: Condvar,
}

impl ShutdownSignal {
    /// Announces the end of the worker.
    pub fn begin(&self, deadline: Instant) {
        *self.lock() = Some(deadline);
        self.begins.notify_all();
    }

    /// Returns the end's deadline; `None` while the worker runs.
    pub fn deadline(&self) -> Option<Instant> {
        *self.lock()
    }

    /// Sleeps until then, or until the worker ends; while it ends, not beyond its deadline.
    pub fn sleep_until(&self, until: Instant) {
        let deadline = self.lock();
        let before = *deadline;
        let until = before.map_or(until, |end| end.min(until));
        let left = until.saturating_duration_since(Instant::now());
        let _ = self
            .begins
            .wait_timeout_while(deadline, left, |deadline| *deadline == before);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
