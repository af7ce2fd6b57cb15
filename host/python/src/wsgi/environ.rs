//! The environ of a WSGI call.

use funcdock::model::{Body, HttpRequest};
use funcdock::pipeline::RunnerCall;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, Version};
use percent_encoding::percent_decode_str;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::byte_copy;
use crate::byte_reader::ByteReader;
use crate::convert::{address, joined, latin1, scheme};

/// Returns the entries that all environs of a function have. Attached.
pub(super) fn template<'py>(
    wsgi: &Bound<'py, PyModule>,
    function: &str,
    folder: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let py = wsgi.py();
    let environ = PyDict::new(py);
    environ.set_item("SCRIPT_NAME", "")?;
    environ.set_item("wsgi.version", (1, 0))?;
    environ.set_item("wsgi.errors", wsgi.getattr("errors")?)?;
    environ.set_item("wsgi.multithread", true)?;
    environ.set_item("wsgi.multiprocess", true)?;
    environ.set_item("wsgi.run_once", false)?;
    // The input ends with the body, also where the client did not say how long that is.
    environ.set_item("wsgi.input_terminated", true)?;
    // The names under which the library's middleware gives them to apps.
    environ.set_item("azure_functions.function_name", function)?;
    environ.set_item("azure_functions.function_directory", folder)?;
    Ok(environ)
}

/// Returns the environ of a call. Attached.
///
/// # Errors
/// `RuntimeError` for a call without an HTTP request.
pub(super) fn of_call<'py>(
    wsgi: &Bound<'py, PyModule>,
    template: &Bound<'py, PyDict>,
    call: &RunnerCall,
) -> PyResult<Bound<'py, PyDict>> {
    let py = wsgi.py();
    let invocation = &call.invocation;
    // The index makes WSGI apps only of functions with an HTTP trigger.
    let request = invocation
        .request()
        .ok_or_else(|| PyRuntimeError::new_err("not an HTTP call"))?;
    let environ = template.copy()?;
    let protocol = match request.version {
        Version::HTTP_10 => intern!(py, "HTTP/1.0"),
        Version::HTTP_2 => intern!(py, "HTTP/2"),
        _ => intern!(py, "HTTP/1.1"),
    };
    environ.set_item(intern!(py, "REQUEST_METHOD"), request.method.as_str())?;
    let path = request.uri.path();
    // Text of the protocol has one character per byte.
    if path.contains('%') || !path.is_ascii() {
        let decoded: Vec<u8> = percent_decode_str(path).collect();
        environ.set_item(intern!(py, "PATH_INFO"), latin1(&decoded))?;
    } else {
        environ.set_item(intern!(py, "PATH_INFO"), path)?;
    }
    environ.set_item(
        intern!(py, "QUERY_STRING"),
        request.uri.query().unwrap_or_default(),
    )?;
    environ.set_item(intern!(py, "SERVER_PROTOCOL"), protocol)?;
    environ.set_item(intern!(py, "wsgi.url_scheme"), scheme(py, request))?;
    let (host, port) = address(request.host_str(), request.scheme.default_port());
    environ.set_item(intern!(py, "SERVER_NAME"), host)?;
    environ.set_item(intern!(py, "SERVER_PORT"), port.to_string())?;
    let (host, port) = address(&request.client, 0);
    environ.set_item(intern!(py, "REMOTE_ADDR"), host)?;
    environ.set_item(intern!(py, "REMOTE_PORT"), port.to_string())?;
    environ.set_item(intern!(py, "wsgi.input"), input(wsgi, request)?)?;
    environ.set_item(intern!(py, "azure_functions.invocation_id"), invocation.id())?;
    add_headers(&environ, request)?;
    Ok(environ)
}

fn input<'py>(wsgi: &Bound<'py, PyModule>, request: &HttpRequest) -> PyResult<Bound<'py, PyAny>> {
    let py = wsgi.py();
    match &request.body {
        Body::Bytes(bytes) => {
            let bytes = byte_copy::to_python(py, bytes)?;
            wsgi.call_method1(intern!(py, "whole_input"), (bytes,))
        }
        Body::Stream(stream) => match stream.take() {
            Some(frames) => wsgi.call_method1(
                intern!(py, "input"),
                (ByteReader::new(frames, "the request's body"),),
            ),
            None => Err(PyRuntimeError::new_err(
                "the request's body has been read already",
            )),
        },
    }
}

fn add_headers(environ: &Bound<'_, PyDict>, request: &HttpRequest) -> PyResult<()> {
    let py = environ.py();
    let mut key = String::with_capacity(32);
    let headers = &request.headers;
    for name in headers.keys() {
        let value = joined(headers, name, latin1);
        if let Some(key) = own_key(py, name) {
            environ.set_item(key, value)?;
            continue;
        }
        // An underscore would be taken for the hyphen of another header, which a proxy may have removed.
        if name.as_str().contains('_') {
            continue;
        }
        key.clear();
        key.push_str("HTTP_");
        key.extend(
            name.as_str()
                .chars()
                .map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }),
        );
        environ.set_item(&*key, value)?;
    }
    Ok(())
}

/// Returns the key of a header that has its own.
fn own_key<'py>(py: Python<'py>, name: &HeaderName) -> Option<&'py Bound<'py, PyString>> {
    if *name == CONTENT_TYPE {
        Some(intern!(py, "CONTENT_TYPE"))
    } else if *name == CONTENT_LENGTH {
        Some(intern!(py, "CONTENT_LENGTH"))
    } else {
        None
    }
}
