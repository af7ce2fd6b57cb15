//! Parts of HTTP messages as the Python interfaces to HTTP have them: text has one character per byte.

use std::borrow::Cow;

use funcdock::model::{HttpRequest, Scheme};
use http::header::{CONTENT_LENGTH, COOKIE};
use http::{HeaderMap, HeaderName};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::text::utf8;

/// Decodes bytes that are UTF-8 as such, and others with one character per byte, for the library's requests.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| latin1(bytes), Cow::Borrowed)
}

/// Decodes bytes with one character per byte.
pub(crate) fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// Encodes text with one byte per character. Attached.
///
/// # Errors
/// `UnicodeEncodeError` for text with other characters.
pub(crate) fn latin1_bytes<'a>(text: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(text) = utf8(text)
        && text.is_ascii()
    {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let py = text.py();
    let encoded = text.call_method1(intern!(py, "encode"), (intern!(py, "latin-1"),))?;
    Ok(Cow::Owned(encoded.cast::<PyBytes>()?.as_bytes().to_vec()))
}

/// Returns the headers as (name, value) pairs of text. Attached.
pub(crate) fn header_pairs<'py>(py: Python<'py>, headers: &HeaderMap) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for (name, value) in headers {
        list.append((name.as_str(), latin1(value.as_bytes())))?;
    }
    Ok(list)
}

/// Returns the values of a header as one text, each decoded by `decode`. Several are joined by commas as HTTP says, those of
/// `Cookie` by "; ".
pub(crate) fn joined<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    decode: impl Fn(&'a [u8]) -> Cow<'a, str>,
) -> Cow<'a, str> {
    let mut values = headers.get_all(name).iter().map(|value| decode(value.as_bytes()));
    let first = values.next().unwrap_or_default();
    let separator = if *name == COOKIE { "; " } else { "," };
    values.fold(first, |joined, value| joined + separator + value)
}

/// Returns the length of the body that the headers declare.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns the scheme that the client used.
pub(crate) fn scheme<'py>(py: Python<'py>, request: &HttpRequest) -> &'py Bound<'py, PyString> {
    match request.scheme {
        Scheme::Http => intern!(py, "http"),
        Scheme::Https => intern!(py, "https"),
    }
}

/// Splits "host:port", where either may be missing.
pub(crate) fn address(text: &str, default_port: u16) -> (&str, u16) {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address without a port are within brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default_port)),
        _ => (text, default_port),
    };
    (host.trim_start_matches('[').trim_end_matches(']'), port)
}
