//! What the calls of a function came to, for operators. Written on the way of each call: atomics of the thread that serves.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::model::Outcome;

/// The upper bounds of the ranges in which durations are counted, in seconds; one more range has none.
pub const BOUNDS: [f64; 15] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0,
];

/// The ways in which a call ends, by their index in the counts.
pub const ENDINGS: [&str; 6] = [
    "returned",
    "raised",
    "answered",
    "refused",
    "timed_out",
    "cancelled",
];

/// The counts of a function since the start of the worker.
#[derive(Debug, Default)]
pub struct Counts {
    in_flight: AtomicU32,
    endings: [AtomicU64; ENDINGS.len()],
    durations: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// The counts at one time. Calls go on meanwhile, so they may differ by a few.
#[derive(Debug, Clone, PartialEq)]
pub struct CountsNow {
    /// The calls that have begun and not ended.
    pub in_flight: u32,
    /// The calls that ended in each of the [`ENDINGS`].
    pub endings: [u64; ENDINGS.len()],
    /// The calls whose duration lies up to each of the [`BOUNDS`] and above the one before; the last ones lie above all.
    pub durations: [u64; BOUNDS.len() + 1],
    /// The sum of all durations, in seconds.
    pub seconds: f64,
}

impl Counts {
    /// Counts a call that begins.
    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// Counts the end of a call that took so long, up to the end of the function.
    pub(super) fn end(&self, outcome: &Outcome, took: Duration) {
        let ending = match outcome {
            Outcome::Returned(_) => 0,
            Outcome::Raised(_) => 1,
            Outcome::Answered { .. } => 2,
            Outcome::Refused { .. } => 3,
            Outcome::TimedOut(_) => 4,
            Outcome::Cancelled => 5,
        };
        let seconds = took.as_secs_f64();
        let range = BOUNDS.iter().take_while(|bound| seconds > **bound).count();
        self.in_flight.fetch_sub(1, Relaxed);
        self.endings[ending].fetch_add(1, Relaxed);
        self.durations[range].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(took.as_nanos() as u64, Relaxed);
    }

    /// Returns the counts now.
    pub fn now(&self) -> CountsNow {
        CountsNow {
            in_flight: self.in_flight.load(Relaxed),
            endings: self.endings.each_ref().map(|count| count.load(Relaxed)),
            durations: self.durations.each_ref().map(|count| count.load(Relaxed)),
            seconds: self.nanoseconds.load(Relaxed) as f64 / 1e9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_ending_and_duration() {
        let counts = Counts::default();
        for (outcome, took) in [
            (Outcome::Cancelled, Duration::from_micros(100)),
            (Outcome::TimedOut(Duration::ZERO), Duration::from_micros(101)),
            (Outcome::Cancelled, Duration::from_secs(301)),
        ] {
            counts.begin();
            counts.end(&outcome, took);
        }
        counts.begin();
        let now = counts.now();
        assert_eq!(now.in_flight, 1);
        assert_eq!(now.endings, [0, 0, 0, 0, 1, 2]);
        assert_eq!((now.durations[0], now.durations[1], now.durations[15]), (1, 1, 1));
        assert!((now.seconds - 301.000_201).abs() < 1e-9, "{}", now.seconds);
    }
}
