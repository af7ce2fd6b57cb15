//! Runs ASGI apps: a call is an app's coroutine, with a scope made from the request (`scope`), and `receive` and `send`
//! that read the request's body and make the response (`exchange`), both while they go over the connection. A client may
//! go on with the WebSocket protocol.

mod app_loop;
mod events;
mod exchange;
mod futures;
mod raw_exchange;
mod request;
mod scope;
mod websocket_events;

use std::sync::Arc;

use funcdock::model::FunctionDefinition;
use funcdock::pipeline::RunnerCall;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};

use crate::convert::{PartsOf, RawRequest};

pub(crate) use app_loop::{AppLoop, WaitingCall};
use exchange::{Exchange, Reply};
use raw_exchange::RawExchange;

/// An ASGI app that is a function of the app.
pub(crate) struct AsgiApp {
    app: Py<PyAny>,
    /// The entries that all scopes have.
    scope: Py<PyDict>,
    /// What the app's lifespan gave to its calls, which each get a copy; `None` for a function of the app.
    state: Option<Py<PyDict>>,
}

impl AsgiApp {
    /// Returns the app, as the function with this definition, after it has started. Attached, on the main thread.
    pub(crate) fn new(
        asgi: &Bound<'_, PyModule>,
        app: Py<PyAny>,
        definition: &FunctionDefinition,
    ) -> PyResult<Self> {
        let py = asgi.py();
        let state = match is_function(app.bind(py))? {
            true => None,
            false => {
                let state = asgi.call_method1(intern!(py, "start_up"), (&app,))?;
                Some(state.cast_into::<PyDict>()?.unbind())
            }
        };
        let folder = definition.directory.to_string_lossy();
        Ok(AsgiApp {
            app,
            scope: scope::template(py, &definition.name, &folder)?.unbind(),
            state,
        })
    }

    /// Starts a call as a task of the event loop. Attached, on the main thread.
    pub(crate) fn start<'py>(
        &self,
        py: Python<'py>,
        event_loop: &Arc<dyn AppLoop>,
        call: RunnerCall,
    ) -> PyResult<Bound<'py, PyAny>> {
        let scope = scope::of_call(self.scope.bind(py), &call)?;
        let exchange = match &self.state {
            Some(state) => {
                scope.set_item(intern!(py, "state"), state.bind(py).copy()?)?;
                scope::add_for_websocket(&scope, &call)?;
                Exchange::of_app(event_loop, call, Reply::OfCall)
            }
            None => {
                scope::add_for_function(&scope, &call)?;
                Exchange::new(event_loop, call, Reply::OfCall)
            }
        };
        let raw = Bound::new(py, RawExchange(exchange))?;
        let module = event_loop.asgi_module(py);
        module.call_method1(
            intern!(py, "start"),
            (event_loop.python(py), self.app.bind(py), scope, raw),
        )
    }
}

/// Ends the apps that were started, of a worker that does not start. Attached, on the main thread, before the loop runs.
pub(crate) fn shut_down_early(py: Python<'_>) {
    let ended = py
        .import("funcdock.asgi")
        .and_then(|asgi| asgi.call_method0("shut_down_early"));
    if let Err(error) = ended {
        tracing::debug!("apps are not shut down: {error}");
    }
}

/// Has the parts of an asynchronous iterator make the response of a call whose function has returned. Attached, on the
/// loop's thread.
pub(crate) fn start_parts(
    py: Python<'_>,
    event_loop: &Arc<dyn AppLoop>,
    call: RunnerCall,
    parts: PartsOf<'_>,
) -> PyResult<()> {
    let headers = events::raw_headers(py, &parts.head.headers)?;
    let module = event_loop.asgi_module(py);
    let app = module.call_method1(
        intern!(py, "PartsApp"),
        (parts.head.status.as_u16(), headers, parts.made),
    )?;
    let exchange = Exchange::new(event_loop, call, Reply::OfReturned);
    let key = exchange.task_key();
    let raw = Bound::new(py, RawExchange(exchange))?;
    let arguments = (event_loop.python(py), app, PyDict::new(py), raw);
    let task = module.call_method1(intern!(py, "start"), arguments)?;
    event_loop.keep_task(key, &task);
    Ok(())
}

/// Whether an app is a function of the app, with a request and responses of its own.
fn is_function(app: &Bound<'_, PyAny>) -> PyResult<bool> {
    let mark = app.getattr_opt(intern!(app.py(), "is_function"))?;
    Ok(mark.is_some_and(|mark| mark.is(PyBool::new(app.py(), true))))
}

/// Starts the calls of apps to which functions hand their requests.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct NestedCalls(pub(crate) Arc<dyn AppLoop>);

#[pymethods]
impl NestedCalls {
    /// Starts a call of `app`, whose response goes to the future `head`; returns its task. `request` is the Rust side of
    /// the function's request.
    fn start<'py>(
        &self,
        py: Python<'py>,
        app: &Bound<'py, PyAny>,
        request: &Bound<'py, RawRequest>,
        head: Py<PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let call = request.get().call().clone();
        let function = &call.function.info;
        let template = scope::template(py, &function.name, &function.directory)?;
        let scope = scope::of_call(&template, &call)?;
        let exchange = if is_function(app)? {
            scope::add_for_function(&scope, &call)?;
            Exchange::new(&self.0, call, Reply::ToFunction(head))
        } else {
            scope::add_for_websocket(&scope, &call)?;
            Exchange::of_app(&self.0, call, Reply::ToFunction(head))
        };
        let key = exchange.task_key();
        let raw = Bound::new(py, RawExchange(exchange))?;
        let arguments = (self.0.python(py), app, scope, raw);
        let task = self
            .0
            .asgi_module(py)
            .call_method1(intern!(py, "start"), arguments)?;
        self.0.keep_task(key, &task);
        Ok(task)
    }
}
