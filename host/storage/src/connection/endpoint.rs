//! Addresses of services: what may be one, and what it tells of the account.

use azure_core::credentials::Secret;
use azure_core::http::Url;

use crate::account::{EMULATOR_ACCOUNT, Endpoint};

/// Checks an endpoint. A query is a shared access signature, as is the separate one of a connection string.
pub(super) fn parse(key: &str, text: &str, sas: Option<&str>) -> Result<Endpoint, String> {
    // The text is not shown with its query, which may be a signature.
    let shown = match text.split('?').next().unwrap_or_default() {
        url if url.contains('@') => "(not shown)",
        url => url,
    };
    let mut url = Url::parse(text).map_err(|error| {
        format!("{key} is '{shown}', which is not a URL ({error}); expected https://<host>")
    })?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err(format!(
            "{key} is '{shown}'; expected a URL that begins with https:// or http://"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{key} (not shown) has a user or password; it can have neither"
        ));
    }
    let sas = sas
        .or(url.query())
        .map(|sas| sas.trim_start_matches('?'))
        .filter(|sas| !sas.is_empty())
        .map(str::to_owned);
    if let Some(sas) = &sas
        && !sas.split('&').any(|pair| pair.starts_with("sig="))
    {
        return Err(format!(
            "the shared access signature of {key} (not shown) has no 'sig='; expected sv=...&sig=..."
        ));
    }
    url.set_query(None);
    url.set_fragment(None);
    // "/devstoreaccount1/" is the same endpoint as "/devstoreaccount1"; names are appended with a slash.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty();
    }
    Ok(Endpoint {
        url,
        sas: sas.map(Secret::new),
    })
}

/// Checks the name of an account, as it becomes a part of a host.
pub(super) fn check_account(name: &str) -> Result<(), String> {
    let valid = (3..=24).contains(&name.len())
        && name
            .chars()
            .all(|char| char.is_ascii_lowercase() || char.is_ascii_digit());
    if valid {
        return Ok(());
    }
    // An account's name is not a secret, but what stands in its place by mistake may be one.
    Err(format!(
        "the account's name ({} characters, not shown) is not valid; expected 3 to 24 lower-case letters and digits",
        name.chars().count()
    ))
}

/// Makes the URL of one service of an account that of another: `account.blob.core.windows.net` and
/// `account.queue.core.windows.net` differ in the second label. Other hosts serve both.
pub(super) fn retarget(url: &mut Url, service: &str) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let mut labels: Vec<&str> = host.split('.').collect();
    let Some(label) = labels.get_mut(1) else {
        return Ok(());
    };
    if !["blob", "queue", "table", "file", "dfs"].contains(label) {
        return Ok(());
    }
    *label = service;
    url.set_host(Some(&labels.join(".")))
        .map_err(|error| format!("'serviceUri' has a host that cannot be used: {error}"))
}

/// The account's name in an endpoint: the first label of its host, or the host where this is an address.
pub(super) fn account_of(endpoint: &Endpoint) -> Option<String> {
    let first_segment = endpoint.url.path_segments().and_then(|mut path| path.next());
    if first_segment == Some(EMULATOR_ACCOUNT) {
        return Some(EMULATOR_ACCOUNT.to_owned());
    }
    let host = endpoint.url.host_str()?;
    match endpoint.url.domain().and_then(|domain| domain.split_once('.')) {
        Some((account, _)) => Some(account.to_owned()),
        None => Some(host.to_owned()),
    }
}
