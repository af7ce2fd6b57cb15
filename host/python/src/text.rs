//! Borrows the text of Python's strings without a copy.

use std::borrow::Cow;
use std::ffi::c_char;

use pyo3::ffi::{Py_ssize_t, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyString;

// SAFETY: as CPython's headers declare it. Every CPython from 3.3 on has it, and the stable ABI from
// 3.10 on: only PyO3, built for 3.9, does not offer it, and would make a `bytes` object of every string instead.
unsafe extern "C" {
    fn PyUnicode_AsUTF8AndSize(text: *mut PyObject, size: *mut Py_ssize_t) -> *const c_char;
}

/// Returns the string's UTF-8, which lives as long as the string. Attached.
///
/// # Errors
/// `UnicodeEncodeError` for a string with lone surrogates.
pub(crate) fn utf8<'a>(text: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    let mut size: Py_ssize_t = 0;
    // SAFETY: `text` is a string, and this thread is attached.
    let data = unsafe { PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut size) };
    if data.is_null() {
        return Err(PyErr::fetch(text.py()));
    }
    // SAFETY: the string keeps its UTF-8, of this size, for as long as it lives.
    Ok(unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(data.cast(), size as usize)) })
}

/// Returns the string with U+FFFD in place of lone surrogates. Attached.
pub(crate) fn lossy<'a>(text: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    match utf8(text) {
        Ok(text) => text.into(),
        Err(_) => text.to_string_lossy(),
    }
}
