//! Metrics of an extension's own: registered at `init`, recorded to from any thread.

use crate::abi;

/// A number that only grows. Made by [`AppInfo::counter`](crate::AppInfo::counter); copies count together.
#[derive(Clone, Copy)]
pub struct Counter(abi::Counter);

impl Counter {
    pub(crate) fn new(raw: abi::Counter) -> Self {
        Counter(raw)
    }

    /// Adds to the counter. A few nanoseconds.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.add(amount);
    }
}

/// Counts how often values fall into which range. Made by [`AppInfo::histogram`](crate::AppInfo::histogram).
#[derive(Clone, Copy)]
pub struct Histogram(abi::Histogram);

impl Histogram {
    pub(crate) fn new(raw: abi::Histogram) -> Self {
        Histogram(raw)
    }

    /// Records a value, in the unit of the histogram's bounds.
    #[inline]
    pub fn record(&self, value: f64) {
        self.0.record(value);
    }
}
