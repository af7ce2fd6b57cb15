//! The connections to storage accounts that an app's functions use: the settings that have them, also where these settings
//! are not set on this machine.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use funcdock_storage::{ConnectionError, ConnectionSource, SourceKind};

use crate::app::AppSettings;

/// The setting with the default connection.
const STORAGE: &str = "AzureWebJobsStorage";

/// The connections of an app.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// By the name in bindings, lower case; the default one is empty.
    by_name: BTreeMap<String, ConnectionSource>,
    /// Whether the app has a default storage account, which the hosts of all machines share.
    pub(super) has_storage: bool,
}

impl Sources {
    /// Returns the connections with these names, and the default one if it is set. Adds a warning for each that does not say
    /// enough, or makes no sense in a cluster.
    ///
    /// # Errors
    /// A name is a connection string.
    pub(super) fn find(
        names: &BTreeSet<String>,
        settings: &AppSettings,
        warnings: &mut Vec<String>,
    ) -> Result<Self> {
        let find = |name: &str| {
            let found = ConnectionSource::find(name, |name| settings.get(name).map(|found| found.value))?;
            let setting = settings.get(&found.setting).map(|setting| setting.name);
            Ok(ConnectionSource {
                // As it is written, as names in a container differ by case.
                setting: setting.unwrap_or(found.setting),
                kind: found.kind,
            })
        };
        let mut names = names.clone();
        // It is used by timers, too, which work without it.
        if !matches!(find(""), Err(ConnectionError::Missing { .. })) {
            names.insert(String::new());
        }
        let mut sources = Sources::default();
        for name in &names {
            let found = match find(name) {
                Ok(found) => found,
                Err(ConnectionError::Missing { expected, .. }) => {
                    warnings.push(format!(
                        "the connection {name:?} is not set on this machine; the manifests expect a connection string in \
                         {expected}"
                    ));
                    string_in(expected)
                }
                Err(ConnectionError::Invalid { setting, reason }) => {
                    warnings.push(format!(
                        "the connection in the setting {setting} is not valid on this machine: {reason}; the manifests \
                         expect a connection string there"
                    ));
                    string_in(setting)
                }
                Err(error) => bail!("connection of a function: {error}"),
            };
            sources.by_name.insert(name.to_ascii_lowercase(), found);
        }
        let has_storage = sources
            .all()
            .any(|source| source.setting.eq_ignore_ascii_case(STORAGE));
        sources.has_storage = has_storage;
        let emulated: BTreeSet<_> = sources
            .all()
            .filter(|source| source.kind == SourceKind::Emulator)
            .map(|source| source.setting.as_str())
            .collect();
        for setting in emulated {
            warnings.push(format!(
                "{setting} is the storage emulator on this machine, which no pod reaches; give the Secret the connection \
                 string of a storage account"
            ));
        }
        Ok(sources)
    }

    /// Returns the connection with this name; `None` if no function uses it.
    pub(super) fn get(&self, name: &str) -> Option<&ConnectionSource> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    /// All connections.
    pub(super) fn all(&self) -> impl Iterator<Item = &ConnectionSource> {
        self.by_name.values()
    }

    /// Whether any connection is that of an identity.
    pub(super) fn has_identity(&self) -> bool {
        self.all()
            .any(|source| matches!(source.kind, SourceKind::Identity { .. }))
    }

    /// Returns the client id of an identity that a setting names.
    pub(super) fn client_id(&self) -> Option<&str> {
        self.all().find_map(|source| match &source.kind {
            SourceKind::Identity { client_id, .. } => client_id.as_deref(),
            _ => None,
        })
    }
}

fn string_in(setting: String) -> ConnectionSource {
    ConnectionSource {
        setting,
        kind: SourceKind::ConnectionString,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(names: &[&str], values: &[(&str, &str)]) -> (Sources, Vec<String>) {
        let values: BTreeMap<_, _> = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let settings = AppSettings::new(&values, &BTreeMap::new());
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let mut warnings = Vec::new();
        let sources = Sources::find(&names, &settings, &mut warnings).expect("names of settings");
        (sources, warnings)
    }

    #[test]
    fn a_connection_has_the_name_that_its_setting_is_written_with() {
        let (sources, warnings) = find(
            &["orders"],
            &[("azurewebjobsORDERS", "AccountName=shop;AccountKey=c2VjcmV0")],
        );
        let orders = sources.get("Orders").expect("used");
        assert_eq!(orders.setting, "azurewebjobsORDERS");
        assert!(!sources.has_storage && warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn what_this_machine_does_not_have_is_expected_in_the_secret() {
        let (sources, warnings) = find(
            &["Orders", "AzureWebJobsStorage"],
            &[
                ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
                ("Orders", "s3cret"),
            ],
        );
        assert!(sources.has_storage);
        assert_eq!(sources.get("Orders"), Some(&string_in("Orders".to_owned())));
        let warnings = warnings.join("\n");
        assert!(warnings.contains("setting Orders is not valid"), "{warnings}");
        assert!(
            warnings.contains("AzureWebJobsStorage is the storage emulator"),
            "{warnings}"
        );
        assert!(!warnings.contains("s3cret"), "{warnings}");

        let (sources, warnings) = find(&["", "Orders"], &[]);
        let settings: Vec<_> = sources.all().map(|source| source.setting.as_str()).collect();
        assert_eq!(settings, ["AzureWebJobsStorage", "Orders"]);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(sources.has_storage);
    }
}
