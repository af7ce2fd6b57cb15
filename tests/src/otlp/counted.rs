//! OTLP requests: decoded, or only counted, so that the collector of a benchmark does not compete with what is
//! measured.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::{DecodeError, Message as _};

use super::Received;
use super::answer::Signal;

/// The part of an [`ExportTraceServiceRequest`] that counting spans needs.
#[derive(Clone, PartialEq, prost::Message)]
struct Counted {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<CountedResource>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CountedResource {
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<CountedScope>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CountedScope {
    #[prost(bytes = "bytes", repeated, tag = "2")]
    spans: Vec<Bytes>,
}

impl Received {
    /// Takes a request of any signal; spans by [`take`](Self::take), other signals unchanged.
    pub(super) fn take_any(
        &self,
        signal: Option<Signal>,
        body: Bytes,
        reject: usize,
    ) -> Result<usize, DecodeError> {
        match signal {
            Some(Signal::Metrics) => {
                let request = ExportMetricsServiceRequest::decode(body)?;
                let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
                metrics.push(request);
                Ok(0)
            }
            Some(Signal::Logs) => {
                let request = ExportLogsServiceRequest::decode(body)?;
                let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
                logs.push(request);
                Ok(0)
            }
            Some(Signal::Traces) | None => self.take(body, reject),
        }
    }

    /// Takes a request that will be acknowledged, except for some of its spans. Returns how many those are.
    pub(super) fn take(&self, body: Bytes, reject: usize) -> Result<usize, DecodeError> {
        let count = if self.count_only {
            let request = Counted::decode(body)?;
            let scopes = request
                .resource_spans
                .iter()
                .flat_map(|resource| &resource.scope_spans);
            scopes.map(|scope| scope.spans.len()).sum()
        } else {
            let request = ExportTraceServiceRequest::decode(body)?;
            let scopes = request
                .resource_spans
                .into_iter()
                .flat_map(|resource| resource.scope_spans);
            let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();
            let count = spans.len();
            let kept = spans.into_iter().skip(reject);
            self.spans
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(kept);
            count
        };
        let rejected = reject.min(count);
        self.acknowledged.fetch_add(count - rejected, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
        Ok(rejected)
    }
}
