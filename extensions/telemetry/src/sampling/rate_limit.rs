//! So many traces a second, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A token bucket that holds what comes in a second, at least one token.
///
/// One number describes it, the time at which it is full again; each trace moves that by the time that a token takes to
/// come back. Times are nanoseconds since the bucket was made.
#[derive(Debug)]
pub(super) struct RateLimit {
    start: Instant,
    /// The time in which a token comes back.
    interval: u64,
    /// The time in which an empty bucket is full again.
    window: u64,
    full_at: AtomicU64,
}

const SECOND: u64 = 1_000_000_000;

/// A century: far from what 64 bits hold.
const LONGEST: u64 = 100 * 365 * 86_400 * SECOND;

impl RateLimit {
    /// `per_second` is above 0. The first traces are those after `start`.
    pub(super) fn new(per_second: f64, start: Instant) -> Self {
        // A cast from float stops at the ends of 64 bits.
        let interval = ((SECOND as f64 / per_second) as u64).min(LONGEST);
        RateLimit {
            start,
            interval,
            window: interval.max(SECOND),
            full_at: AtomicU64::new(0),
        }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        // 64 bits of nanoseconds last for 584 years.
        let now = now.saturating_duration_since(self.start).as_nanos() as u64;
        let take = |full_at: u64| {
            let next = full_at.max(now) + self.interval;
            (next - now <= self.window).then_some(next)
        };
        // Nothing else is published with it, so the order of other memory does not matter.
        self.full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

#[cfg(test)]
mod tests;
