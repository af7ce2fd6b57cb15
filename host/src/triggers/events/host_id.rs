//! The id of the app's hosts: the name under which they keep what they share in a storage account.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::app::{App, AppSettings};

/// The longest id that Azure's host allows.
const MOST: usize = 32;

/// Returns the id: the app setting `AzureFunctionsWebHost__hostid`, else `id` of host.json, else the name that the app has in
/// Azure, as Azure's host derives it from `WEBSITE_SITE_NAME`. Other apps get one from the name of their folder and a hash
/// of its path, so that two apps on a machine do not mix; hosts on several machines share it only if the path is the same.
pub(super) fn host_id(app: &App, settings: &AppSettings) -> String {
    let setting = |name| {
        settings
            .get(name)
            .map(|setting| setting.value)
            .filter(|value| !value.is_empty())
    };
    setting("AzureFunctionsWebHost__hostid")
        .or_else(|| app.host.id.clone())
        .or_else(|| {
            Some(site_name(
                &setting("WEBSITE_SITE_NAME")?,
                setting("WEBSITE_SLOT_NAME"),
            ))
        })
        .map(|name| valid(&name, MOST))
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| derived(&app.root))
}

/// Slots of a site are apps of their own, except for the one that has its name.
fn site_name(site: &str, slot: Option<String>) -> String {
    match slot.filter(|slot| !slot.eq_ignore_ascii_case("production")) {
        Some(slot) => format!("{site}-{slot}"),
        None => site.to_owned(),
    }
}

fn derived(root: &Path) -> String {
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let folder = root.file_name().unwrap_or_default().to_string_lossy();
    match valid(&folder, MOST - 1 - hash.len()).as_str() {
        "" => hash,
        name => format!("{name}-{hash}"),
    }
}

/// Returns the text as the reference allows it in an id: lower-case letters, digits and hyphens, at most so many.
fn valid(text: &str, most: usize) -> String {
    let valid = |char: char| {
        if char.is_ascii_alphanumeric() {
            char.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let id: String = text.chars().map(valid).take(most).collect();
    id.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_ids_as_in_azure() {
        let long = "My-App-With-A-Name-Of-31-Chars.-Staging";
        assert_eq!(valid(long, MOST), "my-app-with-a-name-of-31-chars");
        assert_eq!(site_name("Site", None), "Site");
        assert_eq!(site_name("Site", Some("Production".to_owned())), "Site");
        assert_eq!(site_name("Site", Some("test".to_owned())), "Site-test");
    }

    #[test]
    fn a_folder_has_its_id() {
        let id = derived(Path::new("/srv/My Orders"));
        assert!(
            id.starts_with("my-orders-") && id.len() == "my-orders-".len() + 8,
            "{id}"
        );
        assert_eq!(id, derived(Path::new("/srv/My Orders")));
        assert_ne!(id, derived(Path::new("/opt/My Orders")));
        assert_eq!(derived(Path::new("/")).len(), 8);
        assert!(derived(Path::new(&format!("/{}", "a".repeat(99)))).len() <= MOST);
    }
}
