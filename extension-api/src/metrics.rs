//! Metrics of an extension's own: registered at `init`, recorded to from any thread.

use crate::abi;

/// A number that only grows. Made by [`AppInfo::counter`](crate::AppInfo::counter); copies count together.
#[derive(Clone, Copy)]
pub struct Counter(abi::Counter);

// SAFETY: the host's function may be called from any thread, several at once, as long as the process lives.
unsafe impl Send for Counter {}
// SAFETY: as above.
unsafe impl Sync for Counter {}

impl Counter {
    pub(crate) fn new(raw: abi::Counter) -> Self {
        Counter(raw)
    }

    /// Adds to the counter. A few nanoseconds.
    #[inline]
    pub fn add(&self, amount: u64) {
        // SAFETY: the pointer came with the function, and lives as long as the process.
        unsafe { (self.0.add)(self.0.this, amount) }
    }
}

/// How often values fall into which range. Made by [`AppInfo::histogram`](crate::AppInfo::histogram).
#[derive(Clone, Copy)]
pub struct Histogram(abi::Histogram);

// SAFETY: as for `Counter`.
unsafe impl Send for Histogram {}
// SAFETY: as for `Counter`.
unsafe impl Sync for Histogram {}

impl Histogram {
    pub(crate) fn new(raw: abi::Histogram) -> Self {
        Histogram(raw)
    }

    /// Records a value, in the unit of the histogram's bounds.
    #[inline]
    pub fn record(&self, value: f64) {
        // SAFETY: as in `Counter::add`.
        unsafe { (self.0.record)(self.0.this, value) }
    }
}
