//! Data of the types that only Microsoft's Functions host serves, for the converters of `funcdock.functions_host`.

use funcdock::model::{Data, DataReference};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use super::generic::{self, shared_or_copied};
use crate::text::utf8;

/// Converts data to the value that a decoder takes. Attached.
///
/// # Errors
/// `TypeError` for data that only an HTTP binding has.
pub(super) fn object<'py>(py: Python<'py>, name: &str, data: &Data) -> PyResult<Bound<'py, PyAny>> {
    match data {
        Data::Reference(found) => Ok(reference(py, found)?.into_any()),
        Data::References(all) => {
            let all: Vec<_> = all
                .iter()
                .map(|found| reference(py, found))
                .collect::<PyResult<_>>()?;
            Ok(PyList::new(py, all)?.into_any())
        }
        data => generic::object(py, name, data),
    }
}

/// Returns what `funcdock.sdk_types.Reference` consists of.
fn reference<'py>(py: Python<'py>, found: &DataReference) -> PyResult<Bound<'py, PyTuple>> {
    let DataReference {
        version,
        source,
        content_type,
        content,
    } = found;
    (version, source, content_type, PyBytes::new(py, content)).into_pyobject(py)
}

/// Converts a value that function code made, by the encoder of its binding. Attached.
///
/// # Errors
/// Those of the encoder; `TypeError` for a form that the protocol does not have.
pub(crate) fn encoded(encoder: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<Data> {
    let encoded = encoder.call1((value,))?;
    if encoded.is_none() {
        return Ok(Data::None);
    }
    let (form, value): (Bound<'_, PyString>, Bound<'_, PyAny>) = encoded.extract()?;
    let text = || PyResult::Ok(utf8(value.cast::<PyString>()?)?.to_owned());
    Ok(match utf8(&form)? {
        "string" => Data::String(text()?),
        "json" => Data::Json(text()?),
        "bytes" => Data::Bytes(shared_or_copied(value.cast::<PyBytes>()?)),
        "int" => Data::Int(value.extract()?),
        "double" => Data::Double(value.extract()?),
        form => {
            return Err(PyTypeError::new_err(format!(
                "the library has made data of the form {form:?}, which cannot be sent"
            )));
        }
    })
}
