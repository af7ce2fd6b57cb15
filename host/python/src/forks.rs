//! Children of the worker that are forked from function code: see `funcdock.forks`.
//!
//! A child has the thread that forked it and none of ours, and shares our sockets. So it closes those, does not wait for
//! locks that other threads held, and never ends a call: it ends itself.

use std::os::fd::BorrowedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use funcdock::logging;
use funcdock::sys::SharedSockets;
use pyo3::call::PyCallArgs;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// This process is a forked child of a worker.
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// What children close.
static SOCKETS: OnceLock<SharedSockets> = OnceLock::new();

/// Remembers the sockets of the worker.
pub(crate) fn remember(control: BorrowedFd<'_>, listener: BorrowedFd<'_>) {
    // Set once, as `run` is called once.
    let _ = SOCKETS.set(SharedSockets::of(control, listener));
}

/// Prepares for children. `event_loop` is the worker's. Attached, before code of the app is imported.
pub(crate) fn install(py: Python<'_>, event_loop: &Py<PyAny>) -> PyResult<()> {
    let after_in_child = wrap_pyfunction!(after_in_child, py)?;
    py.import("funcdock.forks")?
        .call_method1("install", (event_loop, after_in_child))?;
    Ok(())
}

#[pyfunction]
fn after_in_child() {
    IS_CHILD.store(true, Ordering::Relaxed);
    logging::after_fork_in_child();
    if let Some(sockets) = SOCKETS.get() {
        sockets.close_in_child();
    }
}

/// Ends this process if it is a child, whose function has returned, or raised this error. Attached.
pub(crate) fn end_call_of_child(py: Python<'_>, error: Option<&PyErr>) {
    if IS_CHILD.load(Ordering::Relaxed) {
        let error = error.map(|error| error.clone_ref(py).into_value(py));
        end(py, intern!(py, "end_call"), (error,));
    }
}

/// Ends this process if it is a child that has come back to the event loop. Attached.
pub(crate) fn end_child_in_loop(py: Python<'_>) {
    if IS_CHILD.load(Ordering::Relaxed) {
        end(py, intern!(py, "came_back"), ());
    }
}

fn end<'py>(py: Python<'py>, name: &Bound<'py, PyString>, arguments: impl PyCallArgs<'py>) -> ! {
    let _ = py
        .import(intern!(py, "funcdock.forks"))
        .and_then(|module| module.call_method1(name, arguments));
    // It has not come back, unless a handler of the app raised on its way.
    std::process::abort()
}
