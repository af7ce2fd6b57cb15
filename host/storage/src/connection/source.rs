//! Where the settings have a connection, for whoever writes configuration of other programs. It has no secrets.

use super::settings::{self, ConnectionError};
use crate::account::{Account, Credential, EMULATOR_ACCOUNT};
use crate::authorization::Identity;

/// The setting that has a connection, and what the connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSource {
    /// The name of the setting with the connection string, or that with which the names of an identity's settings begin.
    pub setting: String,
    /// What the connection is.
    pub kind: SourceKind,
}

/// What a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A connection string of a storage account.
    ConnectionString,
    /// The storage emulator.
    Emulator,
    /// An identity.
    Identity {
        /// The storage account's name.
        account: String,
        /// The host of the account's queues without the account: `queue.core.windows.net`; `None` without an endpoint of
        /// that form.
        queue_suffix: Option<String>,
        /// The client id of the identity, if the settings have one.
        client_id: Option<String>,
        /// Whether the settings ask for the identity that Azure gives a machine (`managedidentity`).
        is_managed: bool,
    },
    /// Addresses with a shared access signature each, without a connection string.
    SignedAddresses,
}

impl ConnectionSource {
    /// Looks up a connection in the same places, and in the same order, as
    /// [`Connection::from_settings`](super::Connection::from_settings).
    ///
    /// # Errors
    ///
    /// As that function, before it opens the services.
    pub fn find(name: &str, setting: impl Fn(&str) -> Option<String>) -> Result<Self, ConnectionError> {
        let found = settings::resolve(name, &setting)?;
        Ok(ConnectionSource {
            kind: kind(&found.account, found.is_string),
            setting: found.setting,
        })
    }
}

fn kind(account: &Account, is_string: bool) -> SourceKind {
    if account.name == EMULATOR_ACCOUNT {
        return SourceKind::Emulator;
    }
    let (client_id, is_managed) = match &account.credential {
        Credential::Key(_) => return SourceKind::ConnectionString,
        // A connection string with a signature has it for all services, a section of settings one for each address.
        Credential::Signature if is_string => return SourceKind::ConnectionString,
        Credential::Signature => return SourceKind::SignedAddresses,
        Credential::Identity(identity) => match identity {
            Identity::Managed { client_id } => (client_id.clone(), true),
            Identity::ClientSecret { client_id, .. } => (Some(client_id.clone()), false),
            Identity::Default { client_id } => (client_id.clone(), false),
        },
    };
    let host = account.queue.as_ref().and_then(|endpoint| endpoint.url.domain());
    SourceKind::Identity {
        account: account.name.clone(),
        queue_suffix: host
            .and_then(|host| host.strip_prefix(&format!("{}.", account.name)))
            .map(str::to_owned),
        client_id,
        is_managed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str, settings: &[(&str, &str)]) -> Result<ConnectionSource, ConnectionError> {
        ConnectionSource::find(name, |wanted| {
            let found = settings.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn identity(account: &str, suffix: Option<&str>, client: Option<&str>, is_managed: bool) -> SourceKind {
        SourceKind::Identity {
            account: account.to_owned(),
            queue_suffix: suffix.map(str::to_owned),
            client_id: client.map(str::to_owned),
            is_managed,
        }
    }

    #[test]
    fn the_setting_that_counts_is_named() {
        const KEY: &str = "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=c2VjcmV0";
        const SAS: &str =
            "QueueEndpoint=https://shop.queue.core.windows.net;SharedAccessSignature=sv=1&sig=x";
        let public = Some("queue.core.windows.net");
        for (name, settings, setting, kind) in [
            (
                "",
                &[("AzureWebJobsStorage", KEY)][..],
                "AzureWebJobsStorage",
                SourceKind::ConnectionString,
            ),
            (
                "Orders",
                &[("AzureWebJobsOrders", KEY), ("Orders", SAS)],
                "AzureWebJobsOrders",
                SourceKind::ConnectionString,
            ),
            (
                "Orders",
                &[("Orders", SAS)],
                "Orders",
                SourceKind::ConnectionString,
            ),
            (
                "Orders",
                &[("ConnectionStrings__Orders", KEY)],
                "ConnectionStrings__Orders",
                SourceKind::ConnectionString,
            ),
            (
                "AzureWebJobsStorage",
                &[("AzureWebJobsStorage", "UseDevelopmentStorage=true")],
                "AzureWebJobsStorage",
                SourceKind::Emulator,
            ),
            (
                "",
                &[("AzureWebJobsStorage__accountName", "shop")],
                "AzureWebJobsStorage",
                identity("shop", public, None, false),
            ),
            (
                "Orders",
                &[
                    (
                        "Orders__queueServiceUri",
                        "https://shop.queue.core.chinacloudapi.cn",
                    ),
                    ("Orders__credential", "managedidentity"),
                    ("Orders__clientId", "id"),
                ],
                "Orders",
                identity("shop", Some("queue.core.chinacloudapi.cn"), Some("id"), true),
            ),
            (
                "Orders",
                &[(
                    "Orders__queueServiceUri",
                    "https://shop.queue.core.windows.net?sig=x",
                )],
                "Orders",
                SourceKind::SignedAddresses,
            ),
        ] {
            let expected = ConnectionSource {
                setting: setting.to_owned(),
                kind,
            };
            assert_eq!(
                find(name, settings).as_ref(),
                Ok(&expected),
                "{name} {settings:?}"
            );
        }
    }

    #[test]
    fn errors_are_those_of_a_connection() {
        let missing = find("Orders", &[]).expect_err("no setting");
        assert!(matches!(missing, ConnectionError::Missing { expected, .. } if expected == "Orders"));
        let invalid = find("Orders", &[("Orders", "s3cret")]).expect_err("not a connection string");
        assert!(!invalid.to_string().contains("s3cret"), "{invalid}");
    }
}
