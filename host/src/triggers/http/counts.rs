//! What responses a worker has sent, for operators.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::StatusCode;

/// The classes of statuses, as labels.
pub const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The number of responses of each of the [`CLASSES`].
#[derive(Default)]
pub struct ResponseCounts {
    classes: [AtomicU64; CLASSES.len()],
    limit: Option<Limit>,
}

/// A number of responses, and who wants to know when they are sent.
struct Limit {
    left: AtomicU64,
    reached: Box<dyn Fn() + Send + Sync>,
}

impl ResponseCounts {
    /// Counts, and calls `reached` once, with response number `limit`. It must not block.
    pub fn with_limit(limit: u64, reached: Box<dyn Fn() + Send + Sync>) -> Self {
        ResponseCounts {
            limit: Some(Limit {
                left: AtomicU64::new(limit),
                reached,
            }),
            ..Self::default()
        }
    }

    /// Counts a response.
    pub(super) fn add(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        // Beyond 599 there are none that anybody knows.
        self.classes[class.min(CLASSES.len() - 1)].fetch_add(1, Relaxed);
        // It goes on below zero, and never comes to one again.
        if let Some(limit) = &self.limit
            && limit.left.fetch_sub(1, Relaxed) == 1
        {
            (limit.reached)();
        }
    }

    /// Returns the counts now.
    pub fn now(&self) -> [u64; CLASSES.len()] {
        self.classes.each_ref().map(|count| count.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_limit_is_told_once_with_the_last_response_before_it() {
        let told = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&told);
        let counts = ResponseCounts::with_limit(
            3,
            Box::new(move || {
                counted.fetch_add(1, Relaxed);
            }),
        );
        for (status, expected) in [(200, 0), (404, 0), (503, 1), (200, 1), (200, 1)] {
            counts.add(StatusCode::from_u16(status).expect("valid"));
            assert_eq!(told.load(Relaxed), expected);
        }
        assert_eq!(counts.now(), [0, 3, 0, 1, 1]);
    }
}
