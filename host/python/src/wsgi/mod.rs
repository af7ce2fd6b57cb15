//! Runs WSGI apps on the threads of the pool: a call is an app's function, with an environ made from the request
//! (`environ`), the request's body as a file that reads it while it arrives (`input`), and a response whose body is
//! iterated while it is sent.

mod environ;
mod start_response;

use bytes::Bytes;
use funcdock::model::{Body, FunctionDefinition, HttpResponse};
use funcdock::pipeline::RunnerCall;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::calls;
use crate::convert::{RawRequest, ResponseBody, Rest, begin, close, header_pairs, next_part};

use start_response::StartResponse;

/// A WSGI app that is a function of the app.
pub(crate) struct WsgiApp {
    app: Py<PyAny>,
    /// The entries that all environs have.
    environ: Py<PyDict>,
}

impl WsgiApp {
    /// Returns the app, as the function with this definition. Attached.
    pub(crate) fn new(
        wsgi: &Bound<'_, PyModule>,
        app: Py<PyAny>,
        definition: &FunctionDefinition,
    ) -> PyResult<Self> {
        let folder = definition.directory.to_string_lossy();
        Ok(WsgiApp {
            app,
            environ: environ::template(wsgi, &definition.name, &folder)?.unbind(),
        })
    }

    /// Prepares a call. Attached.
    pub(crate) fn prepare(&self, wsgi: &Bound<'_, PyModule>, call: &RunnerCall) -> PyResult<PreparedApp> {
        Ok(PreparedApp {
            app: self.app.clone_ref(wsgi.py()),
            environ: environ::of_call(wsgi, self.environ.bind(wsgi.py()), call)?.unbind(),
        })
    }
}

/// A call of a WSGI app that is about to begin.
pub(crate) struct PreparedApp {
    app: Py<PyAny>,
    environ: Py<PyDict>,
}

impl PreparedApp {
    /// Calls the app. Returns the response, and the rest of its body if that is still to be iterated. Attached, on a
    /// thread of the pool.
    pub(crate) fn call(self, py: Python<'_>) -> PyResult<(HttpResponse, Option<Rest>)> {
        respond(self.app.bind(py), self.environ.into_bound(py))
    }
}

/// Calls an app with this environ.
fn respond<'py>(
    app: &Bound<'py, PyAny>,
    environ: Bound<'py, PyDict>,
) -> PyResult<(HttpResponse, Option<Rest>)> {
    let py = app.py();
    let start = Bound::new(py, StartResponse::default())?;
    let made = app.call1((environ, &start))?;
    let read = read(&made, start.get());
    if !matches!(read, Ok((_, Some(_)))) {
        // The protocol has the server close what it iterates, however that ended.
        let closed = close(&made);
        if read.is_ok() {
            closed?;
        }
    }
    read
}

/// Reads the response up to the first part of its body, or whole if that is all.
fn read(made: &Bound<'_, PyAny>, start: &StartResponse) -> PyResult<(HttpResponse, Option<Rest>)> {
    let mut parts = made.try_iter()?;
    let first = next_part(&mut parts)?;
    let (head, written) = start.take().ok_or_else(|| {
        PyRuntimeError::new_err("the WSGI app has not called start_response before its body")
    })?;
    let first = joined(written, first);
    begin(head, made, first, parts)
}

/// Joins what the app has written with the callable of `start_response` and the first part of its body.
fn joined(written: Vec<Bytes>, first: Option<Bytes>) -> Option<Bytes> {
    match (written.is_empty(), first) {
        (true, first) => first,
        (false, first) => {
            let parts: Vec<Bytes> = written.into_iter().chain(first).collect();
            Some(parts.concat().into())
        }
    }
}

/// Calls an app to which a function handed its request; `request` is the Rust side of that. Returns (status, headers,
/// body): what the function's response is made of. Attached.
#[pyfunction]
pub(crate) fn call_nested<'py>(
    wsgi: &Bound<'py, PyModule>,
    app: &Bound<'py, PyAny>,
    request: &Bound<'py, RawRequest>,
) -> PyResult<(u16, Bound<'py, PyList>, ResponseBody)> {
    let py = app.py();
    let call = request.get().call();
    let function = &call.function.info;
    let template = environ::template(wsgi, &function.name, &function.directory)?;
    let (mut response, rest) = respond(app, environ::of_call(wsgi, &template, call)?)?;
    if let Some(rest) = rest {
        // On another thread, the loop's say, nobody would iterate the rest.
        if calls::is_current(&call.invocation) {
            rest.run_later();
        } else {
            response.body = Body::Bytes(rest.collect(py, &response.body)?);
        }
    }
    let headers = header_pairs(py, &response.headers)?;
    Ok((
        response.status.as_u16(),
        headers,
        ResponseBody::new(response.body),
    ))
}

/// Has the library's middleware run apps as this module does. Attached, before any code of the app is imported.
pub(crate) fn patch_middleware(wsgi: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = wsgi.py();
    let call = wrap_pyfunction!(call_nested, py)?;
    wsgi.call_method1(intern!(py, "patch_middleware"), (call,))?;
    Ok(())
}
