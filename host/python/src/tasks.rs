//! The tasks of the asynchronous calls that run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use funcdock::model::Invocation;
use pyo3::intern;
use pyo3::prelude::*;

/// The tasks of running calls. The loop itself only has weak references to its tasks.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<HashMap<TaskKey, Py<PyAny>>>);

/// The call of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TaskKey {
    /// The address of the invocation, which the call keeps alive.
    invocation: usize,
    /// Whether it is the call of an app to which a function handed its request.
    is_nested: bool,
}

impl TaskKey {
    /// Returns the key of a function's own call.
    pub(crate) fn of_call(invocation: &Arc<Invocation>) -> Self {
        TaskKey {
            invocation: Arc::as_ptr(invocation).addr(),
            is_nested: false,
        }
    }

    /// Returns the key of the call of an app to which a function handed its request.
    pub(crate) fn of_nested_call(invocation: &Arc<Invocation>) -> Self {
        TaskKey {
            is_nested: true,
            ..TaskKey::of_call(invocation)
        }
    }
}

impl Tasks {
    pub(crate) fn insert(&self, key: TaskKey, task: Py<PyAny>) {
        lock(&self.0).insert(key, task);
    }

    pub(crate) fn remove(&self, key: TaskKey) {
        let removed = lock(&self.0).remove(&key);
        // Not under the lock: this may drop the last reference.
        drop(removed);
    }

    /// Cancels the call, if it runs. Attached.
    pub(crate) fn cancel(&self, py: Python<'_>, invocation: &Arc<Invocation>) {
        for is_nested in [false, true] {
            let key = TaskKey {
                is_nested,
                ..TaskKey::of_call(invocation)
            };
            self.cancel_one(py, key);
        }
    }

    /// Cancels the task with this key, if it runs. Attached.
    pub(crate) fn cancel_one(&self, py: Python<'_>, key: TaskKey) {
        let task = lock(&self.0).get(&key).map(|task| task.clone_ref(py));
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

/// Locks a mutex. No code that holds one of these locks can panic or run Python code.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
