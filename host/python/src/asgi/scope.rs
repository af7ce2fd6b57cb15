//! The scope of an ASGI call.

use funcdock::model::Scheme;
use funcdock::pipeline::RunnerCall;
use http::Version;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use percent_encoding::percent_decode_str;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::events::raw_headers;
use crate::context::Context;
use crate::convert::{address, scheme};

/// The specification's version, from which on `send` raises `OSError` when the client has left.
const SPEC_VERSION: &str = "2.4";

/// Returns the entries that all scopes of a function have. Attached.
pub(super) fn template<'py>(py: Python<'py>, function: &str, folder: &str) -> PyResult<Bound<'py, PyDict>> {
    let versions = PyDict::new(py);
    versions.set_item("version", "3.0")?;
    versions.set_item("spec_version", SPEC_VERSION)?;
    let scope = PyDict::new(py);
    scope.set_item("type", "http")?;
    scope.set_item("asgi", versions)?;
    scope.set_item("root_path", "")?;
    // The names under which the library's middleware gives them to apps.
    scope.set_item("azure_functions.function_name", function)?;
    scope.set_item("azure_functions.function_directory", folder)?;
    Ok(scope)
}

/// Adds what a function gets beside the scope of a framework's app. Attached.
pub(super) fn add_for_function(scope: &Bound<'_, PyDict>, call: &RunnerCall) -> PyResult<()> {
    let py = scope.py();
    let parameters = PyDict::new(py);
    for (name, value) in call
        .invocation
        .request()
        .iter()
        .flat_map(|request| &request.route_params)
    {
        parameters.set_item(name, value)?;
    }
    scope.set_item(intern!(py, "path_params"), parameters)?;
    scope.set_item(intern!(py, "azure_functions.context"), Context::new(call))
}

/// Makes the scope one of a WebSocket, if the client asks for that. Attached.
pub(super) fn add_for_websocket(scope: &Bound<'_, PyDict>, call: &RunnerCall) -> PyResult<()> {
    let request = call.invocation.request();
    let Some(request) = request.filter(|request| request.websocket.is_some()) else {
        return Ok(());
    };
    let py = scope.py();
    scope.set_item(intern!(py, "type"), intern!(py, "websocket"))?;
    scope.del_item(intern!(py, "method"))?;
    let scheme = match request.scheme {
        Scheme::Https => intern!(py, "wss"),
        Scheme::Http => intern!(py, "ws"),
    };
    scope.set_item(intern!(py, "scheme"), scheme)?;
    let protocols = request.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let protocols = protocols
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    scope.set_item(
        intern!(py, "subprotocols"),
        PyList::new(py, protocols.collect::<Vec<_>>())?,
    )?;
    let extensions = PyDict::new(py);
    extensions.set_item("websocket.http.response", PyDict::new(py))?;
    scope.set_item(intern!(py, "extensions"), extensions)
}

/// Returns the scope of a call. Attached.
///
/// # Errors
/// `RuntimeError` for a call without an HTTP request.
pub(super) fn of_call<'py>(template: &Bound<'py, PyDict>, call: &RunnerCall) -> PyResult<Bound<'py, PyDict>> {
    let py = template.py();
    let invocation = &call.invocation;
    // The index makes ASGI apps only of functions with an HTTP trigger.
    let request = invocation
        .request()
        .ok_or_else(|| PyRuntimeError::new_err("not an HTTP call"))?;
    let scope = template.copy()?;
    let version = match request.version {
        Version::HTTP_10 => intern!(py, "1.0"),
        Version::HTTP_2 => intern!(py, "2"),
        _ => intern!(py, "1.1"),
    };
    scope.set_item(intern!(py, "http_version"), version)?;
    scope.set_item(intern!(py, "method"), request.method.as_str())?;
    scope.set_item(intern!(py, "scheme"), scheme(py, request))?;
    let path = request.uri.path();
    if path.contains('%') {
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        scope.set_item(intern!(py, "path"), decoded)?;
    } else {
        scope.set_item(intern!(py, "path"), path)?;
    }
    scope.set_item(intern!(py, "raw_path"), PyBytes::new(py, path.as_bytes()))?;
    let query = request.uri.query().unwrap_or_default();
    scope.set_item(intern!(py, "query_string"), PyBytes::new(py, query.as_bytes()))?;
    scope.set_item(intern!(py, "headers"), raw_headers(py, &request.headers)?)?;
    scope.set_item(intern!(py, "client"), host_and_port(py, &request.client, 0)?)?;
    let default_port = request.scheme.default_port();
    let server = host_and_port(py, request.host_str(), default_port)?;
    scope.set_item(intern!(py, "server"), server)?;
    scope.set_item(intern!(py, "azure_functions.invocation_id"), invocation.id())?;
    Ok(scope)
}

/// Returns (host, port); `None` (of Python) if there is no host.
fn host_and_port<'py>(py: Python<'py>, text: &str, default_port: u16) -> PyResult<Bound<'py, PyAny>> {
    match address(text, default_port) {
        ("", _) => Ok(py.None().into_bound(py)),
        known => Ok(known.into_pyobject(py)?.into_any()),
    }
}
