//! What an exporter gets at once.

use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use prost::{DecodeError, Message};

/// Ended spans in the order in which they ended; or items of another signal.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) items: usize,
    pub(super) encoded: Vec<u8>,
}

impl Batch {
    /// A batch of so many items, encoded as [`encoded`](Self::encoded) says.
    pub(crate) fn new(items: usize, encoded: Vec<u8>) -> Self {
        Batch { items, encoded }
    }

    /// A batch of these spans.
    #[cfg(test)]
    pub(crate) fn of(spans: Vec<Span>) -> Self {
        let items = spans.len();
        let scope = ScopeSpans {
            spans,
            ..ScopeSpans::default()
        };
        Batch {
            items,
            encoded: scope.encode_to_vec(),
        }
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.items
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// The items as OTLP encodes them: spans as fields of `ScopeSpans`, metrics as fields of `ScopeMetrics`. Log records
    /// each have a scope, named after their logger, so they are fields of `ResourceLogs`.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// The spans as objects, for exporters that write another format.
    ///
    /// # Errors
    /// It is a batch of another signal.
    pub fn spans(&self) -> Result<Vec<Span>, DecodeError> {
        Ok(ScopeSpans::decode(self.encoded())?.spans)
    }

    /// The log records as objects, each in a scope of its own.
    ///
    /// # Errors
    /// It is a batch of another signal.
    pub(crate) fn log_records(&self) -> Result<Vec<ScopeLogs>, DecodeError> {
        Ok(ResourceLogs::decode(self.encoded())?.scope_logs)
    }
}
