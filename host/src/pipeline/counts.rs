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
    durations: Durations,
    waits: Durations,
}

/// How many durations lie in each range, and their sum.
#[derive(Debug, Default)]
struct Durations {
    ranges: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// The counts at one time. Calls go on meanwhile, so they may differ by a few.
#[derive(Debug, Clone, PartialEq)]
pub struct CountsNow {
    /// The calls that have begun and not ended.
    pub in_flight: u32,
    /// The calls that ended in each of the [`ENDINGS`].
    pub endings: [u64; ENDINGS.len()],
    /// How long they took, up to the end of the function.
    pub durations: DurationsNow,
    /// How long they waited before the function began: for a thread, or for the event loop. Those whose function was to be
    /// called.
    pub waits: DurationsNow,
}

/// Durations at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationsNow {
    /// How many lie up to each of the [`BOUNDS`] and above the one before; the last ones lie above all.
    pub ranges: [u64; BOUNDS.len() + 1],
    /// Their sum, in seconds.
    pub seconds: f64,
}

impl Durations {
    fn add(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let range = BOUNDS.iter().take_while(|bound| seconds > **bound).count();
        self.ranges[range].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(duration.as_nanos() as u64, Relaxed);
    }

    fn now(&self) -> DurationsNow {
        DurationsNow {
            ranges: self.ranges.each_ref().map(|count| count.load(Relaxed)),
            seconds: self.nanoseconds.load(Relaxed) as f64 / 1e9,
        }
    }
}

impl Counts {
    /// Counts a call that begins.
    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// Counts the end of a call that took so long, up to the end of the function, and `waited` before the function began.
    pub(super) fn end(&self, outcome: &Outcome, took: Duration, waited: Option<Duration>) {
        let ending = match outcome {
            Outcome::Returned(_) => 0,
            Outcome::Raised(_) => 1,
            Outcome::Answered { .. } => 2,
            Outcome::Refused { .. } => 3,
            Outcome::TimedOut(_) => 4,
            Outcome::Cancelled => 5,
        };
        self.in_flight.fetch_sub(1, Relaxed);
        self.endings[ending].fetch_add(1, Relaxed);
        self.durations.add(took);
        if let Some(waited) = waited {
            self.waits.add(waited);
        }
    }

    /// Returns the counts now.
    pub fn now(&self) -> CountsNow {
        CountsNow {
            in_flight: self.in_flight.load(Relaxed),
            endings: self.endings.each_ref().map(|count| count.load(Relaxed)),
            durations: self.durations.now(),
            waits: self.waits.now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_ending_and_duration() {
        let counts = Counts::default();
        for (outcome, took, waited) in [
            (Outcome::Cancelled, Duration::from_micros(100), None),
            (
                Outcome::TimedOut(Duration::ZERO),
                Duration::from_micros(101),
                Some(Duration::from_micros(100)),
            ),
            (
                Outcome::Cancelled,
                Duration::from_secs(301),
                Some(Duration::from_secs(300)),
            ),
        ] {
            counts.begin();
            counts.end(&outcome, took, waited);
        }
        counts.begin();
        let now = counts.now();
        assert_eq!(now.in_flight, 1);
        assert_eq!(now.endings, [0, 0, 0, 0, 1, 2]);
        let ranges = |durations: &DurationsNow| [0, 1, 14, 15].map(|range| durations.ranges[range]);
        assert_eq!(ranges(&now.durations), [1, 1, 0, 1]);
        assert_eq!(ranges(&now.waits), [1, 0, 1, 0]);
        for (durations, seconds) in [(now.durations, 301.000_201), (now.waits, 300.000_1)] {
            assert!(
                (durations.seconds - seconds).abs() < 1e-9,
                "{}",
                durations.seconds
            );
        }
    }
}
