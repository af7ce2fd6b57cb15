//! The environment variables of the container: which app settings are written, and which are left to a Secret.

use std::collections::{BTreeMap, BTreeSet};

use funcdock_storage::SourceKind;

use super::connections::Sources;
use crate::app::{App, is_plain};

/// The setting with the id under which all hosts of an app share what they know.
const HOST_ID: &str = "AzureFunctionsWebHost__hostid";

/// The longest such id.
const LONGEST_HOST_ID: usize = 32;

/// The settings that are about this machine, or that the manifests set themselves; lower case, with what follows.
const ABOUT_THIS_MACHINE: [&str; 7] = [
    "azurewebjobsscriptroot",
    "funcdock_",
    "functions_secrets_path",
    "languageworkers",
    "pip_",
    "uv_",
    "website_hostname",
];

/// The parts of an identity's settings that are never secret, lower case.
const PLAIN_PARTS: [&str; 6] = [
    "accountname",
    "clientid",
    "tenantid",
    "serviceuri",
    "blobserviceuri",
    "queueserviceuri",
];

/// The environment variables of the container.
#[derive(Debug, Default)]
pub(super) struct ContainerVariables {
    /// Those that are known not to be secret, with their values.
    pub(super) plain: BTreeMap<String, String>,
    /// The names of the others.
    pub(super) secret: BTreeSet<String>,
}

impl ContainerVariables {
    /// Sorts the settings of local.settings.json, and those of connections. Adds a warning for each that is left out. `name` is
    /// that of the manifests.
    pub(super) fn new(app: &App, sources: &Sources, name: &str, warnings: &mut Vec<String>) -> Self {
        let mut variables = ContainerVariables::default();
        let mut left_out = Vec::new();
        let local = &app.settings;
        for (name, value) in &local.values {
            if is_about_this_machine(name) {
                left_out.push(name.as_str());
            } else {
                variables.add(name, value, sources, warnings);
            }
        }
        for (name, _) in &local.connection_strings {
            variables.add_secret(&format!("ConnectionStrings__{name}"), warnings);
        }
        for source in sources.all() {
            match &source.kind {
                SourceKind::ConnectionString | SourceKind::Emulator => {
                    variables.add_secret(&source.setting, warnings);
                }
                SourceKind::Identity { account, .. } => variables.add_account(&source.setting, account),
                // Its settings are in local.settings.json, or nobody knows their names.
                SourceKind::SignedAddresses => {}
            }
        }
        if !left_out.is_empty() {
            warnings.push(format!(
                "left out, as they are about this machine: {}",
                left_out.join(", ")
            ));
        }
        variables.add_host_id(app, name);
        variables
    }

    fn add(&mut self, name: &str, value: &str, sources: &Sources, warnings: &mut Vec<String>) {
        // An empty setting of the host is not set: that of the storage account, in many files.
        let is_unset = value.trim().is_empty() && name.to_ascii_lowercase().starts_with("azurewebjobs");
        if is_unset {
            return;
        }
        let part = part_of_identity(name, sources);
        if part.as_deref() == Some("credential") {
            warnings.push(format!(
                "{name} is left out: with it the host would ask the node for an identity, and not the workload identity of \
                 the pod"
            ));
            return;
        }
        let is_plain_part = part.is_some_and(|part| PLAIN_PARTS.contains(&part.as_str()))
            // A URL may have a signature, or a password.
            && !value.contains(['?', '@']);
        if !is_plain_part && !is_plain(name) {
            self.add_secret(name, warnings);
        } else if let Some(name) = valid(name, warnings) {
            self.plain.insert(name, value.to_owned());
        }
    }

    fn add_secret(&mut self, name: &str, warnings: &mut Vec<String>) {
        if let Some(name) = valid(name, warnings) {
            self.secret.insert(name);
        }
    }

    /// Adds the account of an identity, unless its settings are in local.settings.json and so have been added.
    fn add_account(&mut self, section: &str, account: &str) {
        let known = |name: &String| {
            let rest = name.get(section.len()..).filter(|_| {
                name.get(..section.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(section))
            });
            rest.is_some_and(|rest| {
                let rest = rest.to_ascii_lowercase();
                rest == "__accountname" || rest.ends_with("serviceuri")
            })
        };
        if !self.plain.keys().chain(&self.secret).any(known) {
            self.plain
                .insert(format!("{section}__accountName"), account.to_owned());
        }
    }

    /// Adds the id of the app, unless the settings say it: that of the folder in the image may be that of many apps.
    fn add_host_id(&mut self, app: &App, name: &str) {
        let is_said = app.host.id.is_some()
            || [HOST_ID, "WEBSITE_SITE_NAME"].iter().any(|said| {
                let mut names = self.plain.keys().chain(&self.secret);
                names.any(|name| name.eq_ignore_ascii_case(said))
            });
        if !is_said {
            let id = name.get(..LONGEST_HOST_ID).unwrap_or(name).trim_end_matches('-');
            self.plain.insert(HOST_ID.to_owned(), id.to_owned());
        }
    }
}

/// Returns the part of an identity's settings that this one is, lower case; `None` if it is something else.
fn part_of_identity(name: &str, sources: &Sources) -> Option<String> {
    let name = name.to_ascii_lowercase();
    sources.all().find_map(|source| {
        let SourceKind::Identity { .. } = source.kind else {
            return None;
        };
        let rest = name.strip_prefix(&source.setting.to_ascii_lowercase())?;
        let part = rest.strip_prefix("__").or_else(|| rest.strip_prefix(':'))?;
        Some(part.to_owned())
    })
}

fn is_about_this_machine(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ABOUT_THIS_MACHINE.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns the name as that of a variable in a container, and as a key of a ConfigMap or a Secret.
fn valid(name: &str, warnings: &mut Vec<String>) -> Option<String> {
    // The host reads both.
    let valid = name.replace(':', "__");
    let is_valid = !valid.starts_with(|c: char| c.is_ascii_digit())
        && (1..=253).contains(&valid.len())
        && valid
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if !is_valid {
        warnings.push(format!(
            "the setting {name:?} is left out: a variable in a container has letters, digits, \"-\", \".\" and \"_\", and no \
             digit first"
        ));
        return None;
    }
    if valid != name {
        warnings.push(format!(
            "the setting {name:?} is {valid} in the manifests, as a Secret has no colons"
        ));
    }
    Some(valid)
}

#[cfg(test)]
mod tests;
