//! The limits for requests: those in host.json, and the end of a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::triggers::Calls;

/// The time that requests which are on their way have to arrive when the worker drains.
pub(super) const LAST_REQUESTS: Duration = Duration::from_millis(100);

/// The time in which a client has to take something of a response, or to close the connection, while the worker drains.
pub(super) const DRAINING_PAUSE: Duration = Duration::from_secs(2);

/// Waits until nothing counts any more that a client sends: the worker drains, and what was on its way has had its time.
pub(super) async fn last_requests(calls: &Calls) {
    calls.draining().await;
    tokio::time::sleep(LAST_REQUESTS).await;
}

/// The limits of one request.
pub(super) struct Limits {
    /// The maximum size of a body, in bytes.
    pub(super) body: u64,
    /// The longest pause of a client within a request's head or body.
    pub(super) pause: Duration,
}

/// The requests that run or wait.
pub(super) struct Outstanding {
    limit: Option<u32>,
    count: Arc<AtomicU32>,
}

impl Outstanding {
    /// Returns none yet, of which there may be so many.
    pub(super) fn new(limit: Option<u32>) -> Self {
        Outstanding {
            limit,
            count: Arc::default(),
        }
    }

    /// Counts another one; `None` when there are too many.
    pub(super) fn add(&self) -> Option<Counted> {
        let Some(limit) = self.limit else {
            return Some(Counted(None));
        };
        let counted = Counted(Some(Arc::clone(&self.count)));
        (self.count.fetch_add(1, Ordering::Relaxed) < limit).then_some(counted)
    }
}

/// One of the requests that run or wait, until dropped.
pub(super) struct Counted(Option<Arc<AtomicU32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
