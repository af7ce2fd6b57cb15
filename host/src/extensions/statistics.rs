//! What each hook of each extension did: calls, errors, panics, time.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use funcdock_extension_api::abi;
use serde::Serialize;

/// The buckets of a latency histogram: the first takes what is at most 2^7 = 128 ns, each next one twice that, the
/// last but one 2^30 ns, about a second, and the last the rest.
pub(crate) const BUCKETS: usize = 25;
const FIRST_BUCKET_BITS: u32 = 7;

/// Counts of one hook. Written by many threads, so each hook has cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct HookCounters {
    total_ns: AtomicU64,
    /// Calls by how long they took; their sum is the number of calls.
    latencies: [AtomicU64; BUCKETS],
    errors: AtomicU64,
    panics: AtomicU64,
    slow: AtomicU64,
    answers: AtomicU64,
    refusals: AtomicU64,
    /// Panics since the last call that did not panic.
    panics_in_a_row: AtomicU32,
}

/// How a hook call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Error,
    Panic,
}

impl Failure {
    /// What an extension returned.
    pub(super) fn of(error: &abi::Error) -> Self {
        match error.kind {
            abi::ERROR_PANIC => Failure::Panic,
            _ => Failure::Error,
        }
    }
}

impl HookCounters {
    /// Counts a call that took this long.
    #[inline]
    pub(super) fn called(&self, nanoseconds: u64) {
        self.latencies[bucket(nanoseconds)].fetch_add(1, Ordering::Relaxed);
        self.total_ns.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Records that the last call succeeded.
    #[inline]
    pub(super) fn succeeded(&self) {
        if self.panics_in_a_row.load(Ordering::Relaxed) != 0 {
            self.panics_in_a_row.store(0, Ordering::Relaxed);
        }
    }

    /// Records that the last call failed; returns how many have panicked in a row.
    pub(super) fn failed(&self, failure: Failure) -> u32 {
        match failure {
            Failure::Error => {
                self.errors.fetch_add(1, Ordering::Relaxed);
                self.succeeded();
                0
            }
            Failure::Panic => {
                self.panics.fetch_add(1, Ordering::Relaxed);
                self.panics_in_a_row.fetch_add(1, Ordering::Relaxed) + 1
            }
        }
    }

    /// Records that the last call took longer than its budget; returns how many have.
    pub(super) fn was_slow(&self) -> u64 {
        self.slow.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Records that the last call answered instead of the function.
    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that the last call refused the invocation.
    pub(super) fn refused(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> HookStatistics {
        let latencies = std::array::from_fn(|index| self.latencies[index].load(Ordering::Relaxed));
        let calls: u64 = latencies.iter().sum();
        let total_ns = self.total_ns.load(Ordering::Relaxed);
        HookStatistics {
            calls,
            errors: self.errors.load(Ordering::Relaxed),
            panics: self.panics.load(Ordering::Relaxed),
            slow: self.slow.load(Ordering::Relaxed),
            answers: self.answers.load(Ordering::Relaxed),
            refusals: self.refusals.load(Ordering::Relaxed),
            total_us: total_ns / 1000,
            mean_ns: total_ns.checked_div(calls).unwrap_or(0),
            latencies,
        }
    }
}

#[inline]
fn bucket(nanoseconds: u64) -> usize {
    let bits = u64::BITS - nanoseconds.saturating_sub(1).leading_zeros();
    (bits.saturating_sub(FIRST_BUCKET_BITS) as usize).min(BUCKETS - 1)
}

/// The upper bound of a bucket in seconds; of the last, infinity.
pub(crate) fn bucket_bound(index: usize) -> f64 {
    if index >= BUCKETS - 1 {
        return f64::INFINITY;
    }
    (1_u64 << (index as u32 + FIRST_BUCKET_BITS)) as f64 / 1e9
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
    /// How many calls, or polls of what they wait for, took longer than the extension's `hookBudgetMs`.
    pub slow: u64,
    /// How many calls answered instead of the function.
    pub answers: u64,
    /// How many calls refused the invocation.
    pub refusals: u64,
    /// Time spent in it, in microseconds; of what it waits for, the first poll alone.
    pub total_us: u64,
    /// Mean time of a call, in nanoseconds.
    pub mean_ns: u64,
    /// Calls by how long they took.
    #[serde(skip)]
    pub(crate) latencies: [u64; BUCKETS],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_what_is_at_most_their_bound() {
        for (nanoseconds, expected) in [
            (0, 0),
            (1, 0),
            (128, 0),
            (129, 1),
            (256, 1),
            (257, 2),
            (1 << 30, BUCKETS - 2),
            ((1 << 30) + 1, BUCKETS - 1),
            (u64::MAX, BUCKETS - 1),
        ] {
            assert_eq!(bucket(nanoseconds), expected, "{nanoseconds} ns");
        }
        assert_eq!(bucket_bound(0), 128e-9);
        assert_eq!(bucket_bound(BUCKETS - 1), f64::INFINITY);
    }
}
