//! OTLP over HTTP, as protobuf.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_sdk::Resource;
use prost::Message;

use super::envelope::Envelope;
use crate::credentials::Credentials;
use crate::export::{Batch, Delivery, ExportError, Exporter, RejectionLog, ShutdownSignal};
use crate::settings::{Collector, HttpTarget};
use crate::signal::Signal;
use crate::transport::{Client, Protocol};

const PROTOCOL: Protocol = Protocol {
    content_type: "application/x-protobuf",
    // By the specification of OTLP.
    is_busy: |status, _| matches!(status.as_u16(), 429 | 502 | 503 | 504),
    follows_redirects: false,
};

/// Sends batches to a collector.
pub(super) struct OtlpHttp {
    client: Client,
    envelope: Envelope,
    rejections: RejectionLog,
}

impl OtlpHttp {
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
        Ok(OtlpHttp {
            client: Client::new(&target, &PROTOCOL)?,
            envelope: Envelope::new(signal, resource),
            rejections: RejectionLog::new(signal, Credentials::of(&collector.url, &collector.headers)),
        })
    }
}

impl Exporter for OtlpHttp {
    fn export(&mut self, batch: &Batch, closing: &ShutdownSignal) -> Result<Delivery, ExportError> {
        let start = self.envelope.around(batch.encoded().len());
        let response = self.client.send(closing, &start, batch.encoded())?;
        // The batch has arrived, whether or not the body is valid.
        let response = ExportTraceServiceResponse::decode(&response.body[..]).unwrap_or_default();
        Ok(Delivery {
            rejected: self.rejections.read(response),
        })
    }
}

#[cfg(test)]
mod tests;
