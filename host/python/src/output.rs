//! What functions print is out when their calls end: see `funcdock.output`.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::intern;
use pyo3::prelude::*;

/// Something was printed since the last flush, without the end of its line.
static PRINTED: AtomicBool = AtomicBool::new(false);

/// Replaces the standard streams. Attached.
pub(crate) fn install(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let mark = wrap_pyfunction!(mark, module.py())?;
    module.call_method1("install", (mark,))?;
    Ok(())
}

#[pyfunction]
fn mark() {
    PRINTED.store(true, Ordering::Relaxed);
}

/// Writes what was printed. Attached, at the end of each call: costs nothing if nothing was printed.
pub(crate) fn flush(py: Python<'_>) {
    // Relaxed: what this thread has printed, it has marked itself.
    if PRINTED.load(Ordering::Relaxed) {
        PRINTED.store(false, Ordering::Relaxed);
        let flushed = py
            .import(intern!(py, "funcdock.output"))
            .and_then(|module| module.call_method0(intern!(py, "flush")));
        if let Err(error) = flushed {
            tracing::debug!("what a function has printed cannot be flushed: {error}");
        }
    }
}
