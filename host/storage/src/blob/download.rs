//! Downloads blobs, a few MiB at a time.

use std::num::NonZero;

use azure_core::error::ErrorKind;
use azure_core::http::Etag;
use azure_core::http::headers::Headers;
use azure_storage_blob::models::{
    BlobClientDownloadOptions, BlobClientDownloadResult, BlobDownloadProperties, HttpRange,
};
use bytes::{Bytes, BytesMut};

use super::{Blob, BlobProperties};
use crate::error::StorageError;

/// The length of a chunk.
const CHUNK: u64 = 4 * 1024 * 1024;

/// A download in progress. Every chunk is a request of its own; all of them ask for the same version of the blob, and
/// fail if it was changed since the first one.
#[derive(Debug)]
pub struct Download {
    blob: Blob,
    properties: BlobProperties,
    /// The first chunk, which comes with the properties.
    first: Option<Bytes>,
    position: u64,
    end: u64,
}

impl Blob {
    /// Begins a download of the whole blob.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`] if it does not exist; else see [`StorageError`].
    pub async fn open(&self) -> Result<Download, StorageError> {
        self.open_range(0, u64::MAX).await
    }

    /// Downloads the whole blob into memory.
    ///
    /// # Errors
    ///
    /// As [`Blob::open`], and [`StorageError::PreconditionFailed`] if the blob is changed meanwhile.
    pub async fn download(&self) -> Result<Bytes, StorageError> {
        self.open().await?.collect().await
    }

    /// Downloads a part of the blob into memory. It is shorter than `length` where the blob ends before, and empty if it
    /// ends at or before `offset`.
    ///
    /// # Errors
    ///
    /// As [`Blob::download`].
    pub async fn download_range(&self, offset: u64, length: u64) -> Result<Bytes, StorageError> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        match self.open_range(offset, length).await {
            Ok(download) => download.collect().await,
            Err(error) if error.code() == Some("InvalidRange") => Ok(Bytes::new()),
            Err(error) => Err(error),
        }
    }

    async fn open_range(&self, offset: u64, length: u64) -> Result<Download, StorageError> {
        let (head, first) = self.chunk(offset, length.min(CHUNK), None).await?;
        let missing = |what| self.target.incomplete(what);
        let found = head.properties;
        // The length in a response is that of the chunk, so the whole one is in content-range. An empty blob has none.
        let total = match head.headers.get_optional_str(&"content-range".into()) {
            Some(range) => total(range).ok_or_else(|| missing("valid content-range"))?,
            None => first.len() as u64,
        };
        Ok(Download {
            blob: self.clone(),
            properties: BlobProperties {
                etag: found.etag.ok_or_else(|| missing("etag"))?.into(),
                length: total,
                last_modified: found
                    .last_modified
                    .ok_or_else(|| missing("last-modified"))?
                    .into(),
                content_type: found.content_type,
                metadata: found.metadata,
            },
            position: offset + first.len() as u64,
            end: offset.saturating_add(length).min(total),
            first: Some(first),
        })
    }

    /// Downloads one chunk. The SDK repeats a request only until the response's head is there, so that the rest is
    /// repeated here.
    async fn chunk(
        &self,
        offset: u64,
        length: u64,
        etag: Option<&str>,
    ) -> Result<(Head, Bytes), StorageError> {
        let mut retries = self.limits.retries;
        loop {
            // The length of a chunk fits: it is at most that of the constant.
            let partition = NonZero::new(usize::try_from(length).unwrap_or(usize::MAX));
            let options = BlobClientDownloadOptions {
                range: Some(HttpRange::new(offset, length)),
                if_match: etag.map(Etag::from),
                parallel: Some(NonZero::<usize>::MIN),
                partition_size: partition,
                ..BlobClientDownloadOptions::default()
            };
            let response = self.client.download(Some(options)).await;
            let response = response.map_err(|error| self.target.error(&error))?;
            let BlobClientDownloadResult {
                body,
                properties,
                headers,
                ..
            } = response;
            match body.collect().await {
                Ok(bytes) => return Ok((Head { properties, headers }, bytes)),
                Err(error) if retries > 0 && *error.kind() == ErrorKind::Io => {
                    retries -= 1;
                    tokio::time::sleep(self.limits.retry_delay).await;
                }
                Err(error) => return Err(self.target.error(&error)),
            }
        }
    }
}

impl Download {
    /// The properties of the version that is downloaded.
    pub fn properties(&self) -> &BlobProperties {
        &self.properties
    }

    /// Returns the next chunk, of at most 4 MiB; none at the end.
    ///
    /// # Errors
    ///
    /// [`StorageError::PreconditionFailed`] if the blob was changed since the download began, this or
    /// [`StorageError::NotFound`] if it was deleted.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, StorageError> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Ok(Some(first));
        }
        if self.position >= self.end {
            return Ok(None);
        }
        let length = (self.end - self.position).min(CHUNK);
        let etag = Some(self.properties.etag.as_str());
        let (_, chunk) = self.blob.chunk(self.position, length, etag).await?;
        if chunk.is_empty() {
            return Err(self.blob.target.incomplete("content"));
        }
        self.position += chunk.len() as u64;
        Ok(Some(chunk))
    }

    /// Reads the rest into memory.
    ///
    /// # Errors
    ///
    /// As [`Download::next_chunk`].
    pub async fn collect(mut self) -> Result<Bytes, StorageError> {
        let Some(first) = self.next_chunk().await? else {
            return Ok(Bytes::new());
        };
        if self.position >= self.end {
            return Ok(first);
        }
        let mut all = BytesMut::from(first);
        while let Some(chunk) = self.next_chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }
}

/// What a response says of the blob.
struct Head {
    properties: BlobDownloadProperties,
    headers: Headers,
}

/// The length of the whole blob in `bytes 0-9/100`.
fn total(content_range: &str) -> Option<u64> {
    content_range.rsplit_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_comes_last_in_content_range() {
        assert_eq!(total("bytes 0-9/100"), Some(100));
        assert_eq!(total("bytes 0-9/*"), None);
        assert_eq!(total("bytes"), None);
    }
}
