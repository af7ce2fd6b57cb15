//! HTTP messages.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use smallvec::SmallVec;

use super::{Body, BodyStream};

/// An HTTP request that triggers a function.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The path and the query as sent; the path is percent-encoded.
    pub uri: Uri,
    /// The scheme with which the client has sent the request: of a proxy that is trusted, or the connection's.
    pub scheme: Scheme,
    /// The host and port to which the client has sent the request: of a proxy that is trusted, or in `Host`. Always a valid
    /// authority.
    pub host: HeaderValue,
    /// HTTP/1.0, HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// Values of the route's parameters, percent-decoded, in the template's order.
    pub route_params: SmallVec<[(String, String); 2]>,
    /// The client's address and port: of a proxy that is trusted (port 0 if it does not say), or the peer's. Empty if
    /// unknown.
    pub client: Arc<str>,
    /// The address and port of the other end of the connection, which may be a proxy; empty if unknown.
    pub peer: Arc<str>,
    /// What the client sends after this request, if it asks to go on with the WebSocket protocol.
    pub websocket: Option<WebSocketRequest>,
}

/// The scheme of a URL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `http`.
    #[default]
    Http,
    /// `https`.
    Https,
}

impl Scheme {
    /// Parses a scheme in any case, also one of WebSockets.
    pub fn parse(text: &str) -> Option<Self> {
        let is_one_of = |schemes: [&str; 2]| schemes.iter().any(|scheme| text.eq_ignore_ascii_case(scheme));
        if is_one_of(["https", "wss"]) {
            Some(Scheme::Https)
        } else {
            is_one_of(["http", "ws"]).then_some(Scheme::Http)
        }
    }

    /// Returns the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// Returns the port of URLs that have none.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// Whether this is the authority of a URL (RFC 3986) without user information: a name, an IPv4 address or an IPv6 address in
/// brackets, and maybe a port.
pub fn is_authority(text: &[u8]) -> bool {
    let (is_host, rest) = match text {
        [b'[', text @ ..] => match text.iter().position(|byte| *byte == b']') {
            Some(end) => (is_ipv6(&text[..end]), &text[end + 1..]),
            None => return false,
        },
        _ => {
            let end = text
                .iter()
                .position(|byte| !NAME[usize::from(*byte)])
                .unwrap_or(text.len());
            (is_name(&text[..end]), &text[end..])
        }
    };
    is_host
        && match rest {
            [] => true,
            [b':', port @ ..] => is_port(port),
            _ => false,
        }
}

/// The bytes of a `reg-name`, by their values.
const NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut others: &[u8] = b"-._~!$&'()*+,;=%";
    while let [byte, rest @ ..] = others {
        table[*byte as usize] = true;
        others = rest;
    }
    table
};

/// Whether this, which has only bytes of [`NAME`], is a `reg-name`, and not empty.
fn is_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let Some(at) = memchr::memchr(b'%', rest) {
        match &rest[at + 1..] {
            [high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest = behind,
            _ => return false,
        }
    }
    !name.is_empty()
}

fn is_ipv6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_port(port: &[u8]) -> bool {
    let digit = |port: u32, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        Some(port * 10 + digit).filter(|port| *port <= u16::MAX.into())
    };
    !port.is_empty() && port.iter().try_fold(0, digit).is_some()
}

/// The bytes of a client after the handshake of the WebSocket protocol.
///
/// The function accepts with a response of status 101, whose body is a stream [of a WebSocket](BodyStream::of_websocket).
/// The trigger adds the headers of the handshake. Any other response refuses.
#[derive(Debug, Clone)]
pub struct WebSocketRequest {
    /// What the client sends, as it arrives. It ends without an error when the server stops, and with [`ClientGone`] when
    /// the client has closed the connection.
    pub incoming: BodyStream,
    /// The largest message that the client may send, in bytes.
    pub max_message_size: u64,
}

impl HttpRequest {
    /// Returns the host and port to which the client has sent the request.
    pub fn host_str(&self) -> &str {
        self.host.to_str().unwrap_or_default()
    }

