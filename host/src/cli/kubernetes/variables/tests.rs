use super::*;
use crate::app::{AppSettings, Declarations, HostConfig, LocalSettings, Variables};

/// Returns the variables of an app with these settings and connections, and the warnings.
fn variables(values: &[(&str, &str)], connections: &[&str], name: &str) -> (ContainerVariables, String) {
    let mut local = Variables::default();
    for (name, value) in values {
        local.insert(name, value).expect("valid");
    }
    let settings = AppSettings::new(&local, &BTreeMap::new());
    let app = App {
        root: "/srv/wwwroot".into(),
        host: HostConfig::default(),
        settings: LocalSettings {
            values: local,
            ..LocalSettings::default()
        },
        declarations: Declarations::Folders(Vec::new()),
        driver: crate::app::Driver::default(),
        unreadable: BTreeMap::new(),
    };
    let names = connections.iter().map(|name| (*name).to_owned()).collect();
    let mut warnings = Vec::new();
    let sources = Sources::find(&names, &settings, &mut warnings).expect("names of settings");
    let variables = ContainerVariables::new(&app, &sources, name, &mut warnings);
    (variables, warnings.join("\n"))
}

fn plain(variables: &ContainerVariables) -> Vec<(&str, &str)> {
    let plain = variables.plain.iter();
    plain
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn secret(variables: &ContainerVariables) -> Vec<&str> {
    variables.secret.iter().map(String::as_str).collect()
}

#[test]
fn only_what_is_known_not_to_be_secret_is_written() {
    let (found, warnings) = variables(
        &[
            ("FUNCTIONS_WORKER_PROCESS_COUNT", "2"),
            ("AzureWebJobsStorage", "AccountName=shop;AccountKey=c2VjcmV0"),
            ("SENDER", "s3cret"),
            ("FUNCTIONS_SECRETS_PATH", "/home/me/keys"),
            ("FUNCDOCK_LOG", "debug"),
            ("PIP_INDEX_URL", "https://u:s3cret@example.org"),
        ],
        &[],
        "shop",
    );
    assert_eq!(
        plain(&found),
        [
            ("AzureFunctionsWebHost__hostid", "shop"),
            ("FUNCTIONS_WORKER_PROCESS_COUNT", "2")
        ]
    );
    assert_eq!(secret(&found), ["AzureWebJobsStorage", "SENDER"]);
    assert!(
        warnings.contains("about this machine: FUNCDOCK_LOG, FUNCTIONS_SECRETS_PATH, PIP_INDEX_URL"),
        "{warnings}"
    );
    assert!(!warnings.contains("s3cret"), "{warnings}");
}

#[test]
fn the_settings_of_an_identity_are_written_but_for_secrets() {
    let (found, warnings) = variables(
        &[
            ("Orders__queueServiceUri", "https://shop.queue.core.windows.net"),
            (
                "Orders__blobServiceUri",
                "https://u:s3cret@shop.blob.core.windows.net",
            ),
            ("orders__clientId", "id"),
            ("Orders__credential", "managedidentity"),
            ("Orders__clientSecret", "s3cret"),
            ("Other__accountName", "other"),
        ],
        &["Orders"],
        "shop",
    );
    // The address with a password is not valid for the host, either.
    assert!(warnings.contains("the setting Orders is not valid"), "{warnings}");
    assert!(secret(&found).contains(&"Orders__blobServiceUri"), "{found:?}");

    let (found, warnings) = variables(
        &[
            ("Orders__queueServiceUri", "https://shop.queue.core.windows.net"),
            ("orders__clientId", "id"),
            ("Orders__credential", "managedidentity"),
            ("Orders__clientSecret", "s3cret"),
            ("Other__accountName", "other"),
        ],
        &["Orders"],
        "shop",
    );
    assert_eq!(
        plain(&found),
        [
            ("AzureFunctionsWebHost__hostid", "shop"),
            ("Orders__queueServiceUri", "https://shop.queue.core.windows.net"),
            ("orders__clientId", "id"),
        ]
    );
    assert_eq!(secret(&found), ["Orders__clientSecret", "Other__accountName"]);
    assert!(warnings.contains("Orders__credential is left out"), "{warnings}");
}

#[test]
fn the_id_of_the_app_is_that_of_its_settings_or_the_name() {
    let id = |values: &[(&str, &str)], name: &str| {
        let (found, _) = variables(values, &[], name);
        found.plain.get(HOST_ID).cloned()
    };
    assert_eq!(id(&[], "shop").as_deref(), Some("shop"));
    let long = "abcdefghijklmnopqrstuvwxyz-abcd-efghi";
    assert_eq!(id(&[], long).as_deref(), Some("abcdefghijklmnopqrstuvwxyz-abcd"));
    assert_eq!(id(&[("WEBSITE_SITE_NAME", "x")], "shop"), None);
    assert_eq!(id(&[(HOST_ID, "other")], "shop").as_deref(), Some("other"));
}

#[test]
fn names_are_those_of_a_secret() {
    let (found, warnings) = variables(
        &[
            ("a:b", "1"),
            ("c d", "2"),
            ("1x", "3"),
            ("ok.x-Y_1", "4"),
            ("AzureWebJobsStorage", " "),
        ],
        &[],
        "shop",
    );
    assert_eq!(
        secret(&found),
        ["a__b", "ok.x-Y_1"],
        "an empty connection is not set"
    );
    for part in ["\"a:b\" is a__b", "\"c d\" is left out", "\"1x\" is left out"] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
}
