//! Containers and what is in them.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use azure_storage_blob::models::{
    BlobContainerClientListBlobsOptions, BlobItem as ListedBlob, ListBlobsResponse,
};
use azure_storage_blob::{BlobContainerClient, BlobServiceClient};
use futures_util::StreamExt;

use crate::blob::Blob;
use crate::error::{StorageError, Target};
use crate::limits::Limits;
use crate::names;

/// A container of blobs. Cheap to clone.
#[derive(Clone)]
pub struct Container {
    client: Arc<BlobContainerClient>,
    service: Arc<BlobServiceClient>,
    limits: Limits,
    target: Target,
    name: Arc<str>,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The blobs, sorted by name.
    pub items: Vec<BlobItem>,
    /// Where the next page begins; none after the last one. A page may have no items and still not be the last one.
    pub next: Option<String>,
}

/// A blob in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobItem {
    /// The blob's name in the container, with slashes.
    pub name: String,
    /// Changes with each change of the blob.
    pub etag: String,
    /// In bytes.
    pub size: u64,
    /// When the blob was last written.
    pub last_modified: SystemTime,
    /// `BlockBlob`, `PageBlob` or `AppendBlob`.
    pub blob_type: String,
}

impl Container {
    /// Checks the name. Nothing is sent.
    pub(crate) fn new(
        name: &str,
        service: Arc<BlobServiceClient>,
        limits: Limits,
        target: Target,
    ) -> Result<Self, StorageError> {
        names::check_container(name)?;
        Ok(Container {
            client: service.blob_container_client(name).into(),
            service,
            limits,
            target,
            name: name.into(),
        })
    }

    /// The container's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates the container unless it exists. Returns whether it was created.
    ///
    /// # Errors
    ///
    /// See [`StorageError`].
    pub async fn create_if_missing(&self) -> Result<bool, StorageError> {
        match self.client.create(None).await {
            Ok(_) => Ok(true),
            Err(error) => match self.target.error(&error) {
                error if error.code() == Some("ContainerAlreadyExists") => Ok(false),
                error => Err(error),
            },
        }
    }

    /// Lists the blobs whose names begin with `prefix`, one page: from the beginning, or from the `next` of the page
    /// before. The service decides how many a page has, up to `max` (1 to 5000, and 5000 if there is none).
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidInput`] if `max` is out of its range; else see [`StorageError`].
    pub async fn list(
        &self,
        prefix: &str,
        next: Option<&str>,
        max: Option<u32>,
    ) -> Result<Page, StorageError> {
        let max = max
            .map(|max| {
                i32::try_from(max)
                    .ok()
                    .filter(|max| (1..=5000).contains(max))
                    .ok_or_else(|| {
                        StorageError::InvalidInput(format!(
                            "a page cannot have {max} blobs; expected 1 to 5000"
                        ))
                    })
            })
            .transpose()?;
        let options = BlobContainerClientListBlobsOptions {
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
            marker: next.map(str::to_owned),
            maxresults: max,
            ..BlobContainerClientListBlobsOptions::default()
        };
        let page = self
            .client
            .list_blobs(Some(options))
            .map_err(|error| self.target.error(&error))?
            .into_pages()
            .next()
            .await
            .ok_or_else(|| self.target.incomplete("page"))?;
        let page: ListBlobsResponse = page
            .and_then(|response| response.into_model())
            .map_err(|error| self.target.error(&error))?;
        Ok(Page {
            next: page.next_marker.filter(|marker| !marker.is_empty()),
            items: page
                .blob_items
                .into_iter()
                .map(|item| self.item(item))
                .collect::<Result<_, _>>()?,
        })
    }

    fn item(&self, item: ListedBlob) -> Result<BlobItem, StorageError> {
        let missing = |what| self.target.incomplete(what);
        let properties = item.properties.unwrap_or_default();
        Ok(BlobItem {
            name: item.name.ok_or_else(|| missing("Name"))?,
            etag: quoted(properties.etag.ok_or_else(|| missing("Etag"))?.into()),
            size: properties
                .content_length
                .ok_or_else(|| missing("Content-Length"))?,
            last_modified: properties
                .last_modified
                .ok_or_else(|| missing("Last-Modified"))?
                .into(),
            blob_type: properties
                .blob_type
                .ok_or_else(|| missing("BlobType"))?
                .to_string(),
        })
    }

    /// Returns the blob with this name. It need not exist.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidInput`] if this is not a valid name of a blob.
    pub fn blob(&self, name: &str) -> Result<Blob, StorageError> {
        names::check_blob(name)?;
        let client = self.service.blob_client(&self.name, name);
        let target = self.target.inner(&format!("blob '{name}'"));
        Ok(Blob::new(name, client, target, self.limits))
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Container").field(&self.name).finish()
    }
}

/// Listings have etags without the quotes that all other places have.
fn quoted(etag: String) -> String {
    if etag.starts_with('"') {
        etag
    } else {
        format!("\"{etag}\"")
    }
}
