//! Converts data between the host and Python: one file per kind of binding.

mod blob;
mod functions_host;
mod generic;
mod http_parts;
mod http_request;
mod http_response;
mod parts;
mod queue;
mod raw_blob;
mod response_body;
mod rest;

use funcdock::model::{Data, Invocation};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

pub(crate) use functions_host::encoded;
pub(crate) use generic::bytes_of;
pub(crate) use http_parts::{address, content_length, header_pairs, joined, latin1, latin1_bytes, scheme};
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
    /// That of a queue's messages.
    Queue,
    /// That of blobs.
    Blob,
    /// That of all other types.
    Generic,
}

impl Kind {
    /// Returns the conversion for this type of binding.
    pub(crate) fn of(binding_type: &str) -> Self {
        match binding_type.to_ascii_lowercase().as_str() {
            "httptrigger" | "http" => Kind::Http,
            "queue" => Kind::Queue,
            "blob" => Kind::Blob,
            _ => Kind::Generic,
        }
    }

    /// Converts a value that function code made for the binding of this name. Attached.
    pub(crate) fn data(self, function: &str, binding: &str, value: &Bound<'_, PyAny>) -> PyResult<Data> {
        match self {
            Kind::Http => http_response::data(function, binding, value),
            Kind::Queue => queue::data(function, binding, value),
            Kind::Blob => blob::data(function, binding, value),
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

/// Converts the data of an input binding with the decoder of its parameter, which also gets the trigger's metadata. Attached.
///
/// # Errors
/// Those of [`input`], and those of the decoder.
pub(crate) fn decoded<'py>(
    decoder: &Bound<'py, PyAny>,
    name: &str,
    data: &Data,
    invocation: &Invocation,
) -> PyResult<Bound<'py, PyAny>> {
    let py = decoder.py();
    let metadata = PyDict::new(py);
    for (key, value) in invocation.all_metadata() {
        // The request is the trigger's data.
        if !matches!(value, Data::Request(_)) {
            metadata.set_item(key, (form(py, value), functions_host::object(py, key, value)?))?;
        }
    }
    decoder.call1((form(py, data), functions_host::object(py, name, data)?, metadata))
}

/// Returns the name that the library has for the form of this data; `None` (of Python) for none.
fn form<'py>(py: Python<'py>, data: &Data) -> Option<&'py Bound<'py, pyo3::types::PyString>> {
    Some(match data {
        Data::String(_) => intern!(py, "string"),
        Data::Json(_) => intern!(py, "json"),
        Data::Bytes(_) => intern!(py, "bytes"),
        Data::Int(_) => intern!(py, "int"),
        Data::Double(_) => intern!(py, "double"),
        Data::Strings(_) => intern!(py, "collection_string"),
        Data::ByteStrings(_) => intern!(py, "collection_bytes"),
        Data::Ints(_) => intern!(py, "collection_sint64"),
        Data::Doubles(_) => intern!(py, "collection_double"),
        Data::Blob(_) => intern!(py, "blob"),
        Data::Reference(_) => intern!(py, "model_binding_data"),
        Data::References(_) => intern!(py, "collection_model_binding_data"),
        Data::None | Data::Request(_) | Data::Response(_) | Data::Stream(_) => return None,
    })
}
