//! Answers: of functions, and the host's own.

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

use crate::invocation::HttpResponse;

/// The body of every answer.
pub(super) type Body = Full<Bytes>;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The answer that a function or an extension made.
pub(super) fn of_function(response: HttpResponse) -> Response<Body> {
    // 204 and 304 have no body, whatever the function says.
    let bodyless = matches!(response.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let mut answer = Response::new(Full::new(if bodyless { Bytes::new() } else { response.body }));
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers;
    // How the message is framed is the server's to say.
    answer.headers_mut().remove(http::header::CONTENT_LENGTH);
    answer.headers_mut().remove(http::header::TRANSFER_ENCODING);
    answer
}

/// An answer of the host's own, with a line that says what is wrong.
pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    with_body(status, TEXT, text.into())
}

/// 405, with the methods that the route has.
pub(super) fn method_not_allowed(allow: HeaderValue) -> Response<Body> {
    let mut answer = plain(
        StatusCode::METHOD_NOT_ALLOWED,
        "this route does not take that method\n",
    );
    answer.headers_mut().insert(ALLOW, allow);
    answer
}

/// 429: more requests are waiting than host.json allows.
pub(super) fn too_many() -> Response<Body> {
    let mut answer = plain(StatusCode::TOO_MANY_REQUESTS, "too many requests are waiting\n");
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// 413: the body is longer than host.json allows.
pub(super) fn too_large() -> Response<Body> {
    plain(StatusCode::PAYLOAD_TOO_LARGE, "the request's body is too large\n")
}

/// 408: the client paused within the body for longer than host.json allows.
pub(super) fn too_slow() -> Response<Body> {
    plain(StatusCode::REQUEST_TIMEOUT, "the request's body took too long\n")
}

/// 400: the body is not framed as HTTP frames bodies.
pub(super) fn malformed() -> Response<Body> {
    plain(StatusCode::BAD_REQUEST, "the request's body is malformed\n")
}

/// The answer, after which the connection is closed: the request was not read to its end.
pub(super) fn closing(mut answer: Response<Body>) -> Response<Body> {
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// 200 with metrics.
pub(super) fn metrics(text: String) -> Response<Body> {
    const OPEN_METRICS: HeaderValue =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    with_body(StatusCode::OK, OPEN_METRICS, text.into())
}

/// 204.
pub(super) fn no_content() -> Response<Body> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// 504: this number of workers has not flushed.
pub(super) fn not_flushed(workers: usize) -> Response<Body> {
    let subject = match workers {
        1 => "1 worker has".to_owned(),
        workers => format!("{workers} workers have"),
    };
    plain(
        StatusCode::GATEWAY_TIMEOUT,
        format!("{subject} not flushed in time; see the log, and ask again\n"),
    )
}

/// 200 with JSON.
pub(super) fn json(value: &serde_json::Value) -> Response<Body> {
    with_body(StatusCode::OK, JSON, value.to_string().into())
}

fn with_body(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn the_number_of_workers_is_singular_or_plural() {
        for (workers, expected) in [(1, "1 worker has not flushed"), (2, "2 workers have not flushed")] {
            let response = not_flushed(workers);
            assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            assert!(body.starts_with(expected.as_bytes()), "{body:?}");
        }
    }
}
