//! Blobs: their properties, metadata and leases. Contents are in the modules below.

mod download;
mod upload;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use azure_core::http::Etag;
use azure_storage_blob::BlobClient;
use azure_storage_blob::models::{
    BlobClientAcquireLeaseOptions, BlobClientAcquireLeaseResultHeaders, BlobClientDeleteOptions,
    BlobClientGetPropertiesResultHeaders, BlobClientSetMetadataOptions,
};
use uuid::Uuid;

pub use download::Download;
pub use upload::{BlockUpload, Upload};

use crate::error::{StorageError, Target};
use crate::limits::Limits;

/// A blob. Cheap to clone.
///
/// Requests that fail on the way are repeated (see [`Limits`]), although the service may have carried them out. So a
/// conditional request may fail because of its own first try; leases are safe, as an id may acquire its lease again.
#[derive(Clone)]
pub struct Blob {
    client: Arc<BlobClient>,
    limits: Limits,
    target: Target,
    name: Arc<str>,
}

/// What the service knows of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobProperties {
    /// Changes with each change of the blob. With its quotes.
    pub etag: String,
    /// The length of the whole blob in bytes.
    pub length: u64,
    /// When the blob was last written.
    pub last_modified: SystemTime,
    /// What an uploader set; the service's default is `application/octet-stream`.
    pub content_type: Option<String>,
    /// The names are in lower case, as the service sends them in headers.
    pub metadata: HashMap<String, String>,
}

/// Under which conditions a request changes a blob.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Only if the blob still has this etag.
    pub if_match: Option<String>,
    /// Only if there is no such blob.
    pub if_missing: bool,
    /// The lease that allows the change, if the blob has one.
    pub lease: Option<String>,
}

impl Conditions {
    fn if_match(&self) -> Option<Etag> {
        self.if_match.as_deref().map(Etag::from)
    }

    fn if_none_match(&self) -> Option<Etag> {
        self.if_missing.then(|| Etag::from("*"))
    }
}

impl Blob {
    /// Takes the client of a blob whose name is valid.
    pub(crate) fn new(name: &str, client: BlobClient, target: Target, limits: Limits) -> Self {
        Blob {
            client: client.into(),
            limits,
            target,
            name: name.into(),
        }
    }

    /// The blob's name in its container.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The blob's URL, without a shared access signature.
    pub fn url(&self) -> String {
        let mut url = self.client.url().clone();
        url.set_query(None);
        url.into()
    }

    /// Asks for the blob's properties.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`] if it does not exist; else see [`StorageError`].
    pub async fn properties(&self) -> Result<BlobProperties, StorageError> {
        let response = self.client.get_properties(None).await;
        let response = response.map_err(|error| self.target.error(&error))?;
        let missing = |what| self.target.incomplete(what);
        let read = || {
            Ok::<_, azure_core::Error>((
                response.etag()?,
                response.content_length()?,
                response.last_modified()?,
                response.content_type()?,
                response.metadata()?,
            ))
        };
        let (etag, length, last_modified, content_type, metadata) =
            read().map_err(|error| self.target.error(&error))?;
        Ok(BlobProperties {
            etag: etag.ok_or_else(|| missing("etag"))?.into(),
            length: length.ok_or_else(|| missing("content-length"))?,
            last_modified: last_modified.ok_or_else(|| missing("last-modified"))?.into(),
            content_type,
            metadata,
        })
    }

    /// Deletes the blob with its snapshots.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`] if it does not exist, [`StorageError::PreconditionFailed`] if a condition does not
    /// hold.
    pub async fn delete(&self, conditions: &Conditions) -> Result<(), StorageError> {
        let options = BlobClientDeleteOptions {
            delete_snapshots: Some(azure_storage_blob::models::DeleteSnapshotsOptionType::Include),
            if_match: conditions.if_match(),
            if_none_match: conditions.if_none_match(),
            lease_id: conditions.lease.clone(),
            ..BlobClientDeleteOptions::default()
        };
        let deleted = self.client.delete(Some(options)).await;
        deleted.map(drop).map_err(|error| self.target.error(&error))
    }

    /// Replaces the blob's metadata. [`Blob::properties`] returns it.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidInput`] if a name is not an identifier or a value is not printable ASCII; else as
    /// [`Blob::delete`].
    pub async fn set_metadata(
        &self,
        metadata: &HashMap<String, String>,
        conditions: &Conditions,
    ) -> Result<(), StorageError> {
        check_metadata(metadata)?;
        let options = BlobClientSetMetadataOptions {
            if_match: conditions.if_match(),
            if_none_match: conditions.if_none_match(),
            lease_id: conditions.lease.clone(),
            ..BlobClientSetMetadataOptions::default()
        };
        let set = self.client.set_metadata(metadata, Some(options)).await;
        set.map(drop).map_err(|error| self.target.error(&error))
    }

