//! Receipts: blobs that say which versions of blobs a function was called for. Those of the reference have the same names and
//! states, so that an app that moves from Azure does not begin anew.
//!
//! A receipt is made as incomplete before the first call, and is completed when there are no more calls to make. Who makes the
//! calls has a lease on it meanwhile. A host that dies leaves an incomplete receipt whose lease ends by itself.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use funcdock_storage::{Blob, Conditions, Container, StorageError, Upload};
use sha2::{Digest as _, Sha256};

/// The container of what hosts keep.
pub(super) const CONTAINER: &str = "azure-webjobs-hosts";

/// The folder of the receipts of all hosts in it.
pub(super) const FOLDER: &str = "blobreceipts/";

/// For how long a version belongs to a host that does not renew the lease: the longest that the service allows. Another host
/// takes over from one that was killed after this time.
const LEASE: Duration = Duration::from_secs(60);

/// The metadata of a receipt that is not complete. Only the name has a meaning.
const INCOMPLETE: &str = "Incomplete";

/// The longest name of a blob, in characters.
const LONGEST_NAME: usize = 1024;

/// The receipts of a function for the blobs of a container.
pub(super) struct Receipts {
    hosts: Container,
    /// Where the names of all of them begin, with a slash at the end.
    folder: String,
    /// The name of the container with the blobs.
    container: String,
}

impl Receipts {
    /// Takes the container of [`CONTAINER`]'s name, the id of the app's hosts, the name of the function, and the name of the
    /// container with its blobs.
    pub(super) fn new(hosts: Container, host_id: &str, function: &str, container: &str) -> Self {
        Receipts {
            hosts,
            folder: format!("{FOLDER}{host_id}/{}/", function_id(function)),
            container: container.to_owned(),
        }
    }

    /// Returns the receipt of a version. It need not exist.
    ///
    /// # Errors
    /// [`StorageError::InvalidInput`] if the name of the blob is not valid.
    pub(super) fn of(&self, blob: &str, etag: &str) -> Result<Receipt, StorageError> {
        Ok(Receipt {
            blob: self.hosts.blob(&self.name(blob, etag))?,
            hosts: self.hosts.clone(),
        })
    }

    fn name(&self, blob: &str, etag: &str) -> String {
        let start = format!("{}{}/{}/", self.folder, unquoted(etag), self.container);
        let name = format!("{start}{blob}");
        if name.chars().count() <= LONGEST_NAME {
            return name;
        }
        let digest = Sha256::digest(blob.as_bytes());
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{start}{hash}")
    }
}

/// Returns the id of a function, as the reference has it.
pub(super) fn function_id(function: &str) -> String {
    format!("Host.Functions.{function}")
}

/// Returns an etag without its quotes, as receipts and messages have it.
pub(super) fn unquoted(etag: &str) -> &str {
    etag.trim_matches('"')
}

/// The receipt of a version of a blob for a function.
pub(super) struct Receipt {
    blob: Blob,
    hosts: Container,
}

/// The state of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceiptState {
    /// There is none.
    Missing,
    /// Somebody makes the calls, or died before they ended.
    Incomplete,
    /// The calls are made.
    Complete,
}

/// What came of an attempt to take a version.
pub(super) enum Claim {
    /// It belongs to this host while it has the lease.
    Mine(Lease),
    /// Another host has it, or had it a moment ago.
    Taken,
    /// The calls are made.
    Complete,
}

impl Receipt {
    /// Asks for the state.
    pub(super) async fn state(&self) -> Result<ReceiptState, StorageError> {
        match self.blob.properties().await {
            Ok(properties) => {
                let is_incomplete = properties
                    .metadata
                    .keys()
                    .any(|name| name.eq_ignore_ascii_case(INCOMPLETE));
                Ok(if is_incomplete {
                    ReceiptState::Incomplete
                } else {
                    ReceiptState::Complete
                })
            }
            Err(StorageError::NotFound(_)) => Ok(ReceiptState::Missing),
            Err(error) => Err(error),
        }
    }

