//! Looks up the settings of a connection, in the order of Azure Functions.

use super::{connection_string, endpoint};
use crate::account::{Account, Credential, Endpoint};
use crate::authorization::Identity;
use crate::service::ServiceKind;

/// Why the settings do not give a connection. The messages have no secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// No setting has the connection.
    #[error(
        "no storage connection '{name}': none of the settings {looked_for} is set; set {expected} to a connection string, to UseDevelopmentStorage=true for the local emulator, or set {expected}__accountName for an identity-based connection"
    )]
    Missing {
        /// The connection's name, as the binding has it.
        name: String,
        /// The settings that were looked up.
        looked_for: String,
        /// The setting that would be found first without a special reason for another one.
        expected: String,
    },
    /// A setting has the connection, and its value cannot be used.
    #[error("the storage connection in the setting '{setting}' is not valid: {reason}")]
    Invalid {
        /// The setting's name.
        setting: String,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// The binding has a connection string where it should have a setting's name.
    #[error(
        "a connection is the name of a setting, not a connection string (which is not shown here, as it may contain a key): move the string into a setting, such as AzureWebJobsStorage, and write that setting's name"
    )]
    StringInsteadOfName,
}

/// A connection, and the setting that has it.
pub(super) struct Found {
    pub(super) setting: String,
    /// Whether it is a connection string, and not a section of settings.
    pub(super) is_string: bool,
    pub(super) account: Account,
}

/// Returns the connection with this name.
pub(super) fn resolve(
    name: &str,
    setting: &dyn Fn(&str) -> Option<String>,
) -> Result<Found, ConnectionError> {
    if name.contains('=') || name.contains(';') {
        return Err(ConnectionError::StringInsteadOfName);
    }
    let name = match name.trim() {
        "" => "Storage",
        name => name,
    };
    let lookup = |name: &str| setting(name).filter(|value| !value.trim().is_empty());
    let candidates = [format!("AzureWebJobs{name}"), name.to_owned()];
    for candidate in &candidates {
        for key in [
            format!("ConnectionStrings__{candidate}"),
            format!("ConnectionStrings:{candidate}"),
            candidate.clone(),
        ] {
            if let Some(value) = lookup(&key) {
                return found(key, true, connection_string::parse(&value));
            }
        }
        let section = Section {
            name: candidate,
            lookup: &lookup,
        };
        if section.exists() {
            return found(candidate.clone(), false, section.account());
        }
    }
    let [prefixed, plain] = candidates;
    Err(ConnectionError::Missing {
        name: name.to_owned(),
        looked_for: format!(
            "'{prefixed}', '{plain}', '{prefixed}__accountName', '{plain}__accountName', and their __blobServiceUri, __queueServiceUri and __serviceUri"
        ),
        // "AzureWebJobsStorage" is what everybody knows; other settings usually have the binding's own name.
        expected: if plain == "Storage" { prefixed } else { plain },
    })
}

fn found(
    setting: String,
    is_string: bool,
    account: Result<Account, String>,
) -> Result<Found, ConnectionError> {
    match account {
        Ok(account) => Ok(Found {
            setting,
            is_string,
            account,
        }),
        Err(reason) => Err(ConnectionError::Invalid { setting, reason }),
    }
}

/// The settings of an identity-based connection: those that begin with its name.
struct Section<'a> {
    name: &'a str,
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Section<'_> {
    fn value(&self, key: &str) -> Option<String> {
        let name = self.name;
        (self.lookup)(&format!("{name}__{key}"))
            .or_else(|| (self.lookup)(&format!("{name}:{key}")))
            .map(|value| value.trim().to_owned())
    }

    /// Whether there is a section. The settings cannot be enumerated, so those that a section is expected to have count.
    fn exists(&self) -> bool {
        [
            "accountName",
            "serviceUri",
            "blobServiceUri",
            "queueServiceUri",
            "credential",
            "clientId",
        ]
        .iter()
        .any(|key| self.value(key).is_some())
    }

    fn account(&self) -> Result<Account, String> {
        let blob = self.endpoint(ServiceKind::Blob)?;
        let queue = self.endpoint(ServiceKind::Queue)?;
        let name = self
            .value("accountName")
            .or_else(|| endpoint::account_of(blob.as_ref().or(queue.as_ref())?));
        let Some(name) = name else {
            let section = self.name;
            return Err(format!(
                "it has no account; set {section}__accountName, or {section}__blobServiceUri and {section}__queueServiceUri, for example https://<account>.queue.core.windows.net"
            ));
        };
        let signed =
            |endpoint: &Option<Endpoint>| endpoint.as_ref().is_none_or(|endpoint| endpoint.sas.is_some());
        let credential = if signed(&blob) && signed(&queue) {
            Credential::Signature
        } else {
            Credential::Identity(self.identity()?)
        };
        Ok(Account {
            name,
            blob,
            queue,
            credential,
        })
    }

    /// The endpoint of a service. The account's name comes first, as in Azure Functions; `serviceUri` is that of the
    /// service which a binding uses.
    fn endpoint(&self, kind: ServiceKind) -> Result<Option<Endpoint>, String> {
        let service = kind.label();
        if let Some(account) = self.value("accountName") {
            endpoint::check_account(&account)?;
            let url = format!("https://{account}.{service}.core.windows.net");
            return endpoint::parse("accountName", &url, None).map(Some);
        }
        let key = format!("{service}ServiceUri");
        if let Some(url) = self.value(&key) {
            return endpoint::parse(&key, &url, None).map(Some);
        }
        let Some(url) = self.value("serviceUri") else {
            return Ok(None);
        };
        let mut found = endpoint::parse("serviceUri", &url, None)?;
        endpoint::retarget(&mut found.url, service)?;
        Ok(Some(found))
    }

    fn identity(&self) -> Result<Identity, String> {
        let client_id = self.value("clientId");
        match self.value("credential") {
            Some(kind) if kind.eq_ignore_ascii_case("managedidentity") => Ok(Identity::Managed { client_id }),
            Some(kind) => Err(format!(
                "'{}__credential' is '{kind}'; only 'managedidentity' is supported, or leave it out for the default credentials",
                self.name
            )),
            None => match (self.value("tenantId"), client_id, self.value("clientSecret")) {
                (Some(tenant_id), Some(client_id), Some(secret)) => Ok(Identity::ClientSecret {
                    tenant_id,
                    client_id,
                    secret: secret.into(),
                }),
                (_, client_id, _) => Ok(Identity::Default { client_id }),
            },
        }
    }
}
