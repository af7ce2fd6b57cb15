//! Converts data between the host and Python: one file per kind of binding.

mod generic;
mod http_parts;
mod http_request;
mod http_response;
mod parts;
mod response_body;
mod rest;

use funcdock::model::Data;
use pyo3::prelude::*;

pub(crate) use generic::bytes_of;
pub(crate) use http_parts::{
    address, body_bytes, content_length, header_pairs, joined, latin1, latin1_bytes, scheme,
};
pub(crate) use http_request::RawRequest;
pub(crate) use http_response::know_responses;
pub(crate) use parts::{PartsOf, parts_of};
pub(crate) use response_body::ResponseBody;
pub(crate) use rest::{Rest, begin, close, next_part};

/// The conversion of a binding's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// That of `httpTrigger` and `http`.
    Http,
    /// That of all other types.
    Generic,
}

impl Kind {
    /// Returns the conversion for this type of binding.
    pub(crate) fn of(binding_type: &str) -> Self {
        if binding_type.eq_ignore_ascii_case("httpTrigger") || binding_type.eq_ignore_ascii_case("http") {
            Kind::Http
        } else {
            Kind::Generic
        }
    }

    /// Converts a value that function code made for the binding of this name. Attached.
    pub(crate) fn data(self, function: &str, binding: &str, value: &Bound<'_, PyAny>) -> PyResult<Data> {
        match self {
            Kind::Http => http_response::data(function, binding, value),
            Kind::Generic => generic::data(function, binding, value),
        }
    }
}

/// Converts the data of an input binding to the object that function code gets. Attached.
///
/// # Errors
/// `TypeError` for data that only an HTTP binding has.
pub(crate) fn input<'py>(py: Python<'py>, name: &str, data: &Data) -> PyResult<Bound<'py, PyAny>> {
    generic::object(py, name, data)
}
