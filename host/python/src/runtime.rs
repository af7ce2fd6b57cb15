//! State shared by the threads that run functions, and calls to synchronous functions.

use std::sync::Arc;

use funcdock::model::Outcome;
use funcdock::pipeline::{Completions, RunnerCall};
use pyo3::prelude::*;

use crate::arguments::{self, Classes};
use crate::calls::Running;
use crate::hooks;
use crate::index::Function;
use crate::outcomes;

/// State shared by the threads that run functions.
pub(crate) struct Runtime {
    /// The functions by the index of [`LoadedFunction`](funcdock::pipeline::LoadedFunction).
    pub(crate) functions: Vec<Function>,
    pub(crate) classes: Classes,
    pub(crate) completions: Arc<Completions>,
}

impl Runtime {
    /// Returns the function of a call.
    pub(crate) fn function(&self, call: &RunnerCall) -> &Function {
        &self.functions[call.function.index]
    }

    /// Calls a synchronous function. Attached.
    pub(crate) fn call(&self, py: Python<'_>, call: RunnerCall) -> Outcome {
        if call.invocation.is_given_up() {
            drop_detached(py, call);
            return Outcome::Cancelled;
        }
        let function = self.function(&call);
        let arguments = arguments::build(py, &self.classes, function, &call);
        let running = Running::start(call);
        let called = arguments.and_then(|arguments| {
            let (callee, keywords) = hooks::callee(function, &arguments)?;
            let value = callee.bind(py).call((), Some(&keywords))?;
            Ok(outcomes::returned(function, &value, &arguments.outs))
        });
        let outcome = called.unwrap_or_else(|error| outcomes::raised(py, &error));
        match running.finish() {
            Some(call) if call.invocation.is_given_up() => drop_detached(py, call),
            // The pipeline holds it until it has the outcome.
            _ => {}
        }
        outcome
    }
}

/// Drops a call that was given up: this may be the last reference, and run the destructors of extensions.
fn drop_detached(py: Python<'_>, call: RunnerCall) {
    py.detach(|| drop(call));
}
