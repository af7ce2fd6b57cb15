//! Parses connection strings: `AccountName=...;AccountKey=...`, endpoints, signatures, and the emulator.

use std::collections::HashMap;

use azure_core::base64;

use super::endpoint;
use crate::account::{Account, Credential, EMULATOR_ACCOUNT, Endpoint};
use crate::authorization::SharedKey;
use crate::service::ServiceKind;

/// The key of the emulator's account, which Microsoft documents for everybody.
const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// What a connection string may consist of, in the spelling of messages.
const KEYS: [&str; 15] = [
    "AccountName",
    "AccountKey",
    "BlobEndpoint",
    "QueueEndpoint",
    "SharedAccessSignature",
    "DefaultEndpointsProtocol",
    "EndpointSuffix",
    "UseDevelopmentStorage",
    "DevelopmentStorageProxyUri",
    "TableEndpoint",
    "FileEndpoint",
    "BlobSecondaryEndpoint",
    "QueueSecondaryEndpoint",
    "TableSecondaryEndpoint",
    "FileSecondaryEndpoint",
];

const EXPECTED: &str = "expected AccountName=...;AccountKey=..., or endpoints with SharedAccessSignature=..., or UseDevelopmentStorage=true";

/// Parses a connection string. Errors have no values that may be secret.
pub(super) fn parse(text: &str) -> Result<Account, String> {
    let parts = split(text)?;
    let part = |key: &str| parts.get(key).map(String::as_str);
    if let Some(value) = part("UseDevelopmentStorage") {
        if !value.eq_ignore_ascii_case("true") {
            return Err("UseDevelopmentStorage can only be 'true'".to_owned());
        }
        return emulator(part("DevelopmentStorageProxyUri"));
    }
    if let Some(account) = part("AccountName") {
        endpoint::check_account(account)?;
    }
    let service = |kind| service_endpoint(&part, kind);
    let (blob, queue) = (service(ServiceKind::Blob)?, service(ServiceKind::Queue)?);
    if blob.is_none() && queue.is_none() {
        return Err(format!(
            "it has neither AccountName nor BlobEndpoint nor QueueEndpoint; {EXPECTED}"
        ));
    }
    let credential = match (part("AccountKey"), part("AccountName")) {
        (Some(_), None) => return Err("it has an AccountKey and no AccountName".to_owned()),
        (Some(key), Some(account)) => Credential::Key(shared_key(account, key)?),
        (None, _) => {
            let unsigned = [&blob, &queue]
                .into_iter()
                .flatten()
                .any(|endpoint| endpoint.sas.is_none());
            if unsigned {
                return Err(format!(
                    "it has neither AccountKey nor SharedAccessSignature; {EXPECTED}"
                ));
            }
            Credential::Signature
        }
    };
    let name = match part("AccountName") {
        Some(name) => name.to_owned(),
        None => blob
            .as_ref()
            .or(queue.as_ref())
            .and_then(endpoint::account_of)
            .unwrap_or_default(),
    };
    Ok(Account {
        name,
        blob,
        queue,
        credential,
    })
}

/// Splits `Key=value;Key=value`. Keys do not depend on case; they are returned in the spelling of [`KEYS`].
fn split(text: &str) -> Result<HashMap<&'static str, String>, String> {
    let mut parts = HashMap::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let known = part.split_once('=').and_then(|(key, value)| {
            let key = key.trim();
            let known = KEYS.iter().find(|known| known.eq_ignore_ascii_case(key))?;
            Some((*known, value.trim()))
        });
        // The part itself is not shown: it may be a key that was pasted without its name.
        let Some((key, value)) = known else {
            return Err(format!(
                "its part {} is not one of {}; {EXPECTED}",
                parts.len() + 1,
                KEYS[..9].join("=, ") + "="
            ));
        };
        if parts.insert(key, value.to_owned()).is_some() {
            return Err(format!("it has {key} twice"));
        }
    }
    Ok(parts)
}

/// The emulator's account. Its ports are fixed unless the endpoints are written out.
fn emulator(proxy: Option<&str>) -> Result<Account, String> {
    let proxy = proxy.unwrap_or("http://127.0.0.1");
    let base = endpoint::parse("DevelopmentStorageProxyUri", proxy, None)?.url;
    let at = |port: u16| {
        let mut url = base.clone();
        url.set_port(Some(port))
            .map_err(|()| "DevelopmentStorageProxyUri cannot have a port".to_owned())?;
        url.set_path(EMULATOR_ACCOUNT);
        Ok::<_, String>(Some(Endpoint { url, sas: None }))
    };
    Ok(Account {
        name: EMULATOR_ACCOUNT.to_owned(),
        blob: at(10000)?,
        queue: at(10001)?,
        credential: Credential::Key(shared_key(EMULATOR_ACCOUNT, EMULATOR_KEY)?),
    })
}

fn shared_key(account: &str, key: &str) -> Result<SharedKey, String> {
    let key = base64::decode(key).map_err(|_| {
        "its AccountKey (not shown) is not valid base64; copy the whole key, with the '=' at its end"
            .to_owned()
    })?;
    Ok(SharedKey::new(account, key))
}

fn service_endpoint<'a>(
    part: &impl Fn(&str) -> Option<&'a str>,
    kind: ServiceKind,
) -> Result<Option<Endpoint>, String> {
    let key = match kind {
        ServiceKind::Blob => "BlobEndpoint",
        ServiceKind::Queue => "QueueEndpoint",
    };
    let sas = part("SharedAccessSignature");
    if let Some(url) = part(key) {
        return endpoint::parse(key, url, sas).map(Some);
    }
    let Some(account) = part("AccountName") else {
        return Ok(None);
    };
    let protocol = part("DefaultEndpointsProtocol").unwrap_or("https");
    if !["http", "https"].contains(&protocol) {
        return Err(format!(
            "DefaultEndpointsProtocol is '{protocol}'; expected https or http"
        ));
    }
    let suffix = part("EndpointSuffix").unwrap_or("core.windows.net");
    let url = format!("{protocol}://{account}.{}.{suffix}", kind.label());
    endpoint::parse("EndpointSuffix", &url, sas).map(Some)
}
