//! Data between the host and Python: one file for each kind of binding.

mod generic;
mod http_request;
mod http_response;

use funcdock::model::Data;
use pyo3::prelude::*;

pub(crate) use http_request::RawRequest;

/// How the data of a binding is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `httpTrigger` and `http`.
    Http,
    /// All others.
    Generic,
}

impl Kind {
    /// The kind of a binding of this type.
    pub(crate) fn of(binding_type: &str) -> Self {
        if binding_type.eq_ignore_ascii_case("httpTrigger") || binding_type.eq_ignore_ascii_case("http") {
            Kind::Http
        } else {
            Kind::Generic
        }
    }

    /// What function code made for the binding of this name, as data. Attached.
    pub(crate) fn data(self, function: &str, binding: &str, value: &Bound<'_, PyAny>) -> PyResult<Data> {
        match self {
            Kind::Http => http_response::data(function, binding, value),
            Kind::Generic => generic::data(function, binding, value),
        }
    }
}

/// The data of an input binding as the object that function code gets. Attached.
///
/// # Errors
/// `TypeError` for data that only an HTTP binding has.
pub(crate) fn input<'py>(py: Python<'py>, name: &str, data: &Data) -> PyResult<Bound<'py, PyAny>> {
    generic::object(py, name, data)
}
