//! Writes Python's log records to the host's log.

use funcdock::logging::{Format, Level, Record, record};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::calls::{self, Call};
use crate::package::Package;
use crate::text::lossy;

/// Inserts the host's handler first on the root logger, and adds ids to all records. Attached, before any code of the app
/// is imported. `least` is the least of Python's levels that is logged.
pub(crate) fn install(py: Python<'_>, package: &Package, format: Format, least: u8) -> PyResult<()> {
    let write = wrap_pyfunction!(write_record, py)?;
    let call = wrap_pyfunction!(call_of_record, py)?;
    package
        .logs
        .bind(py)
        .call_method1("install", (write, call, format == Format::Json, least))?;
    let current = wrap_pyfunction!(calls::current, py)?;
    package.companions.bind(py).setattr("_current", current)?;
    Ok(())
}

/// Writes a record, and returns whether it is logged; detached, as the log may be a slow pipe. `ids` are those from [`call_of_record`], or values that
/// function code has set instead.
#[pyfunction]
fn write_record(
    py: Python<'_>,
    level: u32,
    logger: &Bound<'_, PyString>,
    message: &Bound<'_, PyString>,
    ids: [Option<Bound<'_, PyString>>; 4],
    exception: Option<&Bound<'_, PyString>>,
    fields: Option<&Bound<'_, PyString>>,
) -> bool {
    let level = match level {
        50.. => Level::Critical,
        40..=49 => Level::Error,
        30..=39 => Level::Warn,
        20..=29 => Level::Info,
        10..=19 => Level::Debug,
        _ => Level::Trace,
    };
    let (logger, message) = (lossy(logger), lossy(message));
    let [invocation, function, trace_id, span_id] = ids.each_ref().map(|id| id.as_ref().map(lossy));
    let (exception, fields) = (exception.map(lossy), fields.map(lossy));
    let made = Record {
        logger: &logger,
        message: &message,
        invocation: invocation.as_deref(),
        function: function.as_deref(),
        trace_id: trace_id.as_deref(),
        span_id: span_id.as_deref(),
        exception: exception.as_deref(),
        fields: fields.as_deref(),
        is_of_extension: false,
    };
    py.detach(|| record(level, &made))
}

/// Returns (invocation id, function, trace id, span id) for a record made now: those of the task's call, of the call that
/// this thread runs, or else of the call that this thread of the app has `named`. `named` comes last, as it may be left
/// over from another call on a thread of the host.
#[pyfunction]
fn call_of_record<'py>(
    py: Python<'py>,
    task: Option<&Bound<'py, Call>>,
    named: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let ids = |call: &Call| {
        let (trace_id, span_id) = (call.trace.trace_id(), call.trace.span_id());
        (call.invocation_id(), call.function(), trace_id, span_id).into_pyobject(py)
    };
    if let Some(task) = task {
        return ids(task.get());
    }
    if let Some(call) = calls::current() {
        return ids(&call);
    }
    let is_meant = |call: &Call| named.is_some_and(|named| named.eq(call.invocation_id()).unwrap_or(false));
    match calls::named().filter(is_meant) {
        Some(call) => ids(&call),
        None => (named, None::<&str>, None::<&str>, None::<&str>).into_pyobject(py),
    }
}