    /// Acquires a lease, which others need the id of to change the blob. It lasts for 15 to 60 seconds, rounded up, or
    /// until it is released if there is no duration. The id is a GUID; a random one is used if there is none. Returns
    /// the id.
    ///
    /// # Errors
    ///
    /// [`StorageError::Conflict`] if somebody else has a lease, [`StorageError::NotFound`] if the blob does not exist,
    /// [`StorageError::InvalidInput`] if the duration or the id is not valid.
    pub async fn acquire_lease(
        &self,
        duration: Option<Duration>,
        id: Option<&str>,
    ) -> Result<String, StorageError> {
        let seconds = lease_seconds(duration)?;
        // A request that is repeated must propose the same id.
        let id = match id {
            Some(id) => check_lease_id(id)?,
            None => Uuid::new_v4(),
        };
        let options = BlobClientAcquireLeaseOptions {
            proposed_lease_id: Some(id.to_string()),
            ..BlobClientAcquireLeaseOptions::default()
        };
        let response = self.client.acquire_lease(seconds, Some(options)).await;
        response
            .and_then(|response| response.lease_id())
            .map_err(|error| self.target.error(&error))?
            .ok_or_else(|| self.target.incomplete("x-ms-lease-id"))
    }

    /// Renews a lease for its duration, from now.
    ///
    /// # Errors
    ///
    /// [`StorageError::PreconditionFailed`] if the lease is lost: somebody else acquired one since.
    pub async fn renew_lease(&self, id: &str) -> Result<(), StorageError> {
        let renewed = self.client.renew_lease(id.to_owned(), None).await;
        renewed.map(drop).map_err(|error| self.target.error(&error))
    }

    /// Releases a lease, so that others may acquire one at once.
    ///
    /// # Errors
    ///
    /// [`StorageError::PreconditionFailed`] if the lease is lost.
    pub async fn release_lease(&self, id: &str) -> Result<(), StorageError> {
        let released = self.client.release_lease(id.to_owned(), None).await;
        released.map(drop).map_err(|error| self.target.error(&error))
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Blob").field(&self.name).finish()
    }
}

fn lease_seconds(duration: Option<Duration>) -> Result<i32, StorageError> {
    let Some(duration) = duration else {
        return Ok(-1);
    };
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(seconds)
        .ok()
        .filter(|seconds| (15..=60).contains(seconds))
        .ok_or_else(|| {
            StorageError::InvalidInput(format!(
                "a lease cannot last for {duration:?}; expected 15 to 60 seconds, or no end"
            ))
        })
}

fn check_lease_id(id: &str) -> Result<Uuid, StorageError> {
    Uuid::parse_str(id).map_err(|_| {
        StorageError::InvalidInput(format!("'{id}' is not a valid id of a lease; expected a GUID"))
    })
}

/// Metadata travels in headers, and its names are identifiers of C#.
fn check_metadata(metadata: &HashMap<String, String>) -> Result<(), StorageError> {
    for (name, value) in metadata {
        let first_is_valid = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
        let is_identifier = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !first_is_valid || !is_identifier {
            return Err(StorageError::InvalidInput(format!(
                "{name:?} is not a valid name of metadata; expected letters, digits and underscores, not a digit first"
            )));
        }
        if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(StorageError::InvalidInput(format!(
                "the metadata '{name}' has a value that is not printable ASCII; encode it, for example as base64"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_last_for_what_the_service_allows() {
        assert_eq!(lease_seconds(None), Ok(-1));
        assert_eq!(lease_seconds(Some(Duration::from_secs(15))), Ok(15));
        assert_eq!(lease_seconds(Some(Duration::from_millis(59_001))), Ok(60));
        for seconds in [0, 14, 61, u64::MAX] {
            let error = lease_seconds(Some(Duration::from_secs(seconds))).expect_err("it is not possible");
            assert!(error.to_string().contains("expected 15 to 60 seconds"), "{error}");
        }
        assert!(check_lease_id("mine").is_err());
    }

    #[test]
    fn metadata_must_fit_into_headers() {
        let check =
            |name: &str, value: &str| check_metadata(&HashMap::from([(name.to_owned(), value.to_owned())]));
        assert_eq!(check("a_1", "x y"), Ok(()));
        assert_eq!(check("_a", ""), Ok(()));
        for (name, value) in [
            ("", "x"),
            ("1a", "x"),
            ("a-b", "x"),
            ("ä", "x"),
            ("a", "ä"),
            ("a", "x\r\ny: z"),
        ] {
            assert!(check(name, value).is_err(), "{name} {value}");
        }
    }
}
