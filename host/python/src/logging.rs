//! Python's `logging` into the host's log.

use std::cell::RefCell;
use std::sync::Arc;

use funcdock::invocation::Invocation;
use funcdock::logging::{Level, record};
use pyo3::prelude::*;

use crate::package::Package;

thread_local! {
    /// The invocation whose synchronous function this thread is running.
    static CURRENT: RefCell<Option<Arc<Invocation>>> = const { RefCell::new(None) };
}

/// Says which invocation this thread is running from now on.
pub(crate) fn set_current(invocation: Option<Arc<Invocation>>) {
    CURRENT.set(invocation);
}

/// Puts our handler first on the root logger. Attached, before any code of the app is imported.
pub(crate) fn install(py: Python<'_>, package: &Package, debug: bool) -> PyResult<()> {
    let write = wrap_pyfunction!(write_record, py)?;
    let current = wrap_pyfunction!(current_invocation, py)?;
    package
        .logs
        .bind(py)
        .call_method1("install", (write, current, debug))?;
    Ok(())
}

/// Writes a record; detached, as the log may be a slow pipe.
#[pyfunction]
fn write_record(py: Python<'_>, level: u32, logger: &str, invocation: Option<&str>, message: &str) {
    let level = match level {
        40.. => Level::Error,
        30..=39 => Level::Warn,
        20..=29 => Level::Info,
        10..=19 => Level::Debug,
        _ => Level::Trace,
    };
    py.detach(|| record(level, logger, invocation, message));
}

#[pyfunction]
fn current_invocation() -> Option<String> {
    CURRENT.with_borrow(|current| current.as_ref().map(|invocation| invocation.id().to_owned()))
}
