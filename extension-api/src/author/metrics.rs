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

/// A number that goes up and down: connections that are open, the age of a key. Made by
/// [`AppInfo::gauge`](crate::AppInfo::gauge); copies are of the same gauge.
#[derive(Clone, Copy)]
pub struct Gauge(abi::Gauge);

impl Gauge {
    pub(crate) fn new(raw: abi::Gauge) -> Self {
        Gauge(raw)
    }

    /// Sets the gauge, in the unit that its name ends with.
    #[inline]
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Adds to the gauge; a negative amount subtracts.
    #[inline]
    pub fn add(&self, amount: f64) {
        self.0.add(amount);
    }
}
