//! A call of an asynchronous function, which runs as a task of the event loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use funcdock::model::Outcome;
use funcdock::pipeline::RunnerCall;
use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::prelude::*;

use crate::asgi::{self, AppLoop};
use crate::calls::Call;
use crate::convert::Kind;
use crate::forks;
use crate::outcomes;
use crate::output;
use crate::runtime::Runtime;
use crate::tasks::TaskKey;

/// A call that runs as a task, which reports its outcome and its end.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct AsyncCall {
    app_loop: Arc<dyn AppLoop>,
    runtime: Arc<Runtime>,
    call: RunnerCall,
    outs: Vec<Py<PyAny>>,
    has_outcome: AtomicBool,
}

impl AsyncCall {
    /// Returns a call that is about to begin, with its `Out` objects.
    pub(crate) fn new(
        app_loop: Arc<dyn AppLoop>,
        runtime: Arc<Runtime>,
        call: RunnerCall,
        outs: Vec<Py<PyAny>>,
    ) -> Self {
        AsyncCall {
            app_loop,
            runtime,
            call,
            outs,
            has_outcome: AtomicBool::new(false),
        }
    }

    /// Whether the host has cancelled the call.
    fn is_given_up(&self) -> bool {
        self.app_loop.is_cancelling() || self.call.invocation.is_given_up()
    }

    /// Begins the response of a value whose body an iterator makes. Returns whether it is one.
    fn return_parts(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let runtime = &self.runtime;
        if runtime.function(&self.call).return_kind != Some(Kind::Http) {
            return Ok(false);
        }
        let Some(parts) = runtime.classes.parts_of(value)? else {
            return Ok(false);
        };
        if !parts.is_async {
            return Err(PyTypeError::new_err(
                "a body that a generator makes needs a function without \"async\", or an async generator",
            ));
        }
        self.has_outcome.store(true, Ordering::Relaxed);
        asgi::start_parts(value.py(), &self.app_loop, self.call.clone(), parts)?;
        Ok(true)
    }

    fn complete(&self, outcome: Outcome) {
        self.has_outcome.store(true, Ordering::Relaxed);
        self.app_loop.complete(self.call.ticket, outcome);
    }
}

#[pymethods]
impl AsyncCall {
    /// The call for the log records of its task.
    #[getter]
    fn for_logs(&self) -> Call {
        Call::from(&self.call)
    }

    fn returned(&self, value: &Bound<'_, PyAny>) {
        forks::end_call_of_child(value.py(), None);
        output::flush(value.py());
        match self.return_parts(value) {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => return self.complete(outcomes::raised(value.py(), &error)),
        }
        let outs = self.outs.iter().map(|out| out.bind(value.py()).clone());
        let outs: Vec<_> = outs.collect();
        let function = self.runtime.function(&self.call);
        self.complete(outcomes::returned(function, value, &outs));
    }

    fn raised(&self, error: &Bound<'_, PyAny>) {
        let (py, error) = (error.py(), PyErr::from_value(error.clone()));
        forks::end_call_of_child(py, Some(&error));
        output::flush(py);
        let was_cancelled = self.is_given_up() && error.is_instance_of::<CancelledError>(py);
        self.complete(match was_cancelled {
            true => Outcome::Cancelled,
            false => outcomes::raised(py, &error),
        });
    }

    /// Handles the end of the task. It has reported its outcome, unless it was cancelled before its first step.
    fn ended(&self, _task: &Bound<'_, PyAny>) {
        self.app_loop.forget_task(TaskKey::of_call(&self.call.invocation));
        if !self.has_outcome.load(Ordering::Relaxed) {
            self.complete(match self.is_given_up() {
                true => Outcome::Cancelled,
                false => outcomes::lost("the task was cancelled before it began"),
            });
        }
    }
}
