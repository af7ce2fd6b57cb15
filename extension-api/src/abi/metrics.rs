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
    /// Adds to the counter.
    pub add: unsafe extern "C" fn(this: *const c_void, amount: u64),
    /// Opaque to extensions.
    pub this: *const c_void,
}

/// A handle to a histogram. Lives as long as the process; for any thread.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Histogram {
    /// Records a value.
    pub record: unsafe extern "C" fn(this: *const c_void, value: f64),
    /// Opaque to extensions.
    pub this: *const c_void,
}
