//! Copies bytes into Python's: very large ones while other threads run, and with few page faults.

use std::mem::MaybeUninit;

use pyo3::ffi::{PyBytes_AsString, PyBytes_FromStringAndSize};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustix::mm::{Advice, madvise};
use rustix::param::page_size;

/// A copy of fewer bytes needs no look at the memory that is left.
const LARGE: usize = 1 << 20;

/// The size from which on a copy takes longer than to let other threads run and to come back.
const VERY_LARGE: usize = 4 << 20;

/// The size of a large page, where the system has them: it needs one page fault in place of 512.
const LARGE_PAGE: usize = 2 << 20;

/// Returns a copy of the bytes. Attached; detached while it copies very many.
///
/// # Errors
/// `MemoryError` if there is no memory for it.
pub(crate) fn to_python<'py>(py: Python<'py>, content: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let length = content.len();
    if length < LARGE {
        return Ok(PyBytes::new(py, content));
    }
    // SAFETY: attached. Without a source, the bytes are not initialised. It returns a new reference, or null with an exception.
    let bytes = unsafe {
        let bytes = PyBytes_FromStringAndSize(std::ptr::null(), length.try_into()?);
        Bound::from_owned_ptr_or_err(py, bytes)?.cast_into_unchecked::<PyBytes>()
    };
    // SAFETY: they have this length, `bytes` keeps them, and nobody else knows the object yet.
    let target: &mut [MaybeUninit<u8>] =
        unsafe { std::slice::from_raw_parts_mut(PyBytes_AsString(bytes.as_ptr()).cast(), length) };
    if length < VERY_LARGE {
        target.write_copy_of_slice(content);
    } else {
        py.detach(|| {
            prefer_large_pages(target);
            bring_in(content);
            target.write_copy_of_slice(content);
        });
    }
    Ok(bytes)
}

/// Has the system use large pages for this memory, as far as whole ones are in it. A system without them copies as well.
fn prefer_large_pages(memory: &mut [MaybeUninit<u8>]) {
    let before = memory.as_ptr().align_offset(LARGE_PAGE);
    let Some(whole) = memory.get_mut(before..) else {
        return;
    };
    let length = whole.len() / LARGE_PAGE * LARGE_PAGE;
    // SAFETY: the memory is that of `whole`. The advice changes none of its content.
    let _ = unsafe { madvise(whole.as_mut_ptr().cast(), length, Advice::LinuxHugepage) };
}

/// Brings all pages of a mapping in with one call. Memory that is there already stays as it is.
fn bring_in(content: &[u8]) {
    let before = content.as_ptr().addr() % page_size();
    let first_page = content.as_ptr().wrapping_sub(before).cast_mut();
    // SAFETY: these are the pages on which `content` is. The advice changes none of their content.
    let _ = unsafe {
        madvise(
            first_page.cast(),
            before + content.len(),
            Advice::LinuxPopulateRead,
        )
    };
}
