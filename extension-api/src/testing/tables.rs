//! The tables of functions that a mock host gives to the extension, but for those of calls.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, Tuple2};

use super::request::TestFunction;
use super::state::{self, Call, Init, LogRecord, lock};
use crate::abi;

pub(super) fn init(init: &Init) -> abi::Init {
    abi::Init {
        functions: INIT,
        this: std::ptr::from_ref(init).cast(),
    }
}

pub(super) fn function(function: &TestFunction) -> abi::Function {
    abi::Function {
        functions: FUNCTION,
        this: std::ptr::from_ref(function).cast(),
    }
}

/// # Safety
/// `this` must come from one of the functions above, for a value of type `T` that is still borrowed.
pub(super) unsafe fn context<'a, T>(this: *const c_void) -> &'a T {
    // SAFETY: by this function's contract.
    unsafe { &*this.cast::<T>() }
}

/// A string that the callee borrows for as long as its context, which the C type cannot say.
pub(super) fn lend(text: &str) -> RStr<'static> {
    // SAFETY: the contract of `abi`: it lives as long as the context that it was asked of.
    RStr::from_str(unsafe { &*std::ptr::from_ref(text) })
}

pub(super) fn lend_bytes(bytes: &[u8]) -> RSlice<'static, u8> {
    // SAFETY: as in `lend`.
    RSlice::from_slice(unsafe { &*std::ptr::from_ref(bytes) })
}

pub(super) fn error(message: &str) -> abi::Error {
    abi::Error {
        kind: abi::ERROR_VALUE,
        message: message.into(),
    }
}

pub(super) const HOST_SERVICES: abi::HostServicesRef = {
    unsafe extern "C" fn max_log_level() -> u8 {
        5
    }
    unsafe extern "C" fn log(
        level: u8,
        target: RStr<'_>,
        message: RStr<'_>,
        invocation: ROption<abi::Invocation>,
    ) {
        // SAFETY: an invocation that the SDK passes is the one of the hook it is in, and one of ours.
        let call = invocation
            .into_option()
            .map(|raw| unsafe { context::<Call>(raw.this) });
        let record = LogRecord {
            level: match level {
                1 => tracing::Level::ERROR,
                2 => tracing::Level::WARN,
                3 => tracing::Level::INFO,
                4 => tracing::Level::DEBUG,
                _ => tracing::Level::TRACE,
            },
            target: target.to_string(),
            message: message.to_string(),
            invocation: call.map(|call| call.id.clone()),
        };
        let state = call.map(|call| Arc::clone(&call.state)).or_else(state::current);
        if let Some(state) = state {
            state.log(record);
        }
    }
    const TABLE: &WithMetadata<abi::HostServices> = &WithMetadata::new(abi::HostServices {
        host_version: RStr::from_str("0.0.0-test"),
        max_log_level,
        log,
    });
    abi::HostServicesRef(TABLE.static_as_prefix())
};

const INIT: abi::InitFnsRef = {
    unsafe extern "C" fn app_root(_this: *const c_void) -> RStr<'static> {
        RStr::from_str("/app")
    }
    unsafe extern "C" fn worker_index(_this: *const c_void) -> u32 {
        0
    }
    unsafe extern "C" fn function(this: *const c_void) -> ROption<abi::Function> {
        // SAFETY: `this` is an `Init`, by `init`.
        ROption::RSome(super::tables::function(
            &unsafe { context::<Init>(this) }.function,
        ))
    }
    unsafe extern "C" fn counter(
        this: *const c_void,
        metric: abi::MetricInfo<'_>,
    ) -> RResult<abi::Counter, abi::Error> {
        unsafe extern "C" fn add(this: *const c_void, amount: u64) {
            // SAFETY: `this` is the counter below, which is never freed.
            unsafe { &*this.cast::<AtomicU64>() }.fetch_add(amount, Ordering::Relaxed);
        }
        // SAFETY: as above.
        let state = &unsafe { context::<Init>(this) }.state;
        let counter = match name_and_labels(&metric) {
            Ok((name, labels)) => state.register_counter(name, labels),
            Err(problem) => return RResult::RErr(problem),
        };
        RResult::ROk(abi::Counter {
            add,
            this: std::ptr::from_ref(counter).cast(),
        })
    }
    unsafe extern "C" fn histogram(
        this: *const c_void,
        metric: abi::MetricInfo<'_>,
        bounds: RSlice<'_, f64>,
    ) -> RResult<abi::Histogram, abi::Error> {
        unsafe extern "C" fn record(this: *const c_void, value: f64) {
            // SAFETY: `this` is the histogram below, which is never freed.
            lock(unsafe { &*this.cast::<Mutex<Vec<f64>>>() }).push(value);
        }
        if !bounds.is_sorted_by(|a, b| a < b) {
            return RResult::RErr(error(&format!("{}: the bounds do not ascend", metric.name)));
        }
        // SAFETY: as above.
        let state = &unsafe { context::<Init>(this) }.state;
        let histogram = match name_and_labels(&metric) {
            Ok((name, labels)) => state.register_histogram(name, labels),
            Err(problem) => return RResult::RErr(problem),
        };
        RResult::ROk(abi::Histogram {
            record,
            this: std::ptr::from_ref(histogram).cast(),
        })
    }
    const TABLE: &WithMetadata<abi::InitFns> = &WithMetadata::new(abi::InitFns {
        app_root,
        worker_index,
        function,
        counter,
        histogram,
    });
    abi::InitFnsRef(TABLE.static_as_prefix())
};

fn name_and_labels(metric: &abi::MetricInfo<'_>) -> Result<(String, Vec<(String, String)>), abi::Error> {
    let valid = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut labels = Vec::new();
    for Tuple2(name, value) in metric.labels.as_slice() {
        if !valid(name) {
            return Err(error(&format!("{name:?} is no label's name")));
        }
        labels.push((name.to_string(), value.to_string()));
    }
    if !valid(&metric.name) {
        return Err(error(&format!("{:?} is no metric's name", metric.name)));
    }
    Ok((metric.name.to_string(), labels))
}

const FUNCTION: abi::FunctionFnsRef = {
    unsafe extern "C" fn name(this: *const c_void) -> RStr<'static> {
        // SAFETY: `this` is a `TestFunction`, by `function`.
        lend(&unsafe { context::<TestFunction>(this) }.name)
    }
    unsafe extern "C" fn directory(this: *const c_void) -> RStr<'static> {
        // SAFETY: as above.
        lend(&unsafe { context::<TestFunction>(this) }.directory)
    }
    unsafe extern "C" fn trigger(this: *const c_void) -> RStr<'static> {
        // SAFETY: as above.
        lend(&unsafe { context::<TestFunction>(this) }.trigger)
    }
    unsafe extern "C" fn route(this: *const c_void) -> ROption<RStr<'static>> {
        // SAFETY: as above.
        unsafe { context::<TestFunction>(this) }
            .route
            .as_deref()
            .map(lend)
            .into()
    }
    const TABLE: &WithMetadata<abi::FunctionFns> = &WithMetadata::new(abi::FunctionFns {
        name,
        directory,
        trigger,
        route,
    });
    abi::FunctionFnsRef(TABLE.static_as_prefix())
};
