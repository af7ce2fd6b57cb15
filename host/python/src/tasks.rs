//! The tasks of the asynchronous calls that run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use funcdock::model::Invocation;
use pyo3::intern;
use pyo3::prelude::*;

/// The tasks of running calls, by the address of the invocation, which the call keeps alive. The loop itself only has weak
/// references to its tasks.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<HashMap<usize, Py<PyAny>>>);

impl Tasks {
    pub(crate) fn insert(&self, invocation: &Arc<Invocation>, task: Py<PyAny>) {
        lock(&self.0).insert(key(invocation), task);
    }

    pub(crate) fn remove(&self, invocation: &Arc<Invocation>) {
        let removed = lock(&self.0).remove(&key(invocation));
        // Not under the lock: this may drop the last reference.
        drop(removed);
    }

    /// Cancels the call, if it runs. Attached.
    pub(crate) fn cancel(&self, py: Python<'_>, invocation: &Arc<Invocation>) {
        let task = lock(&self.0).get(&key(invocation)).map(|task| task.clone_ref(py));
        // Not under the lock: cancelling may run code of the app that the task waits for.
        if let Some(task) = task {
            cancel(task.bind(py));
        }
    }

    /// Cancels all calls that run. Attached.
    pub(crate) fn cancel_all(&self, py: Python<'_>) {
        let tasks: Vec<_> = lock(&self.0).values().map(|task| task.clone_ref(py)).collect();
        for task in tasks {
            cancel(task.bind(py));
        }
    }
}

fn cancel(task: &Bound<'_, PyAny>) {
    // asyncio's own do not fail, but the app may have tasks of another class.
    if let Err(error) = task.call_method0(intern!(task.py(), "cancel")) {
        tracing::warn!("a call cannot be cancelled: {error}");
    }
}

fn key(invocation: &Arc<Invocation>) -> usize {
    Arc::as_ptr(invocation).addr()
}

/// Locks a mutex. No code that holds one of these locks can panic or run Python code.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
