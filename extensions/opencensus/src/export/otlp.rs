//! The OTLP exporter: HTTP and protobuf, with ureq as its client.
//!
//! The client blocks, which suits the exporter's thread: there is no runtime in this library. Its connection is kept
//! between batches.

use std::io::Read;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_sdk::Resource;
use prost::Message;
use ureq::SendBody;

use super::envelope::Envelope;
use super::retry::{Again, Closing, Failure, Retry};
use super::trouble::Rejections;
use super::{Batch, Delivery, ExportError, Exporter};
use crate::settings::Collector;
use crate::signal::Signal;

/// Answers of a collector are a few bytes; no more than this is read of one.
const MAX_ANSWER: u64 = 1 << 20;
/// How much of an answer that refuses spans goes to the log, in bytes.
const SHOWN_ANSWER: usize = 200;

/// Sends batches to a collector.
pub(super) struct Otlp {
    agent: ureq::Agent,
    url: Uri,
    headers: HeaderMap,
    retry: Retry,
    envelope: Envelope,
    rejections: Rejections,
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
            agent,
            url: collector.url.clone(),
            headers,
            retry: Retry::new(collector.timeout),
            envelope: Envelope::new(signal, resource),
            rejections: Rejections::new(signal),
        }
    }

    fn post(&self, start: &[u8], spans: &[u8], timeout: Duration) -> Result<Delivery, Failure> {
        let mut body = start.chain(spans);
        let mut request = Request::post(self.url.clone())
            .body(SendBody::from_reader(&mut body))
            .map_err(|error| Failure {
                error: ureq::Error::from(error).into(),
                again: Again::Never,
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
            again: Again::Unreached,
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
            return Ok(Delivery {
                rejected: self.rejected(&text),
            });
        }
        let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN_ANSWER)]);
        Err(Failure {
            error: ExportError::Refused {
                status,
                body: shown.escape_debug().to_string(),
            },
            again: match is_busy(status) {
                true => Again::Busy(retry_after),
                false => Again::Never,
            },
        })
    }

    /// How many items the answer to a batch that was taken says were refused. The answers of all signals are encoded
    /// alike.
    fn rejected(&self, answer: &[u8]) -> usize {
        let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
        self.rejections.read(answer)
    }
}

impl Exporter for Otlp {
    fn export(&mut self, batch: &Batch, closing: &Closing) -> Result<Delivery, ExportError> {
        let start = self.envelope.around(batch.encoded().len());
        let post = |left| self.post(&start, batch.encoded(), left);
        self.retry.run(closing, post)
    }
}

/// Whether another attempt may help, by the specification of OTLP.
fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
