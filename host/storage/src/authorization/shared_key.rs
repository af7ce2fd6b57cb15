//! Signs requests with an account's key: the "Shared Key" scheme of the Blob and Queue services, as documented at
//! <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use azure_core::base64;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The standard headers whose values are signed, in the order in which they are signed after the method. The length of
/// the body comes after the first two, and the date is always empty, as `x-ms-date` takes its place.
const BEFORE_LENGTH: [&str; 2] = ["content-encoding", "content-language"];
const AFTER_LENGTH: [&str; 3] = ["content-md5", "content-type", ""];
const CONDITIONS: [&str; 5] = [
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// An account's name and key. It signs each try of a request anew, as the date is a part of the signature.
#[derive(Clone)]
pub(crate) struct SharedKey {
    account: Arc<str>,
    key: Arc<[u8]>,
}

impl SharedKey {
    /// Takes the decoded key.
    pub(crate) fn new(account: &str, key: Vec<u8>) -> Self {
        SharedKey {
            account: account.into(),
            key: key.into(),
        }
    }

    /// Sets the date and the signature.
    fn sign(&self, request: &mut Request, now: SystemTime) {
        request.insert_header("x-ms-date", httpdate::fmt_http_date(now));
        let signature = self.signature(&string_to_sign(&self.account, request));
        let account = &self.account;
        request.insert_header("authorization", format!("SharedKey {account}:{signature}"));
    }

    fn signature(&self, text: &str) -> String {
        // HMAC takes keys of any length: shorter ones are padded, longer ones are hashed.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return String::new();
        };
        mac.update(text.as_bytes());
        base64::encode(mac.finalize().into_bytes())
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKey")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

// The trait leaves out a lifetime, and the macro wants the same text.
#[allow(elided_lifetimes_in_paths)]
#[async_trait]
impl Policy for SharedKey {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        self.sign(request, SystemTime::now());
        match next.split_first() {
            Some((first, rest)) => first.send(context, request, rest).await,
            None => Err(azure_core::Error::with_message(
                azure_core::error::ErrorKind::Other,
                "no transport follows the signature",
            )),
        }
    }
}

/// The text whose signature authorizes the request.
fn string_to_sign(account: &str, request: &Request) -> String {
    let header = |name: &&str| {
        let found = request.headers().iter().find(|(key, _)| key.as_str() == *name);
        found.map_or("", |(_, value)| value.as_str().trim())
    };
    // An empty body has the empty string in place of its length, also where the request has the header.
    let length = match request.body().len() {
        None | Some(0) => String::new(),
        Some(length) => length.to_string(),
    };
    let method = request.method().to_string();
    let mut lines = vec![method.as_str()];
    lines.extend(BEFORE_LENGTH.iter().map(header));
    lines.push(&length);
    lines.extend(AFTER_LENGTH.iter().map(header));
    lines.extend(CONDITIONS.iter().map(header));
    lines.join("\n") + "\n" + &canonical_headers(request) + &canonical_resource(account, request)
}

/// Every header that begins with `x-ms-`, sorted by name.
fn canonical_headers(request: &Request) -> String {
    let mut headers: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .collect();
    headers.sort_by_key(|(name, _)| sort_key(name));
    headers
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect()
}

/// The service sorts underscores, which names of metadata may have, before digits and letters.
fn sort_key(name: &str) -> Vec<u8> {
    name.bytes()
        .map(|byte| match byte {
            b'-' => 0,
            b'_' => 1,
            byte => byte,
        })
        .collect()
}

/// The account and the path as it is sent, then the decoded query's parameters, sorted, each on a line of its own. The
/// emulator has the account's name in its paths, so it comes twice.
fn canonical_resource(account: &str, request: &Request) -> String {
    let url = request.url();
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        parameters
            .entry(name.to_lowercase())
            .or_default()
            .push(value.into_owned());
    }
    let mut resource = format!("/{account}{}", url.path());
    for (name, mut values) in parameters {
        values.sort();
        resource += &format!("\n{name}:{}", values.join(","));
    }
    resource
}
