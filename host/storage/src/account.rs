//! A storage account: its endpoints and its credential.

use std::net::IpAddr;

use azure_core::credentials::Secret;
use azure_core::http::Url;

use crate::authorization::{Identity, SharedKey};

/// The account of the local emulator, Azurite. Its key is public.
pub(crate) const EMULATOR_ACCOUNT: &str = "devstoreaccount1";

/// The endpoints and the credential of an account, as the settings have them.
pub(crate) struct Account {
    /// The account's name, or the host of an endpoint where the settings do not name the account.
    pub(crate) name: String,
    pub(crate) blob: Option<Endpoint>,
    pub(crate) queue: Option<Endpoint>,
    pub(crate) credential: Credential,
}

/// The address of one service of an account.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Without a query.
    pub(crate) url: Url,
    /// The shared access signature of this endpoint.
    pub(crate) sas: Option<Secret>,
}

/// How requests are authorized.
pub(crate) enum Credential {
    /// With the account's key.
    Key(SharedKey),
    /// With the signature that each endpoint has.
    Signature,
    /// With tokens of Microsoft Entra ID.
    Identity(Identity),
}

impl Account {
    /// A short description without secrets, for logs.
    pub(crate) fn describe(&self) -> String {
        if self.name != EMULATOR_ACCOUNT {
            return format!("storage account {}", self.name);
        }
        let endpoint = self.queue.as_ref().or(self.blob.as_ref());
        let address = endpoint.map_or_else(String::new, Endpoint::address);
        format!("the storage emulator at {address}")
    }
}

impl Endpoint {
    /// Host and port, for messages.
    pub(crate) fn address(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The port, if this is an address of this machine without TLS.
    pub(crate) fn local_port(&self) -> Option<u16> {
        let host = self.url.host_str().unwrap_or_default();
        let ip = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        let is_local = ip.map_or_else(|_| host == "localhost", |ip| ip.is_loopback());
        let port = self.url.port_or_known_default();
        port.filter(|_| is_local && self.url.scheme() == "http")
    }

    /// The URL that requests start from, with the signature if there is one.
    pub(crate) fn signed_url(&self) -> Url {
        let mut url = self.url.clone();
        url.set_query(self.sas.as_ref().map(Secret::secret));
        url
    }
}

impl Credential {
    /// What to check if the service denies access.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Credential::Key(_) => {
                "check that AccountName and AccountKey belong together, that the account allows access by key, that its firewall allows this machine, and that this machine's clock is right"
            }
            Credential::Signature => {
                "check that the shared access signature has not expired, allows this service and operation, and that the account's firewall allows this machine"
            }
            Credential::Identity(_) => {
                "check that the identity has a role on this account, such as Storage Queue Data Contributor or Storage Blob Data Owner, and that the account's firewall allows this machine"
            }
        }
    }
}
