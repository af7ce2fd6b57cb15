//! The Rust side of a blob that a function reads: the source of `funcdock.blobs`.

use std::sync::{Mutex, PoisonError};

use funcdock::model::BlobContent;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::byte_reader::ByteReader;

/// A blob that a function takes as a stream.
#[pyclass(frozen, module = "funcdock")]
pub(super) struct RawBlob {
    blob: Mutex<BlobContent>,
}

impl RawBlob {
    pub(super) fn new(blob: BlobContent) -> Self {
        RawBlob {
            blob: Mutex::new(blob),
        }
    }

    /// Returns the blob, for an output.
    pub(super) fn content(&self) -> BlobContent {
        self.with(Clone::clone)
    }

    fn with<T>(&self, read: impl FnOnce(&BlobContent) -> T) -> T {
        read(&self.blob.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl RawBlob {
    #[getter]
    fn path(&self) -> String {
        self.with(|blob| blob.path.clone())
    }

    #[getter]
    fn uri(&self) -> String {
        self.with(|blob| blob.uri.clone())
    }

    #[getter]
    fn length(&self) -> u64 {
        self.with(|blob| blob.length)
    }

    #[getter]
    fn properties(&self) -> String {
        self.with(|blob| blob.properties.clone())
    }

    #[getter]
    fn metadata(&self) -> String {
        self.with(|blob| blob.metadata.clone())
    }

    /// Returns the reader of its content.
    ///
    /// # Errors
    /// `ValueError` if it was opened before, or written to an output.
    fn open(&self) -> PyResult<ByteReader> {
        let frames = self.with(|blob| blob.content.take());
        let frames = frames.ok_or_else(|| PyValueError::new_err("the blob was read or written already"))?;
        Ok(ByteReader::new(frames, "the blob"))
    }
}
