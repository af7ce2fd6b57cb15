//! State shared by the threads that run functions, and calls to synchronous functions.

use std::sync::Arc;

use funcdock::model::{Data, Outcome};
use funcdock::pipeline::{Completions, RunnerCall};
use pyo3::prelude::*;

use crate::arguments::{self, Arguments, Classes};
use crate::calls::Running;
use crate::convert::{Kind, Rest};
use crate::index::{Function, Run};
use crate::wsgi::PreparedApp;
use crate::{forks, hooks, outcomes, output};

/// State shared by the threads that run functions.
pub(crate) struct Runtime {
    /// The functions by the index of [`LoadedFunction`](funcdock::pipeline::LoadedFunction).
    pub(crate) functions: Vec<Function>,
    pub(crate) classes: Classes,
    pub(crate) completions: Arc<Completions>,
    /// The module `funcdock.wsgi`.
    pub(crate) wsgi: Py<PyModule>,
}

impl Runtime {
    /// Returns the function of a call.
    pub(crate) fn function(&self, call: &RunnerCall) -> &Function {
        &self.functions[call.function.index]
    }

    /// Calls a synchronous function. Attached.
    pub(crate) fn call(&self, py: Python<'_>, call: RunnerCall) -> Called {
        if call.invocation.is_given_up() {
            drop_detached(py, call);
            return Called {
                outcome: Outcome::Cancelled,
                rest: None,
                running: None,
            };
        }
        let function = self.function(&call);
        let prepared = match (&function.run, &function.hooked) {
            (Run::Wsgi(app), None) => app.prepare(self.wsgi.bind(py), &call).map(Prepared::App),
            _ => arguments::build(py, &self.classes, function, &call).map(Prepared::Function),
        };
        let running = Running::start(call);
        let called = prepared.and_then(|prepared| match prepared {
            Prepared::App(prepared) => {
                let (response, rest) = prepared.call()?;
                Ok((Outcome::returned(Data::Response(Box::new(response))), rest))
            }
            Prepared::Function(arguments) => {
                let (callee, keywords) = hooks::callee(function, &arguments)?;
                let value = callee.bind(py).call((), Some(&keywords))?;
                if function.return_kind == Some(Kind::Http)
                    && let Some(parts) = self.classes.parts_of(&value)?
                {
                    let (response, rest) = parts.begin()?;
                    return Ok((Outcome::returned(Data::Response(Box::new(response))), rest));
                }
                Ok((
                    outcomes::returned(function, &value, &arguments.outs),
                    Rest::take_later(),
                ))
            }
        });
        forks::end_call_of_child(py, called.as_ref().err());
        let (outcome, rest) =
            called.unwrap_or_else(|error| (outcomes::raised(py, &error), Rest::take_later()));
        Called {
            outcome,
            rest,
            running: Some(running),
        }
    }
}

/// What a call needs, before it is the one that this thread runs.
enum Prepared<'py> {
    Function(Arguments<'py>),
    App(PreparedApp<'py>),
}

/// A call whose function has returned, or whose response has begun.
pub(crate) struct Called {
    pub(crate) outcome: Outcome,
    /// What remains to be done after the outcome was reported.
    pub(crate) rest: Option<Rest>,
    /// `None` if the call did not begin.
    pub(crate) running: Option<Running>,
}

/// Ends a call. Attached.
pub(crate) fn end(py: Python<'_>, running: Option<Running>) {
    // While the body of the response was made.
    forks::end_call_of_child(py, None);
    output::flush(py);
    match running.and_then(Running::finish) {
        Some(call) if call.invocation.is_given_up() => drop_detached(py, call),
        // The pipeline holds it until it has the outcome.
        _ => {}
    }
}

/// Drops a call that was given up: this may be the last reference, and run the destructors of extensions.
fn drop_detached(py: Python<'_>, call: RunnerCall) {
    py.detach(|| drop(call));
}
