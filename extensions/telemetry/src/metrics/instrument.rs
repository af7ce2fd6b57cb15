//! Counters and histograms made of atomics.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of recorded units in one unit of bounds and sums.
pub(super) const NANOSECONDS: f64 = 1e9;
pub(super) const BYTES: f64 = 1.0;

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts how often values fall into each range.
#[derive(Debug)]
pub(super) struct Histogram {
    /// Upper bounds, inclusive; one further bucket takes the rest.
    bounds: &'static [f64],
    per_unit: f64,
    buckets: Box<[AtomicU64]>,
    /// In recorded units, which atomics add exactly.
    sum: AtomicU64,
}

/// A snapshot of a histogram.
#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    pub(super) bounds: &'static [f64],
    pub(super) buckets: Vec<u64>,
    /// In the unit of the bounds.
    pub(super) sum: f64,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [f64], per_unit: f64) -> Self {
        Histogram {
            bounds,
            per_unit,
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Records a value; returns it in the unit of the bounds.
    #[inline]
    pub(super) fn record(&self, value: u64) -> f64 {
        let in_units = value as f64 / self.per_unit;
        let bucket = self.bounds.iter().take_while(|bound| in_units > **bound).count();
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
        in_units
    }

    /// Takes a snapshot while recording goes on, so the sum may differ from the buckets by a few values.
    pub(super) fn snapshot(&self) -> Snapshot {
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        Snapshot {
            bounds: self.bounds,
            buckets: counts.collect(),
            sum: self.sum.load(Ordering::Relaxed) as f64 / self.per_unit,
        }
    }
}

impl Snapshot {
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_up_to_their_bound() {
        let histogram = Histogram::new(&[0.5, 1.0], NANOSECONDS);
        for nanoseconds in [0, 500_000_000, 500_000_001, 1_000_000_000, 1_000_000_001] {
            histogram.record(nanoseconds);
        }
        assert_eq!(histogram.record(2_500_000_000), 2.5);
        let recorded = histogram.snapshot();
        assert_eq!(recorded.buckets, [2, 2, 2]);
        assert_eq!(recorded.count(), 6);
        assert_eq!(recorded.sum, 5.500_000_002);
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let histogram = Histogram::new(&[10.0], BYTES);
        let counter = Counter::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for value in 0..20 {
                        histogram.record(value);
                        counter.add();
                    }
                });
            }
        });
        let recorded = histogram.snapshot();
        assert_eq!((counter.value(), recorded.count()), (80, 80));
        assert_eq!((recorded.buckets, recorded.sum), (vec![44, 36], 760.0));
    }
}
