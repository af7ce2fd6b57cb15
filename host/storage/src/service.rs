//! The clients of an account's services, set up with our transport, authorization, retries and timeouts.

mod retries;
#[cfg(test)]
mod tests;
mod transport;

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::policies::Policy;
use azure_core::http::{ClientOptions, HttpClient, RetryOptions, Transport};
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use azure_storage_queue::{QueueServiceClient, QueueServiceClientOptions};

use self::retries::Retries;
use self::transport::HyperTransport;
use crate::account::{Credential, Endpoint};
use crate::limits::Limits;

/// For how many times the limit of one try a token may take, at most.
const MAX_TOKEN_TRIES: u32 = 10;

/// A service of a storage account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceKind {
    Blob,
    Queue,
}

impl ServiceKind {
    /// The service's name in hosts and settings.
    pub(crate) fn label(self) -> &'static str {
        match self {
            ServiceKind::Blob => "blob",
            ServiceKind::Queue => "queue",
        }
    }
}

/// The clients of an account. Those of queues, containers and blobs are made from them and share their connections and
/// tokens.
pub(crate) struct Service {
    options: ClientOptions,
    token: Option<Arc<dyn TokenCredential>>,
    pub(crate) blob: Option<Arc<BlobServiceClient>>,
    pub(crate) queue: Option<QueueServiceClient>,
    pub(crate) limits: Limits,
}

impl Service {
    /// Prepares the clients' options: the transport, and the credential. Nothing is sent.
    pub(crate) fn new(credential: &Credential, limits: Limits) -> Result<Self, String> {
        let transport: Arc<dyn HttpClient> = Arc::new(HyperTransport::new(limits)?);
        let transport = Transport::new(transport);
        let mut per_try_policies: Vec<Arc<dyn Policy>> = Vec::new();
        let mut token = None;
        match credential {
            Credential::Key(key) => per_try_policies.push(Arc::new(key.clone())),
            Credential::Signature => {}
            Credential::Identity(identity) => {
                let limit = limits.try_timeout * limits.retries.saturating_add(1).min(MAX_TOKEN_TRIES);
                token = Some(identity.credential(&transport, limit)?);
            }
        }
        let options = ClientOptions {
            per_try_policies,
            retry: RetryOptions::custom(Arc::new(Retries::new(limits))),
            transport: Some(transport),
            ..ClientOptions::default()
        };
        Ok(Service {
            options,
            token,
            blob: None,
            queue: None,
            limits,
        })
    }

    /// Adds the client of one service, if the account has an endpoint of it.
    pub(crate) fn with_endpoint(
        mut self,
        kind: ServiceKind,
        endpoint: Option<&Endpoint>,
    ) -> Result<Self, String> {
        let Some(endpoint) = endpoint else {
            return Ok(self);
        };
        let url = endpoint.signed_url();
        let token = self.token.clone();
        if token.is_some() && url.scheme() != "https" {
            return Err(format!(
                "the {} service's address begins with http://, where tokens are not sent; expected https://",
                kind.label()
            ));
        }
        let client_options = self.options.clone();
        match kind {
            ServiceKind::Blob => {
                let options = BlobServiceClientOptions {
                    client_options,
                    ..BlobServiceClientOptions::default()
                };
                let client = BlobServiceClient::new(url, token, Some(options));
                self.blob = Some(Arc::new(client.map_err(|_| unusable(endpoint))?));
            }
            ServiceKind::Queue => {
                let options = QueueServiceClientOptions {
                    client_options,
                    ..QueueServiceClientOptions::default()
                };
                let client = QueueServiceClient::new(url, token, Some(options));
                self.queue = Some(client.map_err(|_| unusable(endpoint))?);
            }
        }
        Ok(self)
    }
}

/// Without the client's own words, which show the URL with its signature.
fn unusable(endpoint: &Endpoint) -> String {
    format!("the endpoint {} cannot be used as a base URL", endpoint.address())
}
