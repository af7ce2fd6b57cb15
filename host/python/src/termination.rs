//! The app's own handler of SIGTERM is called when the worker begins to stop: see `funcdock.tasks`.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

/// The process has got a SIGTERM, from whomever.
static RECEIVED: AtomicBool = AtomicBool::new(false);

/// Has the handler in `funcdock.tasks` tell us of signals. Attached.
pub(crate) fn install(tasks: &Bound<'_, PyModule>) -> PyResult<()> {
    tasks.setattr("signal_received", wrap_pyfunction!(signal_received, tasks.py())?)
}

#[pyfunction]
fn signal_received() {
    RECEIVED.store(true, Ordering::Release);
}

/// Has the app's handler called on the main thread, unless a service manager has signalled this process itself. From any
/// thread; needs no attachment, as a function may hold the GIL.
pub(crate) fn begin() {
    if !RECEIVED.load(Ordering::Acquire) {
        funcdock::sys::terminate_if_handled();
    }
}
