//! HTTP requests and responses as the protocol has them.

use std::sync::Arc;

use bytes::Bytes;
use funcdock_rpc::messages::typed_data::Data as Typed;
use funcdock_rpc::messages::{RpcHttp, TypedData};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};

use super::cookie;
use crate::model::{Body, HttpRequest, HttpResponse, Scheme, is_authority};

/// Returns the request that triggers a call. What is not valid HTTP (the name of a header, say) is left out: the host has
/// taken the request already.
pub(super) fn request(http: RpcHttp) -> HttpRequest {
    let mut headers = HeaderMap::with_capacity(http.headers.len());
    for (name, value) in http.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    let (scheme, host, target) = split(&http.url);
    let host = host
        .filter(|host| is_authority(host.as_bytes()))
        .and_then(|host| HeaderValue::from_str(host).ok());
    let mut uri = target.parse::<Uri>().unwrap_or_else(|_| escaped(target));
    if uri.query().is_none() && !http.query.is_empty() {
        uri = with_query(&uri, &http.query);
    }
    let body = http.body.or(http.raw_body);
    HttpRequest {
        method: Method::try_from(http.method.as_str()).unwrap_or_default(),
        uri,
        scheme,
        host: host.unwrap_or(HeaderValue::from_static("localhost")),
        version: Version::HTTP_11,
        headers,
        body: Body::Bytes(body.map(|body| bytes_of(*body)).unwrap_or_default()),
        route_params: http.params.into_iter().collect(),
        client: Arc::from(""),
        peer: Arc::from(""),
        websocket: None,
    }
}

/// Splits a URL into its scheme, its authority and the rest, which begins with a slash.
fn split(url: &str) -> (Scheme, Option<&str>, &str) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (Scheme::default(), None, url);
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let target = if target.is_empty() { "/" } else { target };
    (Scheme::parse(scheme).unwrap_or_default(), Some(authority), target)
}

/// Returns a target with its characters that no URI has, escaped.
fn escaped(target: &str) -> Uri {
    let valid = |byte: &u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(byte);
    let mut text = String::with_capacity(target.len());
    for byte in target.bytes() {
        match valid(&byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text.parse().unwrap_or_default()
}

/// Returns the URI with these parameters, which the host sends beside it.
fn with_query(uri: &Uri, query: &std::collections::HashMap<String, String>) -> Uri {
    let mut encoded = form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(query);
    let target = format!("{}?{}", uri.path(), encoded.finish());
    PathAndQuery::try_from(target).map_or_else(|_| uri.clone(), Uri::from)
}

/// Returns the bytes of a body, whatever the form in which it came.
fn bytes_of(body: TypedData) -> Bytes {
    match body.data {
        Some(Typed::Bytes(bytes) | Typed::Stream(bytes)) => bytes,
        Some(Typed::String(text) | Typed::Json(text)) => text.into(),
        Some(Typed::Int(number)) => number.to_string().into(),
        Some(Typed::Double(number)) => number.to_string().into(),
        _ => Bytes::new(),
    }
}

/// Returns the response for the host. Its body is whole.
pub(super) fn response(response: HttpResponse) -> RpcHttp {
    let mut http = RpcHttp {
        status_code: response.status.as_str().to_owned(),
        ..RpcHttp::default()
    };
    for name in response.headers.keys() {
        let values = response.headers.get_all(name).iter();
        if *name == header::SET_COOKIE {
            http.cookies = values.filter_map(cookie::parse).collect();
            continue;
        }
        let mut joined = String::new();
        for value in values {
            if !joined.is_empty() {
                joined.push_str(", ");
            }
            joined.push_str(&String::from_utf8_lossy(value.as_bytes()));
        }
        http.headers.insert(name.as_str().to_owned(), joined);
    }
    let body = response.body.bytes().cloned().unwrap_or_default();
    http.body = Some(Box::new(TypedData {
        data: Some(Typed::Bytes(body)),
    }));
    http
}
