//! The call that runs on this thread or in this task.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock, Weak};

use funcdock::model::{Invocation, InvocationId, TraceIds};
use funcdock::pipeline::{LoadedFunction, RunnerCall};
use pyo3::prelude::*;

use crate::objects::to_python;

/// The functions of the worker, by their indices. They end with the worker's extensions, whose hooks they have.
static FUNCTIONS: OnceLock<Box<[Weak<LoadedFunction>]>> = OnceLock::new();

/// Keeps the functions that calls are of. Called once, before the first call.
pub(crate) fn keep_functions(functions: &[Arc<LoadedFunction>]) {
    // Fails only when it is done already.
    let _ = FUNCTIONS.set(functions.iter().map(Arc::downgrade).collect());
}

thread_local! {
    /// The call whose synchronous function this thread runs.
    static CURRENT: RefCell<Option<RunnerCall>> = const { RefCell::new(None) };
    /// The call whose `context.thread_local_storage` this thread of the app has read last.
    static NAMED: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// A call, for holders that may outlive it: the context of a task or a thread must not keep the request alive.
#[pyclass(frozen, module = "funcdock")]
#[derive(Clone)]
pub(crate) struct Call {
    id: InvocationId,
    /// The index of the function. A reference would be counted for each call, on all threads.
    function: usize,
    pub(crate) trace: TraceIds,
    invocation: Weak<Invocation>,
}

impl Call {
    pub(crate) fn of(invocation: &Arc<Invocation>, function: &Arc<LoadedFunction>) -> Self {
        Call {
            id: invocation.id_value().clone(),
            function: function.index,
            trace: invocation.trace_ids(),
            invocation: Arc::downgrade(invocation),
        }
    }

    /// Returns the function, unless the worker has ended.
    fn loaded_function(&self) -> Option<Arc<LoadedFunction>> {
        FUNCTIONS.get()?.get(self.function)?.upgrade()
    }
}

impl From<&RunnerCall> for Call {
    fn from(call: &RunnerCall) -> Self {
        Call::of(&call.invocation, &call.function)
    }
}

#[pymethods]
impl Call {
    #[getter]
    pub(crate) fn invocation_id(&self) -> String {
        self.id.to_string()
    }

    /// The name of the function.
    #[getter]
    pub(crate) fn function(&self) -> String {
        let function = self.loaded_function();
        function.map_or_else(String::new, |function| function.info.name.clone())
    }

    /// The traceparent and the tracestate from which the call came; both are empty if it has none, or has ended.
    fn trace_context(&self) -> (String, String) {
        let Some(invocation) = self.invocation.upgrade() else {
            return Default::default();
        };
        let (trace_parent, trace_state) = invocation.trace_context();
        (trace_parent.to_owned(), trace_state.to_owned())
    }

    /// Returns the attribute that an extension has set under this name; None if there is none, or the call has ended.
    fn attribute<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let invocation = self.invocation.upgrade();
        let found = py.detach(|| self.loaded_function()?.chain.attribute(&invocation?, name));
        found.map(|value| to_python(py, &value)).transpose()
    }
}

/// Keeps a call as the one that this thread runs, until it is dropped: also when the call panics.
pub(crate) struct Running(());

impl Running {
    pub(crate) fn start(call: RunnerCall) -> Self {
        CURRENT.set(Some(call));
        Running(())
    }
}

impl Running {
    /// Ends it, and returns the call.
    pub(crate) fn finish(self) -> Option<RunnerCall> {
        CURRENT.take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = CURRENT.take();
        // Not while the cell is borrowed: it may be the last reference, and run destructors.
        drop(ended);
    }
}

/// The call whose synchronous function this thread runs.
#[pyfunction]
pub(crate) fn current() -> Option<Call> {
    CURRENT.with_borrow(|current| current.as_ref().map(Call::from))
}

/// Whether this thread is running this invocation.
pub(crate) fn is_current(invocation: &Arc<Invocation>) -> bool {
    CURRENT.with_borrow(|current| {
        current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(&current.invocation, invocation))
    })
}

/// Keeps the call whose id this thread may set for its log records next.
pub(crate) fn set_named(call: Call) {
    NAMED.set(Some(call));
}

/// Returns the call of the last [`set_named`] on this thread.
pub(crate) fn named() -> Option<Call> {
    NAMED.with_borrow(Clone::clone)
}
