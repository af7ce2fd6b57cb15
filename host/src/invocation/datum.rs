//! Data between triggers, runner and extensions.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, Version};
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
    /// The first value of a header, where it is visible ASCII.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
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
