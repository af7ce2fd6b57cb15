//! A collector's responses, in both protocols.

use std::convert::Infallible;
use std::io::Read as _;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::read::GzDecoder;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::Protocol;

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The decision on a request.
pub(super) enum Verdict {
    /// Accepts the request, except for this many spans.
    Taken(usize),
    Throttled(Option<Duration>),
    Unavailable(Option<Duration>),
    Refused,
    Unknown,
}

/// A kind of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Protocol {
    /// Returns the kind of telemetry that belongs to this path.
    pub(super) fn signal(self, path: &str) -> Option<Signal> {
        Some(match (self, path) {
            (Protocol::Http, "/v1/traces") => Signal::Traces,
            (Protocol::Http, "/v1/metrics") => Signal::Metrics,
            (Protocol::Http, "/v1/logs") => Signal::Logs,
            (Protocol::Grpc, "/opentelemetry.proto.collector.trace.v1.TraceService/Export") => Signal::Traces,
            (Protocol::Grpc, "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export") => {
                Signal::Metrics
            }
            (Protocol::Grpc, "/opentelemetry.proto.collector.logs.v1.LogsService/Export") => Signal::Logs,
            _ => return None,
        })
    }

    /// Returns the message of a request; `None` if it is not of this protocol.
    pub(super) fn message(self, headers: &HeaderMap, body: Bytes) -> Option<Bytes> {
        let is_gzip = |name: &str| headers.get(name).is_some_and(|value| value == "gzip");
        match self {
            Protocol::Http if is_gzip("content-encoding") => gunzip(&body),
            Protocol::Http => Some(body),
            Protocol::Grpc => {
                let (compressed, rest) = body.split_first()?;
                let (length, message) = rest.split_first_chunk()?;
                if message.len() != u32::from_be_bytes(*length) as usize {
                    return None;
                }
                match compressed {
                    0 => Some(body.slice(5..)),
                    1 if is_gzip("grpc-encoding") => gunzip(message),
                    _ => None,
                }
            }
        }
    }

    pub(super) fn answer(self, verdict: &Verdict) -> Response<Body> {
        match self {
            Protocol::Http => http(verdict),
            Protocol::Grpc => grpc(verdict),
        }
    }
}

fn gunzip(body: &[u8]) -> Option<Bytes> {
    let mut message = Vec::new();
    GzDecoder::new(body).read_to_end(&mut message).ok()?;
    Some(message.into())
}

fn taken(rejected: usize) -> ExportTraceServiceResponse {
    ExportTraceServiceResponse {
        partial_success: (rejected > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: rejected as i64,
            error_message: "not these".to_owned(),
        }),
    }
}

fn http(verdict: &Verdict) -> Response<Body> {
    let (status, rest) = match verdict {
        Verdict::Taken(_) => (StatusCode::OK, None),
        Verdict::Throttled(rest) => (StatusCode::TOO_MANY_REQUESTS, *rest),
        Verdict::Unavailable(rest) => (StatusCode::SERVICE_UNAVAILABLE, *rest),
        Verdict::Refused => (StatusCode::BAD_REQUEST, None),
        Verdict::Unknown => (StatusCode::NOT_FOUND, None),
    };
    let body = match verdict {
        Verdict::Taken(rejected) => taken(*rejected).encode_to_vec(),
        _ => Vec::new(),
    };
    let mut answer = Response::new(Full::from(body).boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    if let Some(rest) = rest {
        headers.insert(RETRY_AFTER, HeaderValue::from(rest.as_secs()));
    }
    answer
}

fn grpc(verdict: &Verdict) -> Response<Body> {
    let busy = |code, rest: &Option<Duration>| match rest {
        Some(_) => Status::with_error_details(code, "busy", ErrorDetails::with_retry_info(*rest)),
        None => Status::new(code, "busy"),
    };
    let status = match verdict {
        Verdict::Taken(rejected) => return grpc_message(&taken(*rejected)),
        Verdict::Throttled(rest) => busy(Code::ResourceExhausted, rest),
        Verdict::Unavailable(rest) => busy(Code::Unavailable, rest),
        Verdict::Refused => Status::invalid_argument("no"),
        Verdict::Unknown => Status::unimplemented("what?"),
    };
    status.into_http::<()>().map(|()| Empty::new().boxed_unsync())
}

fn grpc_message(message: &ExportTraceServiceResponse) -> Response<Body> {
    let mut body = BytesMut::new();
    body.put_u8(0);
    body.put_u32(message.encoded_len() as u32);
    body.put(&message.encode_to_vec()[..]);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::from(body.freeze()).with_trailers(async { Some(Ok(trailers)) });
    let mut answer = Response::new(body.boxed_unsync());
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    answer
}