    /// Returns the first value of a header. The case of the name does not matter.
    pub fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.all(name).next()
    }

    /// Returns the first value of a header if it is visible ASCII.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(|value| value.to_str().ok())
    }

    /// Returns all values of a header, in order. A request has few headers, whose names mostly differ in length, so comparing
    /// all names is much cheaper than hashing one.
    fn all(&self, name: &str) -> impl Iterator<Item = &HeaderValue> {
        let has_name = move |known: &HeaderName| known.as_str().eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter_map(move |(known, value)| has_name(known).then_some(value))
    }

    /// Returns the caller's `traceparent` and `tracestate`; an absent one is empty. The values are not checked.
    ///
    /// By W3C's rules for headers that come more than once: several `traceparent`s count as none, several
    /// `tracestate`s are one list, and a `tracestate` without a `traceparent` is ignored.
    pub fn trace_context(&self) -> (&str, Cow<'_, str>) {
        let mut traceparents = self.all("traceparent");
        let (Some(traceparent), None) = (traceparents.next(), traceparents.next()) else {
            return ("", Cow::Borrowed(""));
        };
        let traceparent = traceparent.to_str().unwrap_or("");
        if traceparent.is_empty() {
            return ("", Cow::Borrowed(""));
        }
        let mut tracestate = Cow::Borrowed("");
        for field in self.all("tracestate") {
            match field.to_str() {
                Ok("") => {}
                Ok(field) if tracestate.is_empty() => tracestate = Cow::Borrowed(field),
                Ok(field) => {
                    let joined = tracestate.to_mut();
                    joined.push(',');
                    joined.push_str(field);
                }
                // If a part is not text, drops the whole list: an incomplete list would be wrong.
                Err(_) => return (traceparent, Cow::Borrowed("")),
            }
        }
        (traceparent, tracestate)
    }
}

/// The headers that belong to the connection and to the framing of messages. The server alone sets them.
pub static CONNECTION_HEADERS: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Whether the server alone sets this header.
pub fn is_connection_header(name: &HeaderName) -> bool {
    CONNECTION_HEADERS.contains(name)
}

/// The most headers that a response of a function or an extension has. A map holds 24,576, and panics beyond; the host adds
/// some of its own.
pub const MAX_RESPONSE_HEADERS: usize = 24_000;

/// A response would have more than [`MAX_RESPONSE_HEADERS`] headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a response has at most {MAX_RESPONSE_HEADERS} headers")]
pub struct TooManyHeaders;

/// Adds a header to those of a response that other code makes.
pub fn append_header(
    headers: &mut HeaderMap,
    name: HeaderName,
    value: HeaderValue,
) -> Result<(), TooManyHeaders> {
    if headers.len() >= MAX_RESPONSE_HEADERS {
        return Err(TooManyHeaders);
    }
    headers.try_append(name, value).map_err(|_| TooManyHeaders)?;
    Ok(())
}

/// An HTTP response made by a function or an extension.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &[u8])]) -> HttpRequest {
        let value = |value: &[u8]| HeaderValue::from_bytes(value).expect("no control characters");
        let mut made = HeaderMap::new();
        for (name, bytes) in headers {
            made.append(*name, value(bytes));
        }
        HttpRequest {
            method: Method::GET,
            uri: Uri::default(),
            scheme: Scheme::Http,
            host: HeaderValue::from_static("localhost"),
            version: Version::HTTP_11,
            headers: made,
            body: Body::default(),
            route_params: SmallVec::new(),
            client: Arc::from(""),
            peer: Arc::from(""),
            websocket: None,
        }
    }

    #[test]
    fn trace_context_of_repeated_headers() {
        const PARENT: (&str, &[u8]) = ("traceparent", b"00-a-b-01");
        type Headers = Vec<(&'static str, &'static [u8])>;
        let cases: [(Headers, (&str, &str), &str); 8] = [
            (vec![], ("", ""), "none"),
            (
                vec![PARENT, ("tracestate", b"a=1")],
                ("00-a-b-01", "a=1"),
                "one header of each kind",
            ),
            (
                vec![PARENT, PARENT],
                ("", ""),
                "two traceparents, even equal ones",
            ),
            (
                vec![("tracestate", b"a=1")],
                ("", ""),
                "a tracestate without a traceparent",
            ),
            (
                vec![("tracestate", b"a=1"), PARENT, ("tracestate", b"b=2, c=3")],
                ("00-a-b-01", "a=1,b=2, c=3"),
                "tracestates are joined in order",
            ),
            (
                vec![
                    PARENT,
                    ("tracestate", b""),
                    ("tracestate", b"a=1"),
                    ("tracestate", b""),
                ],
                ("00-a-b-01", "a=1"),
                "empty tracestates add nothing",
            ),
            (
                vec![PARENT, ("tracestate", b"a=1"), ("tracestate", b"b=\xe9")],
                ("00-a-b-01", ""),
                "a tracestate that is not ASCII drops the whole list",
            ),
            (
                vec![("traceparent", b"00-\xe9"), ("tracestate", b"a=1")],
                ("", ""),
                "a traceparent that is not ASCII",
            ),
        ];
        for (headers, expected, reason) in cases {
            let request = request(&headers);
            let (traceparent, tracestate) = request.trace_context();
            assert_eq!((traceparent, &*tracestate), expected, "{reason}");
        }
    }
}
