//! The `contextvars.Context` of a synchronous call: what its function sets is gone with it, as in an asyncio task.
//!
//! CPython has functions for this since 3.7.1, with the same signatures ever since. They are not in the limited API, so they
//! are declared here. `Context.run` does the same, and needs six calls of Python objects where this needs four functions.

use std::ffi::c_int;

use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::calls::Call;
use crate::package::Package;

// From "Context Variables Objects" of CPython's reference of its C API.
unsafe extern "C" {
    fn PyContext_CopyCurrent() -> *mut PyObject;
    fn PyContext_Enter(context: *mut PyObject) -> c_int;
    fn PyContext_Exit(context: *mut PyObject) -> c_int;
    fn PyContextVar_Set(variable: *mut PyObject, value: *mut PyObject) -> *mut PyObject;
}

/// Makes the contexts of calls.
pub(crate) struct Contexts {
    /// `funcdock.logs.call`.
    variable: Py<PyAny>,
    /// `funcdock.traces.attach`, if the app's OpenTelemetry goes on with the traces of calls.
    attach_trace: Option<Py<PyAny>>,
}

/// The context of one call.
pub(crate) struct CallContext(Py<PyAny>);

impl Contexts {
    /// Begins contexts as copies of the current one, each with the trace of its call for OpenTelemetry's API if
    /// `uses_opentelemetry`. Attached, after the app was imported, before the pool has threads.
    pub(crate) fn new(package: &Package, py: Python<'_>, uses_opentelemetry: bool) -> PyResult<Self> {
        package.threads.bind(py).call_method0("keep_context")?;
        let variable = package.logs.bind(py).getattr("call")?;
        let attach_trace = match uses_opentelemetry {
            true => package
                .traces
                .bind(py)
                .call_method0("use_opentelemetry")?
                .extract()?,
            false => None,
        };
        Ok(Contexts {
            variable: variable.unbind(),
            attach_trace,
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
        let (context, value) = self.run(py, call, |_| function.call((), keywords))?;
        Ok((context, value?))
    }

    /// Runs code of ours in a context of its own; returns both. Attached.
    pub(crate) fn run<T>(
        &self,
        py: Python<'_>,
        call: Call,
        task: impl FnOnce(Python<'_>) -> T,
    ) -> PyResult<(CallContext, T)> {
        let call = Bound::new(py, call)?;
        // The thread's own context has what the imports left, and nothing of other calls. A copy takes the same time
        // however many variables there are.
        // SAFETY: attached; it returns a new reference, or null with an exception.
        let context = unsafe { Bound::from_owned_ptr_or_err(py, PyContext_CopyCurrent()) }?;
        let context = CallContext(context.unbind());
        let entered = context.enter(py)?;
        // SAFETY: attached; the first is a `ContextVar`, both are alive. It returns a new reference, or null with an exception.
        let token = unsafe {
            Bound::from_owned_ptr_or_err(py, PyContextVar_Set(self.variable.as_ptr(), call.as_ptr()))
        }?;
        drop(token);
        if let Some(attach) = &self.attach_trace {
            attach.call1(py, (call,))?;
        }
        let result = task(py);
        drop(entered);
        Ok((context, result))
    }
}

impl CallContext {
    /// Goes on in this context. Attached.
    pub(crate) fn run<T>(&self, py: Python<'_>, task: impl FnOnce(Python<'_>) -> T) -> PyResult<T> {
        let _entered = self.enter(py)?;
        Ok(task(py))
    }

    fn enter<'py>(&self, py: Python<'py>) -> PyResult<Entered<'py>> {
        // SAFETY: attached, and it is a `Context`.
        if unsafe { PyContext_Enter(self.0.as_ptr()) } != 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(Entered {
            context: self.0.bind(py).clone(),
        })
    }
}

/// A context that is the current one until this is dropped.
struct Entered<'py> {
    context: Bound<'py, PyAny>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        // SAFETY: attached, as `context` shows, and it is a `Context`. No exception is set: pyo3 has taken it.
        if unsafe { PyContext_Exit(self.context.as_ptr()) } != 0 {
            // Code of the app has entered another context and never left it.
            PyErr::fetch(self.context.py()).write_unraisable(self.context.py(), None);
        }
    }
}
