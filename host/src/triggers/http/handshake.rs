//! The handshake of the WebSocket protocol (RFC 6455, section 4.2).

use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};
use hyper::body::Body as _;
use hyper::body::Incoming;
use tungstenite::handshake::derive_accept_key;

use super::connection_headers::has_token;
use super::responses::{self, ResponseBody};
use crate::model::{Body, HttpResponse};

/// The version of the protocol.
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// A client's request to go on with the WebSocket protocol.
#[derive(Debug)]
pub(super) struct Handshake {
    /// Proves to the client that the server has understood the request.
    accept: HeaderValue,
}

/// The reasons why the server cannot take part in a handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HandshakeError {
    Version,
    Key,
    Body,
}

impl Handshake {
    /// Returns the handshake in a request that has an `Upgrade`; `None` if it is for another protocol.
    pub(super) fn read(parts: &Parts, body: &Incoming) -> Result<Option<Self>, HandshakeError> {
        let handshake = Handshake::parse(parts)?;
        match handshake.is_some() && !body.is_end_stream() {
            true => Err(HandshakeError::Body),
            false => Ok(handshake),
        }
    }

    fn parse(parts: &Parts) -> Result<Option<Self>, HandshakeError> {
        let headers = &parts.headers;
        let is_handshake = parts.method == Method::GET
            && parts.version == Version::HTTP_11
            && has_token(headers, &UPGRADE, "websocket")
            && has_token(headers, &CONNECTION, "upgrade");
        if !is_handshake {
            return Ok(None);
        }
        if headers.get(SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
            return Err(HandshakeError::Version);
        }
        let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
        let (Some(key), None) = (keys.next(), keys.next()) else {
            return Err(HandshakeError::Key);
        };
        // 16 bytes in base64.
        let is_key = key.len() == 24 && key.as_bytes().ends_with(b"==");
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
        match accept {
            Ok(accept) if is_key => Ok(Some(Handshake { accept })),
            _ => Err(HandshakeError::Key),
        }
    }

    /// Returns the response that accepts, with these headers of the function.
    pub(super) fn accept(self, headers: HeaderMap) -> Response<ResponseBody> {
        let head = HttpResponse {
            status: StatusCode::SWITCHING_PROTOCOLS,
            headers,
            body: Body::default(),
        };
        let mut response = responses::of_function(head, false);
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        response
    }
}

impl HandshakeError {
    /// Returns the response that refuses.
    pub(super) fn response(&self) -> Response<ResponseBody> {
        let (status, text) = match self {
            HandshakeError::Version => (
                StatusCode::UPGRADE_REQUIRED,
                "the server speaks version 13 of the WebSocket protocol\n",
            ),
            HandshakeError::Key => (
                StatusCode::BAD_REQUEST,
                "a WebSocket handshake has one Sec-WebSocket-Key: 16 bytes in base64\n",
            ),
            HandshakeError::Body => (StatusCode::BAD_REQUEST, "a WebSocket handshake has no body\n"),
        };
        let mut response = responses::plain(status, text);
        if *self == HandshakeError::Version {
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, VERSION);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_LENGTH;
    use http::{HeaderName, Request};

    use super::*;

    const VALID: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    /// Parses the valid handshake with one header replaced, or removed.
    fn with(name: &str, value: Option<&str>) -> Result<Option<Handshake>, HandshakeError> {
        let mut request = Request::new(());
        let kept = VALID.into_iter().filter(|(known, _)| *known != name);
        for (name, value) in kept.chain(value.map(|value| (name, value))) {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            request
                .headers_mut()
                .append(name, value.parse().expect("a value"));
        }
        Handshake::parse(&request.into_parts().0)
    }

    #[test]
    fn the_key_is_answered_as_in_the_example_of_the_specification() {
        let handshake = with("", None).expect("valid").expect("a handshake");
        assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("7"));
        headers.insert("keep-alive", HeaderValue::from_static("timeout=5"));
        headers.insert("x-own", HeaderValue::from_static("kept"));
        let response = handshake.accept(headers);
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert!(!response.headers().contains_key(CONTENT_LENGTH));
        assert!(!response.headers().contains_key("keep-alive"));
        assert_eq!(response.headers()["x-own"], "kept");
        assert_eq!(response.headers()[UPGRADE], "websocket");
    }

    #[test]
    fn other_requests_are_not_handshakes() {
        for (name, value) in [
            ("upgrade", Some("h2c")),
            ("upgrade", None),
            ("connection", Some("keep-alive")),
            ("connection", None),
        ] {
            assert!(
                with(name, value).expect("no error").is_none(),
                "{name}: {value:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("sec-websocket-version", Some("8"), HandshakeError::Version, 426),
            ("sec-websocket-version", None, HandshakeError::Version, 426),
            ("sec-websocket-key", None, HandshakeError::Key, 400),
            ("sec-websocket-key", Some("short"), HandshakeError::Key, 400),
        ];
        for (name, value, expected, status) in cases {
            let error = with(name, value).expect_err(name);
            assert_eq!(error, expected, "{name}: {value:?}");
            assert_eq!(error.response().status().as_u16(), status);
        }
    }
}
