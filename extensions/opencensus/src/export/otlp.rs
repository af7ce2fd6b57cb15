//! The OTLP exporter over HTTP, with protobuf.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_sdk::Resource;
use prost::Message;

use super::envelope::Envelope;
use super::http::{Client, Protocol};
use super::retry::Closing;
use super::trouble::Rejections;
use super::{Batch, Delivery, ExportError, Exporter};
use crate::settings::{Collector, HttpTarget};
use crate::signal::Signal;

const PROTOCOL: Protocol = Protocol {
    content_type: "application/x-protobuf",
    // By the specification of OTLP.
    is_busy: |status, _| matches!(status.as_u16(), 429 | 502 | 503 | 504),
    follows_redirects: false,
};

/// Sends batches to a collector.
pub(super) struct Otlp {
    client: Client,
    envelope: Envelope,
    rejections: Rejections,
}

impl Otlp {
    /// # Errors
    /// The certificates or the key cannot be used.
    pub(super) fn new(
        signal: Signal,
        collector: &Collector,
        resource: &Resource,
    ) -> Result<Self, ureq::Error> {
        let target = HttpTarget {
            url: collector.url.clone(),
            headers: collector.headers.clone(),
            timeout: collector.timeout,
            compression: collector.compression,
            tls: collector.tls.clone(),
        };
        Ok(Otlp {
            client: Client::new(&target, &PROTOCOL)?,
            envelope: Envelope::new(signal, resource),
            rejections: Rejections::new(signal),
        })
    }
}

impl Exporter for Otlp {
    fn export(&mut self, batch: &Batch, closing: &Closing) -> Result<Delivery, ExportError> {
        let start = self.envelope.around(batch.encoded().len());
        let answer = self.client.send(closing, &start, batch.encoded())?;
        // The batch has arrived, whether or not the rest of the answer makes sense.
        let answer = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap_or_default();
        Ok(Delivery {
            rejected: self.rejections.read(answer),
        })
    }
}

#[cfg(test)]
mod tests;