    /// Tries to take the version whose receipt was in this state.
    pub(super) async fn claim(&self, state: ReceiptState) -> Result<Claim, StorageError> {
        if state == ReceiptState::Missing {
            self.create().await?;
        }
        let lease = match self.blob.acquire_lease(Some(LEASE), None).await {
            Ok(id) => Lease {
                blob: self.blob.clone(),
                id,
            },
            Err(
                StorageError::Conflict(_) | StorageError::PreconditionFailed(_) | StorageError::NotFound(_),
            ) => return Ok(Claim::Taken),
            Err(error) => return Err(error),
        };
        // Another host may have completed it before this one had the lease.
        match self.state().await {
            Ok(ReceiptState::Incomplete) => return Ok(Claim::Mine(lease)),
            Ok(ReceiptState::Complete) => lease.release().await,
            Ok(ReceiptState::Missing) => return Ok(Claim::Taken),
            Err(error) => {
                lease.release().await;
                return Err(error);
            }
        }
        Ok(Claim::Complete)
    }

    /// Creates it, unless it exists.
    async fn create(&self) -> Result<(), StorageError> {
        let created = match self.upload().await {
            Err(StorageError::NotFound(_)) => {
                self.hosts.create_if_missing().await?;
                self.upload().await
            }
            created => created,
        };
        match created {
            Ok(_) | Err(StorageError::Conflict(_) | StorageError::PreconditionFailed(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn upload(&self) -> Result<String, StorageError> {
        let how = Upload {
            metadata: HashMap::from([(INCOMPLETE.to_owned(), INCOMPLETE.to_owned())]),
            conditions: Conditions {
                if_missing: true,
                ..Conditions::default()
            },
            ..Upload::default()
        };
        self.blob.upload(Bytes::new(), &how).await
    }
}

/// The right to make the calls for a version, until it ends or is released.
pub(super) struct Lease {
    blob: Blob,
    id: String,
}

impl Lease {
    /// Renews the lease. One that ended while storage was away is acquired again, unless another host has one.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] if another host has taken over.
    pub(super) async fn renew(&self) -> Result<(), StorageError> {
        match self.blob.renew_lease(&self.id).await {
            Err(StorageError::PreconditionFailed(_)) => {
                let acquired = self.blob.acquire_lease(Some(LEASE), Some(&self.id)).await;
                acquired.map(drop)
            }
            renewed => renewed,
        }
    }

    /// Completes the receipt.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] if another host has taken over, [`StorageError::NotFound`] if the receipt was deleted.
    pub(super) async fn complete(&self) -> Result<(), StorageError> {
        match self.set_complete().await {
            Err(StorageError::PreconditionFailed(_)) => {
                self.renew().await?;
                self.set_complete().await
            }
            set => set,
        }
    }

    async fn set_complete(&self) -> Result<(), StorageError> {
        let conditions = Conditions {
            lease: Some(self.id.clone()),
            ..Conditions::default()
        };
        self.blob.set_metadata(&HashMap::new(), &conditions).await
    }

    /// Lets others take the version at once, if the receipt is not complete.
    pub(super) async fn release(&self) {
        if let Err(error) = self.blob.release_lease(&self.id).await {
            // It ends by itself.
            tracing::debug!("{}: its lease cannot be released: {error}", self.blob.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use funcdock_storage::Connection;

    use super::*;

    fn receipts() -> Receipts {
        let connection =
            Connection::from_settings("", |_| Some("UseDevelopmentStorage=true".to_owned())).expect("valid");
        let hosts = connection.container(CONTAINER).expect("valid");
        Receipts::new(hosts, "my-app", "Resize", "images")
    }

    #[test]
    fn receipts_have_the_names_of_the_reference() {
        assert_eq!(
            receipts().name("2024/a b.png", "\"0x8D1DC6E70A277EF\""),
            "blobreceipts/my-app/Host.Functions.Resize/0x8D1DC6E70A277EF/images/2024/a b.png"
        );
    }

    #[test]
    fn long_names_are_hashed_so_that_receipts_have_valid_names() {
        let (first, second) = (format!("{}1", "ä".repeat(1023)), format!("{}2", "ä".repeat(1023)));
        let receipts = receipts();
        let name = receipts.name(&first, "\"1\"");
        assert!(name.starts_with("blobreceipts/my-app/Host.Functions.Resize/1/images/"));
        assert!(name.len() < 200, "{name}");
        assert_ne!(name, receipts.name(&second, "\"1\""));
        assert!(receipts.of(&first, "\"1\"").is_ok());
    }
}
