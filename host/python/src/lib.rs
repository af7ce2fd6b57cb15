//! Funcdock for CPython: a [`FunctionRunner`](funcdock::pipeline::FunctionRunner) as an extension module.
//!
//! The supervisor starts the app's own interpreter, which imports this module as `_funcdock` and calls
//! [`run`]. One build serves every CPython from 3.9 on.
//!
//! | thread | what it does | attached to the interpreter |
//! |---|---|---|
//! | main | loads the functions, then runs the event loop | yes, except while it waits |
//! | `serving` | serves triggers, runs hooks | never |
//! | `function-N` | runs synchronous functions | while there are calls |
//! | `interpreter` | starts threads, reads their stacks | while it does |
//! | `watchdog` | watches that all of these make progress | never |

mod arguments;
mod asgi;
mod async_call;
mod byte_copy;
mod byte_reader;
mod call_context;
mod calls;
mod companions;
mod context;
mod convert;
mod dock;
mod event_loop;
mod exceptions;
mod forks;
mod functions_host;
mod hooks;
mod index;
mod interpreter_thread;
mod logging;
mod objects;
mod outcomes;
mod output;
mod package;
mod pool;
mod runner;
mod runtime;
mod tasks;
mod termination;
mod text;
mod watchdog;
mod wsgi;

use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use funcdock::worker::Worker;
use pyo3::prelude::*;

use runner::PythonRunner;

/// Runs a worker until the supervisor ends it; returns its exit code.
///
/// Called once, attached, on the main thread. It returns no `PyErr`: a failure before the worker is ready is reported to
/// the supervisor.
#[pyfunction]
fn run(py: Python<'_>, control_fd: i32, listener_fd: i32, loads_fd: i32, logs_fd: i32) -> i32 {
    // SAFETY: the supervisor passes these descriptors to this process only for this call.
    let owned = |descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) };
    let (control, listener) = (owned(control_fd), owned(listener_fd));
    let (loads, logs) = (owned(loads_fd), owned(logs_fd));
    forks::remember(control.as_fd(), listener.as_fd());
    match py.detach(|| Worker::connect(control, listener, loads, logs)) {
        Ok(worker) => serve(py, worker),
        Err(code) => code,
    }
}

/// Runs a worker of Microsoft's Functions host until the host ends it; returns its exit code.
///
/// Called once, attached, on the main thread. It returns no `PyErr`: failures are reported to the host.
#[pyfunction]
fn run_under_functions_host(
    py: Python<'_>,
    uri: String,
    worker_id: String,
    request_id: String,
    max_message_length: &str,
    binary_folder: PathBuf,
) -> i32 {
    functions_host::run(py, uri, worker_id, request_id, max_message_length, binary_folder)
}

/// Serves the app through this worker to its end; returns the exit code. Attached, on the main thread.
fn serve(py: Python<'_>, worker: Worker) -> i32 {
    let (runner, worker) = match PythonRunner::load(py, worker) {
        Ok((runner, worker)) => (Arc::new(runner), worker),
        Err(code) => {
            asgi::shut_down_early(py);
            return code;
        }
    };
    let python = version(py);
    let (shared, stopped) = (Arc::clone(&runner), Arc::clone(&runner));
    let serving = match py.detach(|| worker.serve(shared, &python, move || stopped.stop())) {
        Ok(serving) => serving,
        Err(code) => return code,
    };
    runner.run_event_loop(py);
    py.detach(|| serving.join())
}

/// Returns the interpreter's version: "3.12.4".
fn version(py: Python<'_>) -> String {
    let python = py.version_info();
    format!("{}.{}.{}", python.major, python.minor, python.patch)
}

/// Waits until the log is written, as far as somebody reads it. Attached; called last before the process exits.
#[pyfunction]
fn flush_log(py: Python<'_>) {
    py.detach(funcdock::logging::flush);
}

/// The extension module.
#[pymodule]
fn _funcdock(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(run, module)?)?;
    module.add_function(wrap_pyfunction!(run_under_functions_host, module)?)?;
    module.add_function(wrap_pyfunction!(flush_log, module)?)
}
