//! A batch as telemetry items.

use opentelemetry_proto::tonic::logs::v1::ScopeLogs;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::envelope::{self, Identity};
use super::record;
use super::schema::Envelope;

/// A batch as telemetry items, each written once. A span may have several, a log record has one; some may be sent again.
pub(super) struct Items {
    json: Vec<u8>,
    /// The span or record of each item, and the item's end in `json`.
    items: Vec<(usize, usize)>,
}

impl Items {
    pub(super) fn of(spans: &[Span], identity: &Identity) -> serde_json::Result<Items> {
        let mut items = Items {
            json: Vec::with_capacity(1024 * spans.len()),
            items: Vec::with_capacity(spans.len()),
        };
        for (index, span) in spans.iter().enumerate() {
            let (of_span, context) = envelope::of_span(span, identity);
            items.add(index, &of_span)?;
            for event in &span.events {
                items.add(index, &envelope::of_event(event, &context, identity))?;
            }
        }
        Ok(items)
    }

    pub(super) fn of_records(scopes: &[ScopeLogs], identity: &Identity) -> serde_json::Result<Items> {
        let mut items = Items {
            json: Vec::with_capacity(1024 * scopes.len()),
            items: Vec::with_capacity(scopes.len()),
        };
        for (index, scope) in scopes.iter().enumerate() {
            let logger = scope.scope.as_ref().map_or("", |scope| &scope.name);
            for record in &scope.log_records {
                items.add(index, &record::of_record(logger, record, identity))?;
            }
        }
        Ok(items)
    }

    fn add(&mut self, source: usize, envelope: &Envelope<'_>) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.json, envelope)?;
        self.items.push((source, self.json.len()));
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns the index of the item's span or record in the batch.
    pub(super) fn source_of(&self, item: usize) -> usize {
        self.items[item].0
    }

    /// Returns a JSON array of these items.
    pub(super) fn body(&self, items: &[usize]) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.json.len() + items.len() + 2);
        for item in items {
            body.push(if body.is_empty() { b'[' } else { b',' });
            let start = item.checked_sub(1).map_or(0, |before| self.items[before].1);
            body.extend_from_slice(&self.json[start..self.items[*item].1]);
        }
        body.push(b']');
        body
    }
}
