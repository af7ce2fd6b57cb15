//! Where a request comes from and what it was sent to, as one decision for all who ask: `req.url`, the scopes of ASGI and
//! the environs of WSGI, extensions.
//!
//! The socket says who the peer is, and the request to which host it goes. If the peer is a trusted proxy, its
//! `X-Forwarded-For`, `-Proto` and `-Host` replace that, as far as they are valid. Of a list, the first value counts.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;
use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderValue, Version};

use super::client::Client;
use crate::model::{Scheme, is_authority};

/// What a request says of its origin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) host: HeaderValue,
    /// The client's address and port, if a proxy reports it.
    pub(super) client: Option<Arc<str>>,
}

/// The request does not name one valid host.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidHost;

impl Origin {
    /// Reads the origin of a request, whose target then is a path: if it was a URL, its host replaces that of `Host`, as HTTP
    /// says.
    pub(super) fn read(parts: &mut Parts, client: &Client) -> Result<Self, InvalidHost> {
        if parts.uri.authority().is_some() {
            make_relative(parts)?;
        }
        let mut hosts = parts.headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) if client.is_valid_host(host) => host.clone(),
            // Of two, a proxy may use the other one.
            (Some(_), _) => return Err(InvalidHost),
            (None, _) if parts.version < Version::HTTP_11 => HeaderValue::from_static("localhost"),
            (None, _) => return Err(InvalidHost),
        };
        let mut origin = Origin {
            scheme: client.scheme(),
            host,
            client: None,
        };
        if client.is_trusted() {
            origin.read_forwarded(&parts.headers);
        }
        Ok(origin)
    }

    fn read_forwarded(&mut self, headers: &HeaderMap) {
        let (mut client, mut scheme, mut host) = (None, None, None);
        // Most requests have none of the three, which one pass finds out without hashing names.
        for (name, value) in headers {
            let Some(what) = name.as_str().strip_prefix("x-forwarded-") else {
                continue;
            };
            let found = match what {
                "for" => &mut client,
                "proto" => &mut scheme,
                "host" => &mut host,
                _ => continue,
            };
            *found = found.or(Some(value));
        }
        if let Some(scheme) = first(scheme).and_then(|scheme| Scheme::parse(&scheme)) {
            self.scheme = scheme;
        }
        let host = first(host).filter(|host| is_authority(host.as_bytes()));
        if let Some(host) = host.and_then(|host| HeaderValue::try_from(host).ok()) {
            self.host = host;
        }
        let client = first(client).and_then(|client| address(&client));
        self.client = client.map(|client| client.to_string().into());
    }
}

/// Returns the address of the client that a proxy reports, if the proxy is trusted.
pub(super) fn forwarded_client(headers: &HeaderMap, client: &Client) -> Option<Arc<str>> {
    if !client.is_trusted() {
        return None;
    }
    let first = first(headers.get("x-forwarded-for"))?;
    Some(address(&first)?.to_string().into())
}

/// Returns the first value of a list.
fn first(list: Option<&HeaderValue>) -> Option<String> {
    let list = list?.to_str().ok()?;
    Some(list.split(',').next().unwrap_or_default().trim().to_owned())
}

/// Parses an address with or without a port, which is 0 then; that of IPv6 may be in brackets.
fn address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = SocketAddr::from_str(text) {
        return Some(address);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    IpAddr::from_str(bare)
        .ok()
        .map(|address| SocketAddr::new(address, 0))
}

