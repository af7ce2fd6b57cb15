//! Metrics that an extension registers at `init` and records to at any time.

use std::ffi::c_void;

use abi_stable::StableAbi;
use abi_stable::std_types::{RSlice, RStr, Tuple2};

/// What a metric is called.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct MetricInfo<'a> {
    /// Its name; the host puts the extension's in front.
    pub name: RStr<'a>,
    /// One line that says what it counts or measures, with the unit.
    pub help: RStr<'a>,
    /// Label names and values.
    pub labels: RSlice<'a, Tuple2<RStr<'a>, RStr<'a>>>,
}

/// A handle to a counter. Lives as long as the process; for any thread.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Counter {
    add: unsafe extern "C" fn(this: *const c_void, amount: u64),
    this: *const c_void,
}

// SAFETY: by the contract of `new`.
unsafe impl Send for Counter {}
// SAFETY: as above.
unsafe impl Sync for Counter {}

impl Counter {
    /// Makes a handle of a function and the pointer that it gets.
    ///
    /// # Safety
    /// `add` takes the pointer from any thread, several at once, as long as the process lives.
    pub const unsafe fn new(
        add: unsafe extern "C" fn(this: *const c_void, amount: u64),
        this: *const c_void,
    ) -> Self {
        Counter { add, this }
    }

    /// Adds to the counter.
    #[inline]
    pub fn add(&self, amount: u64) {
        // SAFETY: by the contract of `new`.
        unsafe { (self.add)(self.this, amount) }
    }
}

/// A handle to a histogram. Lives as long as the process; for any thread.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Histogram {
    record: unsafe extern "C" fn(this: *const c_void, value: f64),
    this: *const c_void,
}

// SAFETY: by the contract of `new`.
unsafe impl Send for Histogram {}
// SAFETY: as above.
unsafe impl Sync for Histogram {}

impl Histogram {
    /// Makes a handle of a function and the pointer that it gets.
    ///
    /// # Safety
    /// `record` takes the pointer from any thread, several at once, as long as the process lives.
    pub const unsafe fn new(
        record: unsafe extern "C" fn(this: *const c_void, value: f64),
        this: *const c_void,
    ) -> Self {
        Histogram { record, this }
    }

    /// Records a value.
    #[inline]
    pub fn record(&self, value: f64) {
        // SAFETY: by the contract of `new`.
        unsafe { (self.record)(self.this, value) }
    }
}

/// A handle to a gauge. Lives as long as the process; for any thread.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Gauge {
    set: unsafe extern "C" fn(this: *const c_void, value: f64),
    add: unsafe extern "C" fn(this: *const c_void, amount: f64),
    this: *const c_void,
}

// SAFETY: by the contract of `new`.
unsafe impl Send for Gauge {}
// SAFETY: as above.
unsafe impl Sync for Gauge {}

impl Gauge {
    /// Makes a handle of two functions and the pointer that they get.
    ///
    /// # Safety
    /// `set` and `add` take the pointer from any thread, several at once, as long as the process lives.
    pub const unsafe fn new(
        set: unsafe extern "C" fn(this: *const c_void, value: f64),
        add: unsafe extern "C" fn(this: *const c_void, amount: f64),
        this: *const c_void,
    ) -> Self {
        Gauge { set, add, this }
    }

    /// Sets the gauge.
    #[inline]
    pub fn set(&self, value: f64) {
        // SAFETY: by the contract of `new`.
        unsafe { (self.set)(self.this, value) }
    }

    /// Adds to the gauge; a negative amount subtracts.
    #[inline]
    pub fn add(&self, amount: f64) {
        // SAFETY: by the contract of `new`.
        unsafe { (self.add)(self.this, amount) }
    }
}
