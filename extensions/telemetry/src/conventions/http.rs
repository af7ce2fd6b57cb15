//! The HTTP request that triggered a call.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

use crate::encode::Attributes;

/// What a span says about an HTTP request.
#[derive(Debug, Default, Clone, Copy)]
pub struct Request<'a> {
    /// The method, as it came.
    pub method: &'a str,
    /// The path, as it came.
    pub path: &'a str,
    /// The query without `?`; may be empty.
    pub query: &'a str,
    /// The protocol's version, such as `1.1`.
    pub version: &'static str,
    /// The scheme with which the client sent the request; `http` if empty.
    pub scheme: &'a str,
    /// The client, with its port.
    pub client: Option<&'a str>,
    /// The other end of the connection, with its port: the client, or a proxy.
    pub peer: Option<&'a str>,
    /// The header `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// The host to which the client sent the request.
    pub host: Option<&'a str>,
}

impl Request<'_> {
    /// Writes the attributes of the request.
    pub(super) fn write(&self, attributes: &mut Attributes<'_>) {
        if is_known_method(self.method) {
            attributes.string("http.request.method", self.method);
        } else {
            attributes.string("http.request.method", "_OTHER");
            attributes.string("http.request.method_original", self.method);
        }
        let is_plain = self.scheme.is_empty();
        attributes.string("url.scheme", if is_plain { "http" } else { self.scheme });
        attributes.string("url.path", self.path);
        if !self.query.is_empty() {
            attributes.string("url.query", &without_secrets(self.query));
        }
        attributes.string("network.protocol.version", self.version);
        if let Some(client) = self.client {
            attributes.string("client.address", split_port(client).0);
        }
        // Without a proxy it is the client's address.
        let proxy = self.peer.filter(|_| self.peer != self.client);
        if let Some((peer, port)) = proxy.map(split_port) {
            attributes.string("network.peer.address", peer);
            if let Some(port) = port {
                attributes.int("network.peer.port", port.into());
            }
        }
        if let Some(agent) = self.user_agent {
            attributes.string("user_agent.original", agent);
        }
        if let Some((host, port)) = self.host.map(split_port) {
            attributes.string("server.address", host);
            if let Some(port) = port {
                attributes.int("server.port", port.into());
            }
        }
    }
}

/// Whether the conventions list the method. Clients may send any other.
fn is_known_method(method: &str) -> bool {
    matches!(
        method,
        "GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "OPTIONS" | "PATCH" | "TRACE" | "CONNECT"
    )
}

/// Replaces the values of parameters that are credentials: `code` is a function's key, the others are the signatures that
/// the conventions name.
pub(super) fn without_secrets(query: &str) -> Cow<'_, str> {
    let secret = |parameter: &str| {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        // A name may be written with escapes.
        let name = &*percent_decode_str(name).decode_utf8_lossy();
        ["code", "sig", "Signature", "AWSAccessKeyId", "X-Goog-Signature"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    if !query.split('&').any(secret) {
        return Cow::Borrowed(query);
    }
    let mut redacted = String::with_capacity(query.len() + 8);
    for parameter in query.split('&') {
        if !redacted.is_empty() {
            redacted.push('&');
        }
        match parameter.split_once('=') {
            Some((name, _)) if secret(parameter) => {
                redacted.push_str(name);
                redacted.push_str("=REDACTED");
            }
            _ => redacted.push_str(parameter),
        }
    }
    Cow::Owned(redacted)
}

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port` or a bare `v6` into host and port.
pub(super) fn split_port(authority: &str) -> (&str, Option<u16>) {
    let has_no_colon = |host: &str| !host.bytes().any(|byte| byte == b':');
    let colon = authority.bytes().rposition(|byte| byte == b':');
    let (host, port) = match colon.map(|at| (&authority[..at], &authority[at + 1..])) {
        Some((host, port)) if host.ends_with(']') || has_no_colon(host) => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (authority, None),
        },
        _ => (authority, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    (bare.unwrap_or(host), port)
}
