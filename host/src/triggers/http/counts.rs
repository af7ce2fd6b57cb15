//! What responses a worker has sent, for operators.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::StatusCode;

/// The classes of statuses, as labels.
pub const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The number of responses of each of the [`CLASSES`].
#[derive(Debug, Default)]
pub struct ResponseCounts([AtomicU64; CLASSES.len()]);

impl ResponseCounts {
    /// Counts a response.
    pub(super) fn add(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        // Beyond 599 there are none that anybody knows.
        self.0[class.min(CLASSES.len() - 1)].fetch_add(1, Relaxed);
    }

    /// Returns the counts now.
    pub fn now(&self) -> [u64; CLASSES.len()] {
        self.0.each_ref().map(|count| count.load(Relaxed))
    }
}
