//! `context`: a function's information about its call.

use std::sync::Arc;

use funcdock::model::{Exception, Invocation};
use funcdock::pipeline::{LoadedFunction, RunnerCall};
use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

use crate::calls::{self, Call};
use crate::objects::to_python;
use crate::text::{lossy, utf8};

/// The invocation's context. Function code may set attributes of its own. Those that extensions set are read from the
/// invocation on first use.
#[pyclass(frozen, dict, module = "funcdock")]
pub(crate) struct Context {
    invocation: Arc<Invocation>,
    function: Arc<LoadedFunction>,
    trace_context: PyOnceLock<Py<TraceContext>>,
}

impl Context {
    pub(crate) fn new(call: &RunnerCall) -> Self {
        Context {
            invocation: Arc::clone(&call.invocation),
            function: Arc::clone(&call.function),
            trace_context: PyOnceLock::new(),
        }
    }
}

#[pymethods]
impl Context {
    #[getter]
    fn invocation_id(&self) -> &str {
        self.invocation.id()
    }

    #[getter]
    fn function_name(&self) -> &str {
        &self.invocation.function().name
    }

    #[getter]
    fn function_directory(&self) -> &str {
        &self.invocation.function().directory
    }

    #[getter]
    fn trace_context(&self, py: Python<'_>) -> PyResult<Py<TraceContext>> {
        let made = self.trace_context.get_or_try_init(py, || {
            let (traceparent, tracestate) = self.invocation.trace_context();
            let attributes = PyDict::new(py);
            for (name, value) in self.invocation.trace_attributes() {
                attributes.set_item(name, value)?;
            }
            let made = TraceContext {
                traceparent: traceparent.to_owned(),
                tracestate: tracestate.to_owned(),
                attributes: attributes.unbind(),
            };
            Py::new(py, made)
        });
        made.map(|context| context.clone_ref(py))
    }

    #[getter]
    fn retry_context(&self) -> RetryContext {
        RetryContext(self.invocation.retry().clone())
    }

    /// Returns the object on which the app's own threads set `invocation_id`, the call that their log records belong
    /// to. On the function's thread the call is known.
    #[getter]
    fn thread_local_storage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let storage = py
            .import(intern!(py, "funcdock.logs"))?
            .getattr(intern!(py, "thread_local"))?;
        if calls::is_current(&self.invocation) {
            storage.setattr(intern!(py, "invocation_id"), self.invocation.id())?;
        } else {
            calls::set_named(Call::of(&self.invocation, &self.function));
        }
        Ok(storage)
    }

    /// Returns an attribute that an extension set. Python only calls this for names that it does not find otherwise.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let Ok(text) = utf8(name) else {
            return Err(slf.get().no_attribute(&lossy(name)));
        };
        let Context {
            invocation, function, ..
        } = slf.get();
        let value = match py.detach(|| function.chain.attribute(invocation, text)) {
            Some(value) => wrapped(py, name, to_python(py, &value)?)?,
            None => return Err(slf.get().no_attribute(text)),
        };
        // Python finds it in the instance's dict from now on: one object for all uses, which function code may
        // replace.
        slf.setattr(name, &value)?;
        Ok(value)
    }

    fn __repr__(&self) -> String {
        format!(
            "<Context of {} {}>",
            self.invocation.function().name,
            self.invocation.id()
        )
    }
}

/// Returns the object that function code gets for an attribute: the companion's, if it has a function for the name.
fn wrapped<'py>(
    py: Python<'py>,
    name: &Bound<'py, PyString>,
    value: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let companions = py.import(intern!(py, "funcdock.companions"))?;
    let wrappers = companions
        .getattr(intern!(py, "attributes"))?
        .cast_into::<PyDict>()?;
    match wrappers.get_item(name)? {
        Some(wrapper) => wrapper.call1((value,)),
        None => Ok(value),
    }
}

impl Context {
    fn no_attribute(&self, name: &str) -> PyErr {
        let offered = self.function.chain.attribute_names(&self.invocation);
        let by_extensions = if offered.iter().any(|offered| offered == name) {
            "an extension offers it, and has none for this call: see the log".to_owned()
        } else if offered.is_empty() {
            "no extension has set any: is PYTHON_ENABLE_WORKER_EXTENSIONS=1 set, and the extension enabled in \
             host.json's workerExtensions, or imported if it is written in Python?"
                .to_owned()
        } else {
            format!("extensions offer {}", offered.join(", "))
        };
        PyAttributeError::new_err(format!(
            "'Context' object has no attribute '{name}' ({by_extensions})"
        ))
    }
}

/// The W3C trace context, under the reference's names.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct TraceContext {
    traceparent: String,
    tracestate: String,
    attributes: Py<PyDict>,
}

#[pymethods]
impl TraceContext {
    #[getter]
    fn trace_parent(&self) -> &str {
        &self.traceparent
    }

    #[getter(Traceparent)]
    fn traceparent_capital(&self) -> &str {
        &self.traceparent
    }

    #[getter]
    fn trace_state(&self) -> &str {
        &self.tracestate
    }

    #[getter(Tracestate)]
    fn tracestate_capital(&self) -> &str {
        &self.tracestate
    }

    #[getter]
    fn attributes(&self, py: Python<'_>) -> Py<PyDict> {
        self.attributes.clone_ref(py)
    }

    #[getter(Attributes)]
    fn attributes_capital(&self, py: Python<'_>) -> Py<PyDict> {
        self.attributes(py)
    }
}

/// The number of retries before this call, and the most retries.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct RetryContext(funcdock::model::RetryContext);

#[pymethods]
impl RetryContext {
    #[getter]
    fn retry_count(&self) -> u32 {
        self.0.count
    }

    #[getter]
    /// -1 if there is no limit, as in the reference.
    fn max_retry_count(&self) -> i64 {
        match self.0.max {
            funcdock::model::RetryContext::UNLIMITED => -1,
            max => max.into(),
        }
    }

    /// How the previous attempt failed; `None` for the first attempt.
    #[getter]
    fn exception(&self) -> Option<RetryException> {
        self.0.exception.clone().map(RetryException)
    }

    /// The name that the reference's own class has for it.
    #[getter]
    fn rpc_exception(&self) -> Option<RetryException> {
        self.exception()
    }
}

/// The exception of the previous attempt, under the reference's names.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct RetryException(Box<Exception>);

#[pymethods]
impl RetryException {
    /// The type and the message; from Microsoft's Functions host, its own message.
    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    /// The module and name of the type.
    #[getter]
    fn source(&self) -> &str {
        &self.0.type_name
    }

    /// The formatted traceback.
    #[getter]
    fn stack_trace(&self) -> &str {
        &self.0.traceback
    }

    fn __repr__(&self) -> String {
        format!("<RetryException {}>", self.0.message)
    }
}
