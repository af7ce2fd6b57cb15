//! State shared by the threads that run functions, and calls to synchronous functions.

use std::sync::Arc;

use funcdock::model::{Data, Outcome};
use funcdock::pipeline::{Completions, RunnerCall};
use pyo3::prelude::*;

use crate::arguments::{self, Arguments, Classes};
use crate::call_context::{CallContext, Contexts};
use crate::calls::{Call, Running};
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
    pub(crate) contexts: Contexts,
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
        call.begin();
        let function = self.function(&call);
        let prepared = match (&function.run, &function.hooked) {
            (Run::Wsgi(app), None) => app.prepare(self.wsgi.bind(py), &call).map(Prepared::App),
            _ => arguments::build(py, &self.classes, function, &call).map(Prepared::Function),
        };
        let for_logs = Call::from(&call);
        let running = Running::start(call);
        let called = prepared.and_then(|prepared| self.call_prepared(py, function, prepared, for_logs));
        forks::end_call_of_child(py, called.as_ref().err());
        let (outcome, rest) = called.unwrap_or_else(|error| {
            // A framework's response may have begun before the function raised.
            let rest = Rest::take_later().map(|rest| RestInContext { rest, context: None });
            (outcomes::raised(py, &error), rest)
        });
        Called {
            outcome,
            rest,
            running: Some(running),
        }
    }

    fn call_prepared(
        &self,
        py: Python<'_>,
        function: &Function,
        prepared: Prepared<'_>,
        call: Call,
    ) -> PyResult<(Outcome, Option<RestInContext>)> {
        let (context, response, rest) = match prepared {
            Prepared::App(prepared) => {
                let (context, made) = self.contexts.run(py, call, |py| prepared.call(py))?;
                let (response, rest) = made?;
                (context, response, rest)
            }
            Prepared::Function(arguments) => {
                let (callee, keywords) = hooks::callee(function, &arguments)?;
                let (context, value) = self.contexts.call(py, call, callee.bind(py), Some(&keywords))?;
                let is_http = function.return_kind == Some(Kind::Http);
                match is_http
                    .then(|| self.classes.parts_of(&value))
                    .transpose()?
                    .flatten()
                {
                    Some(parts) => {
                        let begins = parts.unbind();
                        let (response, rest) = context.run(py, |py| begins.begin(py))??;
                        (context, response, rest)
                    }
                    None => {
                        let outcome = outcomes::returned(function, &value, &arguments.outs);
                        return Ok((outcome, Rest::take_later().map(in_context(context))));
                    }
                }
            }
        };
        let outcome = Outcome::returned(Data::Response(Box::new(response)));
        Ok((outcome, rest.map(in_context(context))))
    }
}

fn in_context(context: CallContext) -> impl FnOnce(Rest) -> RestInContext {
    |rest| RestInContext {
        rest,
        context: Some(context),
    }
}

/// What remains to be done after the response has begun.
pub(crate) struct RestInContext {
    rest: Rest,
    context: Option<CallContext>,
}

impl RestInContext {
    /// Writes the rest of the response, in the call's own context. Attached.
    pub(crate) fn run(self, py: Python<'_>) {
        let RestInContext { rest, context } = self;
        match context {
            // If this fails, the writer was dropped, which ends the response with an error.
            Some(context) => drop(context.run(py, |py| rest.run(py))),
            None => rest.run(py),
        }
    }
}

/// What a call needs, before it is the one that this thread runs.
enum Prepared<'py> {
    Function(Arguments<'py>),
    App(PreparedApp),
}

/// A call whose function has returned, or whose response has begun.
pub(crate) struct Called {
    pub(crate) outcome: Outcome,
    /// What remains to be done after the outcome was reported.
    pub(crate) rest: Option<RestInContext>,
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
