//! What each hook of each extension did: calls, errors, panics, time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::ticks;

/// Counts of one hook. Written by many threads, so each hook has a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct HookCounters {
    calls: AtomicU64,
    ticks: AtomicU64,
    errors: AtomicU64,
    panics: AtomicU64,
}

impl HookCounters {
    /// One call that took so many ticks.
    #[inline]
    pub(super) fn called(&self, ticks: u64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.ticks.fetch_add(ticks, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, panicked: bool) {
        let counter = if panicked { &self.panics } else { &self.errors };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> HookStatistics {
        let calls = self.calls.load(Ordering::Relaxed);
        let total = ticks::to_duration(self.ticks.load(Ordering::Relaxed));
        HookStatistics {
            calls,
            errors: self.errors.load(Ordering::Relaxed),
            panics: self.panics.load(Ordering::Relaxed),
            total_us: total.as_micros() as u64,
            mean_ns: mean(total, calls),
        }
    }
}

fn mean(total: Duration, calls: u64) -> u64 {
    total.as_nanos().checked_div(u128::from(calls)).unwrap_or(0) as u64
}

/// What one hook did since the worker started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HookStatistics {
    /// How often it was called.
    pub calls: u64,
    /// How many calls returned an error.
    pub errors: u64,
    /// How many calls panicked.
    pub panics: u64,
    /// Time spent in it, in microseconds.
    pub total_us: u64,
    /// Mean time of a call, in nanoseconds.
    pub mean_ns: u64,
}
