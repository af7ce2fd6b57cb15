//! The OTLP exporter: HTTP and protobuf, with ureq as its client.
//!
//! The client blocks, which suits the exporter's thread: there is no runtime in this library. Its connection is kept
//! between batches.

use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use opentelemetry::InstrumentationScope;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::resource::v1::Resource as EncodedResource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use ureq::SendBody;

use super::trouble::Throttle;
use super::{Batch, ExportError, Exporter};
use crate::settings::Collector;
use crate::signal::Signal;

/// Answers of a collector are a few bytes; no more than this is read of one.
const MAX_ANSWER: u64 = 1 << 20;
/// How much of an answer that refuses spans goes to the log, in bytes.
const SHOWN_ANSWER: usize = 200;
const REJECTIONS_LOGGED_EVERY: Duration = Duration::from_secs(60);

/// What the specification of OTLP asks for: few retries, further and further apart, never all clients at once.
const RETRIES: usize = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_JITTER_MS: u32 = 100;

/// Sends batches to a collector.
pub(super) struct Otlp {
    signal: Signal,
    agent: ureq::Agent,
    url: Uri,
    headers: HeaderMap,
    /// For one batch, its retries included.
    timeout: Duration,
    envelope: Envelope,
    mention_rejections: Throttle,
}

/// A post that failed.
struct Failure {
    error: ExportError,
    /// Whether it may work soon, and when the collector wants to be asked again.
    retry: Option<Duration>,
}

impl Otlp {
    pub(super) fn new(signal: Signal, collector: &Collector, resource: &Resource) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .new_agent();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let own_name = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(own_name));
        for (name, value) in &collector.headers {
            headers.insert(name, value.clone());
        }
        Otlp {
            signal,
            agent,
            url: collector.url.clone(),
            headers,
            timeout: collector.timeout,
            envelope: Envelope::new(signal, resource),
            mention_rejections: Throttle::new(REJECTIONS_LOGGED_EVERY),
        }
    }

    fn post(&self, start: &[u8], spans: &[u8], timeout: Duration) -> Result<(), Failure> {
        let mut body = start.chain(spans);
        let mut request = Request::post(self.url.clone())
            .body(SendBody::from_reader(&mut body))
            .map_err(|error| Failure {
                error: ureq::Error::from(error).into(),
                retry: None,
            })?;
        *request.headers_mut() = self.headers.clone();
        let length = HeaderValue::from(start.len() + spans.len());
        request.headers_mut().insert(CONTENT_LENGTH, length);
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(timeout))
            .build();
        let mut answer = self.agent.run(request).map_err(|error| Failure {
            error: error.into(),
            retry: Some(Duration::ZERO),
        })?;
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(seconds);
        let status = answer.status();
        // What the status says holds, whether or not the rest can be read.
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec()
            .unwrap_or_default();
        if status.is_success() {
            self.mention_rejected(&text);
            return Ok(());
        }
        let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN_ANSWER)]);
        Err(Failure {
            error: ExportError::Refused {
                status,
                body: shown.escape_debug().to_string(),
            },
            retry: is_busy(status).then(|| retry_after.unwrap_or_default()),
        })
    }

    /// A collector may take a batch and refuse some of its items. The answers of all signals are encoded
    /// alike.
    fn mention_rejected(&self, answer: &[u8]) {
        let Ok(answer) = ExportTraceServiceResponse::decode(answer) else {
            return;
        };
        let Some(partial) = answer.partial_success else {
            return;
        };
        if (partial.rejected_spans > 0 || !partial.error_message.is_empty()) && self.mention_rejections.now()
        {
            tracing::warn!(
                "the collector rejected {} {} of a batch: {}",
                partial.rejected_spans,
                self.signal.items(),
                partial.error_message
            );
        }
    }
}

impl Exporter for Otlp {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let begin = Instant::now();
        let start = self.envelope.around(batch.encoded().len());
        let mut pause = FIRST_PAUSE;
        let mut retries = 0;
        loop {
            let left = self.timeout.saturating_sub(begin.elapsed());
            let failure = match self.post(&start, batch.encoded(), left) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let Some(asked) = failure.retry.filter(|_| retries < RETRIES) else {
                return Err(failure.error);
            };
            pause = pause.max(asked);
            let wait = pause + jitter();
            if begin.elapsed() + wait >= self.timeout {
                return Err(failure.error);
            }
            std::thread::sleep(wait);
            retries += 1;
            pause *= 2;
        }
    }
}

/// What a request says around the items: an export request with one resource and one scope. It is described
/// by the messages for spans; those of the other signals are encoded alike.
struct Envelope {
    /// The fields of `ResourceSpans` in front of the scope's.
    resource: Vec<u8>,
    /// The fields of `ScopeSpans` in front of the spans. `None` where each item brings a scope of its own.
    scope: Option<Vec<u8>>,
}

impl Envelope {
    fn new(signal: Signal, resource: &Resource) -> Self {
        let resource = ResourceAttributesWithSchema::from(resource);
        let resource = ResourceSpans {
            resource: Some(EncodedResource {
                attributes: resource.attributes.0,
                ..EncodedResource::default()
            }),
            schema_url: resource.schema_url.unwrap_or_default(),
            ..ResourceSpans::default()
        };
        let scope = || {
            let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
                .with_version(env!("CARGO_PKG_VERSION"))
                .build();
            let scope = ScopeSpans {
                scope: Some((&scope, None).into()),
                ..ScopeSpans::default()
            };
            scope.encode_to_vec()
        };
        Envelope {
            resource: resource.encode_to_vec(),
            scope: (signal != Signal::Logs).then(scope),
        }
    }

    /// The request up to the items, which take so many bytes and end it.
    fn around(&self, items: usize) -> Vec<u8> {
        /// `ExportTraceServiceRequest.resource_spans`.
        const RESOURCE_SPANS: u32 = 1;
        /// `ResourceSpans.scope_spans`.
        const SCOPE_SPANS: u32 = 2;
        let mut scope = Vec::new();
        if let Some(fields) = &self.scope {
            encode_key(SCOPE_SPANS, WireType::LengthDelimited, &mut scope);
            encode_varint((fields.len() + items) as u64, &mut scope);
            scope.extend_from_slice(fields);
        }
        let in_resource = self.resource.len() + scope.len() + items;
        let mut start = Vec::with_capacity(self.resource.len() + scope.len() + 16);
        encode_key(RESOURCE_SPANS, WireType::LengthDelimited, &mut start);
        encode_varint(in_resource as u64, &mut start);
        start.extend_from_slice(&self.resource);
        start.extend_from_slice(&scope);
        start
    }
}

/// Whether another attempt may help, by the specification of OTLP.
fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn jitter() -> Duration {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(u64::from(now.subsec_micros() % MAX_JITTER_MS))
}

#[cfg(test)]
mod tests;
