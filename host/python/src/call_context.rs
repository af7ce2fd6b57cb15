//! The `contextvars.Context` of a synchronous call: what its function sets is gone with it, as in an asyncio task.

use std::sync::{Arc, Mutex};

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::calls::Call;
use crate::package::Package;
use crate::tasks::lock;

/// Makes the contexts of calls.
pub(crate) struct Contexts {
    // Each is looked up once: they are on the way of each call.
    /// `set` of `funcdock.logs.call`.
    set_call: Py<PyAny>,
    /// `contextvars.copy_context`.
    copy: Py<PyAny>,
    /// `contextvars.Context.run`.
    enter: Py<PyAny>,
}

/// The context of one call.
pub(crate) struct CallContext(Py<PyAny>);

impl Contexts {
    /// Begins contexts as copies of the current one. Attached, after the app was imported, before the pool has threads.
    pub(crate) fn new(package: &Package, py: Python<'_>) -> PyResult<Self> {
        package.threads.bind(py).call_method0("keep_context")?;
        let contextvars = py.import("contextvars")?;
        Ok(Contexts {
            set_call: package.logs.bind(py).getattr("call")?.getattr("set")?.unbind(),
            copy: contextvars.getattr("copy_context")?.unbind(),
            enter: contextvars.getattr("Context")?.getattr("run")?.unbind(),
        })
    }

    /// Calls a function in a context of its own; returns both. Attached, on a thread of the pool.
    pub(crate) fn call<'py>(
        &self,
        py: Python<'py>,
        call: Call,
        function: &Bound<'py, PyAny>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(CallContext, Bound<'py, PyAny>)> {
        // In the thread's own context, which then has the call and what the imports left, and nothing of other calls. A copy
        // takes the same time however many variables there are.
        self.set_call.call1(py, (call,))?;
        let context = self.copy.call0(py)?;
        let value = self.enter.bind(py).call((&context, function), keywords)?;
        Ok((CallContext(context), value))
    }

    /// Runs code of ours in a context of its own; returns both. Attached.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        py: Python<'_>,
        call: Call,
        task: impl FnOnce(Python<'_>) -> T + Send + 'static,
    ) -> PyResult<(CallContext, T)> {
        let made = Made::default();
        let task = made.by(task);
        let (context, _) = self.call(py, call, Bound::new(py, task)?.as_any(), None)?;
        Ok((context, made.take()?))
    }
}

impl CallContext {
    /// Goes on in this context. Attached.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        py: Python<'_>,
        task: impl FnOnce(Python<'_>) -> T + Send + 'static,
    ) -> PyResult<T> {
        let made = Made::default();
        let task = Bound::new(py, made.by(task))?;
        self.0.bind(py).call_method1(intern!(py, "run"), (task,))?;
        made.take()
    }
}

/// What a task has made.
struct Made<T>(Arc<Mutex<Option<T>>>);

impl<T> Default for Made<T> {
    fn default() -> Self {
        Made(Arc::default())
    }
}

impl<T: Send + 'static> Made<T> {
    /// Returns the task as an object that Python calls.
    fn by(&self, task: impl FnOnce(Python<'_>) -> T + Send + 'static) -> Task {
        let made = Arc::clone(&self.0);
        Task(Mutex::new(Some(Box::new(move |py| {
            let value = task(py);
            *lock(&made) = Some(value);
        }))))
    }

    fn take(self) -> PyResult<T> {
        let made = lock(&self.0).take();
        made.ok_or_else(|| PyRuntimeError::new_err("the call's context did not run its task"))
    }
}

/// Code of ours that Python calls, once.
#[pyclass(frozen, module = "funcdock")]
struct Task(Mutex<Option<Job>>);

type Job = Box<dyn FnOnce(Python<'_>) + Send>;

#[pymethods]
impl Task {
    fn __call__(&self, py: Python<'_>) {
        let task = lock(&self.0).take();
        if let Some(task) = task {
            task(py);
        }
    }
}
