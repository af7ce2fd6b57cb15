//! The Rust side of `func.HttpRequest`: its fields become Python objects when they are read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use funcdock::model::HttpRequest;
use funcdock::pipeline::RunnerCall;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::http_parts::{joined, text};
use crate::byte_copy;

/// The source of the fields of `funcdock.http.HttpRequest`.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct RawRequest {
    call: RunnerCall,
}

impl RawRequest {
    pub(crate) fn new(call: RunnerCall) -> Self {
        RawRequest { call }
    }

    pub(crate) fn call(&self) -> &RunnerCall {
        &self.call
    }

    fn request(&self) -> PyResult<&HttpRequest> {
        // `arguments::build` makes this only for calls with a request.
        self.call
            .invocation
            .request()
            .ok_or_else(|| PyRuntimeError::new_err("not an HTTP call"))
    }
}

#[pymethods]
impl RawRequest {
    #[getter]
    fn method(&self) -> PyResult<&str> {
        Ok(self.request()?.method.as_str())
    }

    #[getter]
    fn url(&self) -> PyResult<String> {
        let request = self.request()?;
        let scheme = request.scheme.as_str();
        Ok(format!("{scheme}://{}{}", request.host_str(), request.uri))
    }

    /// Returns the headers, with names in lower case and the values of one name joined.
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let headers = &self.request()?.headers;
        let dict = PyDict::new(py);
        for name in headers.keys() {
            dict.set_item(name.as_str(), joined(headers, name, text))?;
        }
        Ok(dict)
    }

    /// Returns the decoded parameters of the query, with the values of one name joined by commas.
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let query = self.request()?.uri.query().unwrap_or("");
        let mut repeated = HashMap::<_, String>::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(known) = dict.get_item(&*name)? else {
                dict.set_item(&*name, &*value)?;
                continue;
            };
            let joined = match repeated.entry(name) {
                Entry::Occupied(joined) => joined.into_mut(),
                Entry::Vacant(first) => first.insert(known.extract()?),
            };
            joined.push(',');
            joined.push_str(&value);
        }
        for (name, joined) in repeated {
            // The order is that of the first values.
            dict.set_item(&*name, joined)?;
        }
        Ok(dict)
    }

    fn route_params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in &self.request()?.route_params {
            dict.set_item(PyString::new(py, name), value)?;
        }
        Ok(dict)
    }

    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let body = self.request()?.body.bytes();
        let bytes = body.ok_or_else(|| {
            PyRuntimeError::new_err("the body is a stream, which the web framework reads: a hook cannot")
        })?;
        byte_copy::to_python(py, bytes)
    }
}