/// Makes a URL as target of the request a path, and its host the value of `Host`.
fn make_relative(parts: &mut Parts) -> Result<(), InvalidHost> {
    let is_http = parts
        .uri
        .scheme_str()
        .is_some_and(|scheme| ["http", "https"].contains(&scheme));
    let authority = parts.uri.authority().filter(|_| is_http).ok_or(InvalidHost)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| InvalidHost)?;
    parts.headers.insert(HOST, host);
    let target = parts.uri.path_and_query().cloned();
    let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
    parts.uri = Uri::from(target);
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn read(target: &str, headers: &[(&str, &str)], is_proxy_trusted: bool) -> Result<String, InvalidHost> {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let client = Client::new(Some(peer), is_proxy_trusted, Scheme::Http);
        let origin = Origin::read(&mut parts, &client)?;
        let host = origin.host.to_str().expect("ASCII");
        let client = origin.client.as_deref().unwrap_or("-");
        Ok(format!(
            "{}://{host}{} {client}",
            origin.scheme.as_str(),
            parts.uri
        ))
    }

    #[test]
    fn a_request_names_one_valid_host() {
        for (target, hosts, expected) in [
            ("/a?b", &["h"][..], Some("http://h/a?b -")),
            ("/", &["h.example:8080"], Some("http://h.example:8080/ -")),
            ("/", &["[2001:db8::1]:80"], Some("http://[2001:db8::1]:80/ -")),
            ("/", &["a_b-c~1.%20"], Some("http://a_b-c~1.%20/ -")),
            ("http://target:1/x", &["other"], Some("http://target:1/x -")),
            // The connection is not encrypted, whatever the client says.
            ("https://target", &["other"], Some("http://target/ -")),
            ("http://user@target/", &["other"], None),
            ("ftp://target/", &["other"], None),
            ("/", &[], None),
            ("/", &["a", "a"], None),
            ("/", &[""], None),
            ("/", &[":80"], None),
            ("/", &["h:"], None),
            ("/", &["h:65536"], None),
            ("/", &["h:8x"], None),
            ("/", &["evil/?"], None),
            ("/", &["user@h"], None),
            ("/", &["a b"], None),
            ("/", &["h?"], None),
            ("/", &["h#"], None),
            ("/", &["h\\"], None),
            ("/", &["<h>"], None),
            ("/", &["%zz"], None),
            ("/", &["[::1"], None),
            ("/", &["[::1]x"], None),
            ("/", &["::1"], None),
            ("/", &["[v1.x]"], None),
        ] {
            let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            let found = read(target, &headers, true);
            assert_eq!(found.as_deref().ok(), expected, "{target} {hosts:?}");
        }
    }

    #[test]
    fn only_trusted_proxies_say_where_a_request_comes_from() {
        const HOST: (&str, &str) = ("host", "inner:8080");
        let all = [
            HOST,
            ("x-forwarded-for", "203.0.113.7, 10.0.0.1"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-host", "shop.example, inner"),
            ("x-forwarded-for", "10.0.0.2"),
        ];
        assert_eq!(read("/", &all, false).as_deref(), Ok("http://inner:8080/ -"));
        assert_eq!(
            read("/", &all, true).as_deref(),
            Ok("https://shop.example/ 203.0.113.7:0")
        );
        for (name, value, expected) in [
            ("x-forwarded-proto", "HTTPS", "https://inner:8080/ -"),
            ("x-forwarded-proto", "wss", "https://inner:8080/ -"),
            ("x-forwarded-proto", "ws", "http://inner:8080/ -"),
            ("x-forwarded-proto", "http://evil/?", "http://inner:8080/ -"),
            ("x-forwarded-proto", "", "http://inner:8080/ -"),
            ("x-forwarded-host", "evil/?", "http://inner:8080/ -"),
            ("x-forwarded-host", ", b", "http://inner:8080/ -"),
            ("x-forwarded-for", "unknown", "http://inner:8080/ -"),
            (
                "x-forwarded-for",
                "203.0.113.7:50123",
                "http://inner:8080/ 203.0.113.7:50123",
            ),
            (
                "x-forwarded-for",
                "2001:db8::1",
                "http://inner:8080/ [2001:db8::1]:0",
            ),
            (
                "x-forwarded-for",
                "[2001:db8::1]",
                "http://inner:8080/ [2001:db8::1]:0",
            ),
            (
                "x-forwarded-for",
                "[2001:db8::1]:1",
                "http://inner:8080/ [2001:db8::1]:1",
            ),
            ("x-forwarded-port", "1", "http://inner:8080/ -"),
        ] {
            let found = read("/", &[HOST, (name, value)], true);
            assert_eq!(found.as_deref(), Ok(expected), "{name}: {value}");
        }
    }
}
