//! A storage account and how to reach it: endpoints, credentials and limits, resolved from settings.

mod connection_string;
mod endpoint;
mod settings;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use settings::ConnectionError;
pub use source::{ConnectionSource, SourceKind};

use crate::account::{Account, EMULATOR_ACCOUNT, Endpoint};
use crate::container::Container;
use crate::error::{StorageError, Target};
use crate::limits::Limits;
use crate::queue::Queue;
use crate::service::{Service, ServiceKind};

/// Where an emulator on this machine listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmulatorPorts {
    /// The port of its blob service, if the connection has one.
    pub blob: Option<u16>,
    /// The port of its queue service, if the connection has one.
    pub queue: Option<u16>,
}

/// A connection to a storage account. Cheap to clone: clones share the pooled connections.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    account: Account,
    description: String,
    service: Service,
}

impl Connection {
    /// Resolves the `connection` of a binding as Azure Functions does. Connections are worth keeping: each one made by
    /// this function has a pool of its own.
    ///
    /// An empty name means `Storage`. For a name N, the settings `AzureWebJobsN` and then `N` are looked up; each may be
    /// a connection string, or a section of an identity-based connection: `N__accountName`, or `N__blobServiceUri` and
    /// `N__queueServiceUri`, or `N__serviceUri`, with `N__credential`, `N__clientId` and so on (also with `:` in place
    /// of `__`). An empty setting counts as missing. The names are looked up as written: where settings do not depend on
    /// case, `setting` has to see to it.
    ///
    /// # Errors
    ///
    /// If no setting has the connection, or its value cannot be used. The error names the settings, and has no secrets.
    pub fn from_settings(
        name: &str,
        setting: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConnectionError> {
        Self::from_settings_with(name, setting, Limits::default())
    }

    /// As [`Connection::from_settings`], with other limits.
    ///
    /// # Errors
    ///
    /// As [`Connection::from_settings`].
    pub fn from_settings_with(
        name: &str,
        setting: impl Fn(&str) -> Option<String>,
        limits: Limits,
    ) -> Result<Self, ConnectionError> {
        let found = settings::resolve(name, &setting)?;
        Self::new(found.account, limits).map_err(|reason| ConnectionError::Invalid {
            setting: found.setting,
            reason,
        })
    }

    /// Opens the account's services. Nothing is sent yet.
    fn new(account: Account, limits: Limits) -> Result<Self, String> {
        let description = account.describe();
        let service = Service::new(&account.credential, limits)?
            .with_endpoint(ServiceKind::Blob, account.blob.as_ref())?
            .with_endpoint(ServiceKind::Queue, account.queue.as_ref())?;
        Ok(Connection {
            shared: Arc::new(Shared {
                account,
                description,
                service,
            }),
        })
    }

    /// Whether this is the local emulator (Azurite), judged by its well-known account.
    pub fn is_emulator(&self) -> bool {
        self.shared.account.name == EMULATOR_ACCOUNT
    }

    /// The ports of the emulator, if this is one on this machine, without TLS.
    pub fn local_emulator(&self) -> Option<EmulatorPorts> {
        if !self.is_emulator() {
            return None;
        }
        let Account { blob, queue, .. } = &self.shared.account;
        let port = |endpoint: &Option<Endpoint>| match endpoint {
            Some(endpoint) => endpoint.local_port().map(Some),
            None => Some(None),
        };
        Some(EmulatorPorts {
            blob: port(blob)?,
            queue: port(queue)?,
        })
    }

    /// A short description for logs, such as `storage account orders` or `the storage emulator at 127.0.0.1:10001`.
    pub fn description(&self) -> &str {
        &self.shared.description
    }

    /// Returns the queue with this name. It need not exist.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidInput`] if this is not a valid name of a queue, [`StorageError::NotConfigured`] if the
    /// connection has no endpoint for queues.
    pub fn queue(&self, name: &str) -> Result<Queue, StorageError> {
        let Shared { account, service, .. } = &*self.shared;
        match (&service.queue, &account.queue) {
            (Some(client), Some(endpoint)) => Queue::new(name, client, self.target("queue", name, endpoint)),
            _ => Err(self.not_configured("queue", name, "QueueEndpoint")),
        }
    }

    /// Returns the container with this name. It need not exist.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidInput`] if this is not a valid name of a container, [`StorageError::NotConfigured`] if the
    /// connection has no endpoint for blobs.
    pub fn container(&self, name: &str) -> Result<Container, StorageError> {
        let Shared { account, service, .. } = &*self.shared;
        match (&service.blob, &account.blob) {
            (Some(client), Some(endpoint)) => {
                let target = self.target("container", name, endpoint);
                Container::new(name, client.clone(), service.limits, target)
            }
            _ => Err(self.not_configured("container", name, "BlobEndpoint")),
        }
    }

    fn target(&self, what: &str, name: &str, endpoint: &Endpoint) -> Target {
        let description = &self.shared.description;
        Target::new(
            format!("{what} '{name}' of {description}"),
            endpoint.address(),
            self.shared.account.credential.advice(),
        )
    }

    fn not_configured(&self, what: &str, name: &str, key: &str) -> StorageError {
        let description = &self.shared.description;
        StorageError::NotConfigured(format!(
            "{description} has no endpoint for the {what} '{name}'; add {key}=https://... to its connection string, or AccountName=..."
        ))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection")
            .field(&self.shared.description)
            .finish()
    }
}
