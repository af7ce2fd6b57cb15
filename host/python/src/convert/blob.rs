//! What functions write into blobs.

use funcdock::model::Data;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;

use super::generic::text_or_bytes;
use super::raw_blob::RawBlob;

/// Converts what a function gives for a blob. Attached.
///
/// # Errors
/// `TypeError` for what is neither text nor bytes nor a file; the exception of a file's `read`.
pub(super) fn data(function: &str, binding: &str, value: &Bound<'_, PyAny>) -> PyResult<Data> {
    if value.is_none() {
        return Ok(Data::None);
    }
    if let Some(data) = text_or_bytes(value)? {
        return Ok(data);
    }
    let py = value.py();
    // A blob that the function has not read goes from one place to the other without passing through Python.
    if let Some(unread) = value.getattr_opt(intern!(py, "unread"))?
        && let Ok(raw) = unread.call0()?.cast::<RawBlob>()
    {
        return Ok(Data::Blob(Box::new(raw.get().content())));
    }
    if let Some(read) = value.getattr_opt(intern!(py, "read"))?
        && let Some(data) = text_or_bytes(&read.call0()?)?
    {
        return Ok(data);
    }
    if let Some(tobytes) = value.getattr_opt(intern!(py, "tobytes"))?
        && let Some(data) = text_or_bytes(&tobytes.call0()?)?
    {
        return Ok(data);
    }
    let found = value.get_type().qualname()?;
    Err(PyTypeError::new_err(format!(
        "function {function:?} gave {found} to the binding {binding:?}: expected str, bytes, or a file such as \
         func.InputStream"
    )))
}
