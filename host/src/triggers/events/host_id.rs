//! The id of the app within a storage account: all hosts of one app must have the same one, on all machines, and apps that
//! share the account must have different ones.

use sha2::{Digest as _, Sha256};

use crate::app::{App, AppSettings};

/// The app settings that say the id, as they can be written.
const SETTINGS: [&str; 2] = ["AzureFunctionsWebHost__hostid", "AzureFunctionsWebHost:hostid"];

/// The app setting with the app's name, which Azure sets.
const SITE_NAME: &str = "WEBSITE_SITE_NAME";

/// The longest id that Azure's host takes.
const MAX_LENGTH: usize = 32;

/// The app setting with the name of a slot, which is an app of its own.
const SLOT_NAME: &str = "WEBSITE_SLOT_NAME";

/// Returns the id of an app: what the setting or `id` of host.json says, else the app's name in Azure, else the name of its
/// folder. It consists of lower-case letters, digits and single hyphens.
pub(crate) fn host_id(app: &App, settings: &AppSettings) -> String {
    if let Some(setting) = SETTINGS.iter().find_map(|name| settings.get(name)) {
        return sanitized(&setting.value);
    }
    if let Some(id) = &app.host.id {
        return sanitized(id);
    }
    if let Some(site) = settings.get(SITE_NAME) {
        return match settings.get(SLOT_NAME) {
            Some(slot) if !slot.value.eq_ignore_ascii_case("production") => {
                sanitized(&format!("{}-{}", site.value, slot.value))
            }
            _ => sanitized(&site.value),
        };
    }
    let name = app.root.file_name().unwrap_or_default();
    sanitized(&name.to_string_lossy())
}

/// Logs that the setting with the id needs changes, if it does. One process says so for all of them.
pub(super) fn warn_of_changes(settings: &AppSettings) {
    let Some(setting) = SETTINGS.iter().find_map(|name| settings.get(name)) else {
        return;
    };
    let id = sanitized(&setting.value);
    if id != setting.value {
        tracing::warn!(
            "app setting {}: expected at most {MAX_LENGTH} lower-case letters, digits and single hyphens, found {:?}; \
             the app's id is {id:?}",
            setting.name,
            setting.value
        );
    }
}

/// Returns an id that is as much like this name as an id can be.
fn sanitized(name: &str) -> String {
    let mut id = String::new();
    for char in name.chars().map(|char| char.to_ascii_lowercase()) {
        let char = if char.is_ascii_lowercase() || char.is_ascii_digit() {
            char
        } else {
            '-'
        };
        if char != '-' || !(id.is_empty() || id.ends_with('-')) {
            id.push(char);
        }
    }
    id.truncate(MAX_LENGTH);
    let id = id.trim_end_matches('-');
    if id.is_empty() {
        // A name without any such letter, in another script for example.
        let digest = Sha256::digest(name);
        let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        return format!("app-{hex}");
    }
    id.to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::app::{Declarations, Driver, HostConfig, LocalSettings};

    fn id(entries: &[(&str, &str)], root: &str) -> String {
        let app = App {
            root: root.into(),
            host: HostConfig::default(),
            settings: LocalSettings::default(),
            declarations: Declarations::Folders(Vec::new()),
            driver: Driver::default(),
            unreadable: std::collections::BTreeMap::new(),
        };
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let entries: BTreeMap<_, _> = entries.iter().map(owned).collect();
        host_id(&app, &AppSettings::new(&entries, &BTreeMap::new()))
    }

    #[test]
    fn it_is_the_setting_or_the_apps_name_or_that_of_the_folder() {
        let site = ("WEBSITE_SITE_NAME", "Shop-EU");
        assert_eq!(id(&[], "/srv/shop"), "shop");
        assert_eq!(id(&[site], "/srv/other"), "shop-eu");
        let slot = |name| id(&[site, ("WEBSITE_SLOT_NAME", name)], "/srv/other");
        assert_eq!(
            (slot("Production"), slot("test")),
            ("shop-eu".to_owned(), "shop-eu-test".to_owned())
        );
        assert_eq!(
            id(&[site, ("azurefunctionswebhost__HOSTID", "mine")], "/srv/x"),
            "mine"
        );
        assert_eq!(id(&[("AzureFunctionsWebHost:hostid", "mine")], "/srv/x"), "mine");
        assert_eq!(
            id(&[("AzureFunctionsWebHost__hostid", "My_Id")], "/srv/x"),
            "my-id"
        );
    }

    #[test]
    fn any_folder_has_a_valid_id_which_does_not_depend_on_its_path() {
        for (name, expected) in [
            ("My Shop (new)", "my-shop-new"),
            ("__shop__api__", "shop-api"),
            ("a.b", "a-b"),
            ("Größe", "gr-e"),
            (
                "a-very-long-name-of-an-app-1234-and-more",
                "a-very-long-name-of-an-app-1234",
            ),
        ] {
            assert_eq!(id(&[], &format!("/srv/{name}")), expected);
            assert_eq!(id(&[], &format!("/home/ada/{name}")), expected);
        }
        let other = id(&[], "/srv/店");
        assert!(other.starts_with("app-") && other.len() == 16, "{other}");
        assert_eq!(id(&[], "/home/店"), other);
        assert_ne!(id(&[], "/home/本"), other);
        assert!(!id(&[], "/").is_empty());
    }
}
