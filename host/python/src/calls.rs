//! Which call runs here: on this thread, in this task.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use funcdock::invocation::{Invocation, LoadedFunction, TraceIds};
use pyo3::prelude::*;
use uuid::Uuid;

use crate::values::to_python;

thread_local! {
    /// The invocation whose synchronous function this thread is running.
    static CURRENT: RefCell<Option<Arc<Invocation>>> = const { RefCell::new(None) };
    /// The call whose `context.thread_local_storage` this thread of the app's own has asked for last.
    static ASKED: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// A call, as those know it that may outlive it: the context of a task or a thread does, and is not to keep the
/// request alive with it.
#[pyclass(frozen, module = "funcdock")]
#[derive(Clone)]
pub(crate) struct Call {
    id: Uuid,
    function: Arc<LoadedFunction>,
    pub(crate) trace: TraceIds,
    invocation: Weak<Invocation>,
}

impl Call {
    pub(crate) fn of(invocation: &Arc<Invocation>) -> Self {
        Call {
            id: invocation.uuid(),
            function: Arc::clone(invocation.shared_function()),
            trace: invocation.trace_ids(),
            invocation: Arc::downgrade(invocation),
        }
    }

    pub(crate) fn function(&self) -> &str {
        &self.function.info.name
    }
}

#[pymethods]
impl Call {
    #[getter]
    pub(crate) fn invocation_id(&self) -> String {
        self.id.to_string()
    }

    /// What an extension has set under this name; None where none has, and once the call has ended.
    fn attribute<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let invocation = self.invocation.upgrade();
        let found = py.detach(|| invocation?.attribute(name));
        found.map(|value| to_python(py, &value)).transpose()
    }
}

/// Says which invocation this thread is running from now on.
pub(crate) fn set_current(invocation: Option<Arc<Invocation>>) {
    CURRENT.set(invocation);
}

/// The call whose synchronous function this thread is running.
#[pyfunction]
pub(crate) fn current() -> Option<Call> {
    CURRENT.with_borrow(|current| current.as_ref().map(Call::of))
}

/// Whether this thread is running this invocation.
pub(crate) fn is_current(invocation: &Arc<Invocation>) -> bool {
    CURRENT.with_borrow(|current| {
        current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, invocation))
    })
}

/// This thread is about to say that what it logs belongs to this invocation.
pub(crate) fn set_asked(invocation: &Arc<Invocation>) {
    ASKED.set(Some(Call::of(invocation)));
}

/// The call that [`set_asked`] was told last on this thread.
pub(crate) fn asked() -> Option<Call> {
    ASKED.with_borrow(Clone::clone)
}
