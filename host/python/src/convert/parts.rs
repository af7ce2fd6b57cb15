//! Responses whose body an iterator makes: a generator that a function returned, or a response with one as its body.

use funcdock::model::{Body, HttpResponse};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;

use super::http_response::{Maker, head};
use super::rest::{Rest, begin, next_part};
/// A response whose body is still to be made.
pub(crate) struct PartsOf<'py> {
    /// The response, without a body.
    pub(crate) head: HttpResponse,
    /// What is iterated.
    pub(crate) made: Bound<'py, PyAny>,
    /// Whether it is iterated asynchronously.
    pub(crate) is_async: bool,
}

/// Returns the response of a value that an HTTP function returned, if an iterator makes its body; `None` for other values.
/// Attached.
pub(crate) fn parts_of<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<PartsOf<'py>>> {
    if let Some(is_async) = iterates(value)? {
        let bytes = HeaderValue::from_static("application/octet-stream");
        let head = HttpResponse {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, bytes)]),
            body: Body::default(),
        };
        return Ok(Some(PartsOf {
            head,
            made: value.clone(),
            is_async,
        }));
    }
    let Some(body) = value.getattr_opt(intern!(value.py(), "get_body"))? else {
        return Ok(None);
    };
    let made = body.call0()?;
    Ok(match iterates(&made)? {
        None => None,
        Some(is_async) => Some(PartsOf {
            head: head(value, &Maker::Function)?,
            made,
            is_async,
        }),
    })
}

/// Whether this is an iterator, and an asynchronous one.
fn iterates(value: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    let py = value.py();
    if value.getattr_opt(intern!(py, "__next__"))?.is_some() {
        return Ok(Some(false));
    }
    let anext = value.getattr_opt(intern!(py, "__anext__"))?;
    Ok(anext.map(|_| true))
}

impl PartsOf<'_> {
    /// Returns the response for another context to begin. Attached.
    pub(crate) fn unbind(self) -> UnboundParts {
        UnboundParts {
            head: self.head,
            made: self.made.unbind(),
            is_async: self.is_async,
        }
    }
}

/// A response whose body is still to be made, not bound to the interpreter.
pub(crate) struct UnboundParts {
    head: HttpResponse,
    made: Py<PyAny>,
    is_async: bool,
}

impl UnboundParts {
    /// Returns the response with the first part of its body, and the rest if there is more. Attached, on a thread of the
    /// pool.
    ///
    /// # Errors
    /// `TypeError` for an asynchronous iterator, which needs the event loop; the exception of the iterator.
    pub(crate) fn begin(self, py: Python<'_>) -> PyResult<(HttpResponse, Option<Rest>)> {
        if self.is_async {
            return Err(PyTypeError::new_err(
                "a body that an async generator makes needs an async function: write \"async def\"",
            ));
        }
        let made = self.made.bind(py);
        let mut parts = made.try_iter()?;
        let first = next_part(&mut parts)?;
        begin(self.head, made, first, parts)
    }
}
