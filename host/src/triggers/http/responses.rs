//! The server's responses: those of functions, and those of the host itself.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::Full;

use super::access_log::Entry;
use super::connection_headers;
use crate::model::{Body, BodyError, Frames, HttpResponse};

/// The body of every response.
pub(super) enum ResponseBody {
    Whole(Full<Bytes>),
    /// A body that a function sends while it makes it.
    Stream(Frames),
    /// A stream that another reader has already taken.
    Taken,
    /// A body that is not sent, as only the head was asked for.
    Omitted,
    /// A body whose end is logged.
    Logged(Box<(ResponseBody, Entry)>),
}

impl ResponseBody {
    /// Whether it is sent while it is made.
    pub(super) fn is_stream(&self) -> bool {
        match self {
            ResponseBody::Stream(_) => true,
            ResponseBody::Logged(logged) => logged.0.is_stream(),
            ResponseBody::Whole(_) | ResponseBody::Taken | ResponseBody::Omitted => false,
        }
    }
}

impl From<Body> for ResponseBody {
    fn from(body: Body) -> Self {
        match body {
            Body::Bytes(bytes) => ResponseBody::Whole(Full::new(bytes)),
            Body::Stream(stream) => stream.take().map_or(ResponseBody::Taken, ResponseBody::Stream),
        }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            ResponseBody::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            ResponseBody::Stream(frames) => frames.as_mut().poll_frame(context),
            ResponseBody::Taken => Poll::Ready(Some(Err("the stream has been read already".into()))),
            ResponseBody::Omitted => Poll::Ready(None),
            ResponseBody::Logged(logged) => {
                let (body, entry) = &mut **logged;
                let frame = ready!(Pin::new(body).poll_frame(context));
                if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                    entry.add(data.len());
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Whole(body) => body.is_end_stream(),
            ResponseBody::Stream(frames) => frames.is_end_stream(),
            ResponseBody::Taken => false,
            ResponseBody::Omitted => true,
            ResponseBody::Logged(logged) => logged.0.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Whole(body) => body.size_hint(),
            ResponseBody::Stream(frames) => frames.size_hint(),
            ResponseBody::Taken | ResponseBody::Omitted => SizeHint::default(),
            ResponseBody::Logged(logged) => logged.0.size_hint(),
        }
    }
}

pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Lines of JSON.
pub(super) const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const METHODS: HeaderValue = HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");

/// Whether a response with this status has no body, even if the function returns one.
pub(super) fn is_bodyless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Returns the response of a function or an extension to a request, which asks only for the head if `is_head`.
pub(super) fn of_function(mut response: HttpResponse, is_head: bool) -> Response<ResponseBody> {
    if is_bodyless(response.status) {
        response.body = Body::default();
    }
    connection_headers::remove(&mut response, is_head);
    let mut sent = Response::new(ResponseBody::from(response.body));
    *sent.status_mut() = response.status;
    *sent.headers_mut() = response.headers;
    sent
}

/// Returns a response that is logged when it has been sent.
pub(super) fn logged(response: Response<ResponseBody>, mut entry: Entry) -> Response<ResponseBody> {
    entry.answer(&response);
    response.map(|body| ResponseBody::Logged(Box::new((body, entry))))
}

/// Returns the head of a response, which tells the length of the body if it is known.
pub(super) fn head(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    let length = response.body().size_hint().exact();
    if let Some(length) = length.filter(|_| !is_bodyless(response.status())) {
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| length.into());
    }
    response.map(|_| ResponseBody::Omitted)
}

/// Returns a response of the host itself, with a line that says what is wrong.
pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<ResponseBody> {
    with_body(status, TEXT, text.into())
}

/// 405, with the methods that the route allows.
pub(super) fn method_not_allowed(allow: HeaderValue) -> Response<ResponseBody> {
    let mut response = plain(
        StatusCode::METHOD_NOT_ALLOWED,
        "this route does not allow this method\n",
    );
    response.headers_mut().insert(ALLOW, allow);
    response
}

/// 405: the host is not a proxy, which CONNECT asks for.
pub(super) fn no_tunnels() -> Response<ResponseBody> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "this server is not a proxy\n");
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

/// 204, with the methods that functions may allow: the answer to `OPTIONS *`, which asks about the server as a whole.
pub(super) fn options() -> Response<ResponseBody> {
    let mut response = no_content();
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

/// 400: the target of the request is not the path of a resource.
pub(super) fn bad_target() -> Response<ResponseBody> {
    plain(
        StatusCode::BAD_REQUEST,
        "the target of the request is neither a path nor an http URL\n",
    )
}

/// 429: more requests are waiting than host.json allows.
pub(super) fn too_many() -> Response<ResponseBody> {
    let mut response = plain(StatusCode::TOO_MANY_REQUESTS, "too many requests are waiting\n");
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// 413: the body is longer than host.json allows.
pub(super) fn too_large() -> Response<ResponseBody> {
    plain(StatusCode::PAYLOAD_TOO_LARGE, "the request's body is too large\n")
}

/// 503: the bodies of other requests take all the memory that host.json allows.
pub(super) fn no_room() -> Response<ResponseBody> {
    let mut response = plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "the server holds too many request bodies; send the request again later\n",
    );
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// 408: the client paused within the body for longer than host.json allows.
pub(super) fn too_slow() -> Response<ResponseBody> {
    plain(StatusCode::REQUEST_TIMEOUT, "the request's body took too long\n")
}

/// 503: the worker stops, and does not wait for the rest of the body.
pub(super) fn stopping() -> Response<ResponseBody> {
    let mut response = plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "the server stops; send the request again\n",
    );
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// 400: the framing of the body is not valid HTTP.
pub(super) fn malformed() -> Response<ResponseBody> {
    plain(StatusCode::BAD_REQUEST, "the request's body is malformed\n")
}

/// Whether the connection goes on with another protocol.
pub(super) fn is_upgrade(response: &Response<ResponseBody>) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
}

/// Makes the response the last one of its connection: the request was not read to its end.
pub(super) fn closing(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// 200 with a page.
pub(super) fn page(html: &'static str) -> Response<ResponseBody> {
    const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
    with_body(StatusCode::OK, HTML, html.into())
}

/// 200 with metrics.
pub(super) fn metrics(text: String) -> Response<ResponseBody> {
    const OPEN_METRICS: HeaderValue =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    with_body(StatusCode::OK, OPEN_METRICS, text.into())
}

/// 204.
pub(super) fn no_content() -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Whole(Full::default()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// 200 with JSON.
pub(super) fn json(value: &serde_json::Value) -> Response<ResponseBody> {
    with_body(StatusCode::OK, JSON, value.to_string().into())
}

fn with_body(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Whole(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
