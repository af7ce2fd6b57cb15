//! Data between triggers, runner and extensions.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use smallvec::SmallVec;

/// What a function returned, or set on an output binding.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// Nothing.
    None,
    /// Text.
    String(String),
    /// Bytes.
    Bytes(Bytes),
    /// A whole HTTP response.
    Http(Box<HttpResponse>),
}

/// An HTTP request that triggers a function.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The request target as sent; its path is percent-encoded.
    pub uri: Uri,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Values of the route's parameters, percent-decoded, in the template's order.
    pub route_params: SmallVec<[(String, String); 2]>,
    /// The client's address and port; empty where unknown.
    pub client: Arc<str>,
}

impl HttpRequest {
    /// The first value of a header, whatever the case of the name.
    pub fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.all(name).next()
    }

    /// The first value of a header, where it is visible ASCII.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(|value| value.to_str().ok())
    }

    /// All values of a header, in order. Requests have few headers: comparing names, which mostly differ in length,
    /// costs a fraction of the map's hashing.
    fn all(&self, name: &str) -> impl Iterator<Item = &HeaderValue> {
        let is_meant = move |known: &HeaderName| known.as_str().eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter_map(move |(known, value)| is_meant(known).then_some(value))
    }

    /// The caller's `traceparent` and `tracestate`, by the rules of W3C for headers that come more than once:
    /// among several `traceparent`s there is none to trust, and several `tracestate`s are one list. A
    /// `tracestate` without a `traceparent` says nothing. Empty for what there is not; what the values say is
    /// not looked at.
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
                // What is not text is no list, and what is left of it would be half of one.
                Err(_) => return (traceparent, Cow::Borrowed("")),
            }
        }
        (traceparent, tracestate)
    }
}

/// An HTTP response made by a function or an extension.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Datum {
    /// The status of the HTTP answer that this becomes: 204 for nothing, 200 for a value.
    pub fn http_status(&self) -> StatusCode {
        match self {
            Datum::None => StatusCode::NO_CONTENT,
            Datum::Http(response) => response.status,
            Datum::String(_) | Datum::Bytes(_) => StatusCode::OK,
        }
    }
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
            version: Version::HTTP_11,
            headers: made,
            body: Bytes::new(),
            route_params: SmallVec::new(),
            client: Arc::from(""),
        }
    }

    #[test]
    fn trace_context_of_headers_that_come_more_than_once() {
        const PARENT: (&str, &[u8]) = ("traceparent", b"00-a-b-01");
        type Headers = Vec<(&'static str, &'static [u8])>;
        let cases: [(Headers, (&str, &str), &str); 8] = [
            (vec![], ("", ""), "none"),
            (
                vec![PARENT, ("tracestate", b"a=1")],
                ("00-a-b-01", "a=1"),
                "one of each",
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
                "empty ones add nothing",
            ),
            (
                vec![PARENT, ("tracestate", b"a=1"), ("tracestate", b"b=\xe9")],
                ("00-a-b-01", ""),
                "a tracestate that is not ASCII costs all of it",
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
