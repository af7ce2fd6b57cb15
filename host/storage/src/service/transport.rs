//! Sends requests with hyper, over plain TCP or rustls, with pooled connections.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::response::PinnedStream;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::limits::Limits;

/// The service closes connections that idle for longer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The slowest upload that a request's timeout allows for, in bytes per second.
const SLOWEST_UPLOAD: u64 = 128 * 1024;

/// An HTTP/1.1 client for the SDK, which brings only one that needs more dependencies.
#[derive(Debug)]
pub(super) struct HyperTransport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    try_timeout: Duration,
}

impl HyperTransport {
    /// Makes a client whose connections are opened when they are needed.
    pub(super) fn new(limits: Limits) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits.connect_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(HyperTransport {
            client,
            try_timeout: limits.try_timeout,
        })
    }
}

#[async_trait]
impl HttpClient for HyperTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let (request, body_length) = to_hyper(request)?;
        let limit = self.try_timeout + Duration::from_secs(body_length / SLOWEST_UPLOAD);
        let response = within(limit, "a response", self.client.request(request))
            .await?
            .map_err(|error| {
                let kind = if error.is_connect() {
                    ErrorKind::Connection
                } else {
                    ErrorKind::Io
                };
                Error::with_message(kind, chain(&error))
            })?;
        let (head, body) = response.into_parts();
        let mut headers = Headers::new();
        for (name, value) in &head.headers {
            // The service sends only ASCII; what is not text cannot be used by the SDK.
            if let Ok(value) = value.to_str() {
                headers.insert(
                    HeaderName::from(name.as_str().to_owned()),
                    HeaderValue::from(value.to_owned()),
                );
            }
        }
        let body = body_stream(body, self.try_timeout);
        Ok(AsyncRawResponse::new(head.status.as_u16().into(), headers, body))
    }
}

/// Returns hyper's request, and the length of its body.
fn to_hyper(request: &Request) -> azure_core::Result<(http::Request<Full<Bytes>>, u64)> {
    let body = match request.body() {
        Body::Bytes(bytes) => bytes.clone(),
        // Nothing here sends one, and it could not be signed without being read first.
        Body::SeekableStream(_) => {
            return Err(Error::with_message(
                ErrorKind::Other,
                "a request with a streamed body is not supported",
            ));
        }
    };
    let length = body.len() as u64;
    let mut builder = http::Request::builder()
        .method(request.method().to_string().as_str())
        .uri(request.url().as_str());
    for (name, value) in request.headers().iter() {
        builder = builder.header(name.as_str(), value.as_str());
    }
    let request = builder.body(Full::new(body)).map_err(|error| {
        Error::with_message(ErrorKind::Other, format!("the request is not valid: {error}"))
    })?;
    Ok((request, length))
}

/// The response's body, frame by frame. Each one may take until the timeout.
fn body_stream(body: Incoming, limit: Duration) -> PinnedStream {
    Box::pin(stream::try_unfold(body, move |mut body| async move {
        loop {
            let frame = within(limit, "more of a response", body.frame()).await?;
            let Some(frame) = frame else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| Error::with_message(ErrorKind::Io, chain(&error)))?;
            // Trailers are of no interest.
            if let Ok(data) = frame.into_data() {
                return Ok(Some((data, body)));
            }
        }
    }))
}

async fn within<T>(limit: Duration, what: &str, work: impl Future<Output = T>) -> azure_core::Result<T> {
    tokio::time::timeout(limit, work).await.map_err(|_| {
        Error::with_message(
            ErrorKind::Io,
            format!("timed out after {limit:?} waiting for {what}"),
        )
    })
}

/// The error with its causes: hyper's own words alone are "client error (Connect)".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
