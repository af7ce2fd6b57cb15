//! Zipkin: JSON of its API v2, by OpenTelemetry's rules for the transformation.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use opentelemetry::Key;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as OtlpSpan;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use serde::Serialize;

use crate::encode::json::{AsText, Attributes, Hex, text};
use crate::export::{Batch, Delivery, ExportError, Exporter, ShutdownSignal};
use crate::scope;
use crate::settings::HttpTarget;
use crate::transport::{Client, Protocol};

const PROTOCOL: Protocol = Protocol {
    content_type: "application/json",
    is_busy: |status, _| matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504),
    follows_redirects: false,
};

/// Attributes that name the other service, best first; some come with a port.
const REMOTE: [(&str, Option<&str>); 11] = [
    ("peer.service", None),
    ("server.address", Some("server.port")),
    ("net.peer.name", Some("net.peer.port")),
    ("network.peer.address", Some("network.peer.port")),
    ("server.socket.domain", None),
    ("server.socket.address", Some("server.socket.port")),
    ("net.sock.peer.name", None),
    ("net.sock.peer.addr", Some("net.sock.peer.port")),
    ("peer.hostname", None),
    ("peer.address", None),
    ("db.name", None),
];

/// Sends batches to a Zipkin server.
pub(super) struct Zipkin {
    client: Client,
    service: String,
    /// The resource without the service's name.
    resource: Vec<KeyValue>,
}

impl Zipkin {
    /// # Errors
    /// The certificates or the key of `target` cannot be used.
    pub(super) fn new(target: &HttpTarget, resource: &Resource) -> Result<Self, ureq::Error> {
        let service = resource.get(&Key::from_static_str("service.name"));
        let mut attributes = ResourceAttributesWithSchema::from(resource).attributes.0;
        attributes.retain(|pair| pair.key != "service.name");
        Ok(Zipkin {
            client: Client::new(target, &PROTOCOL)?,
            service: service.map_or_else(|| "unknown_service".to_owned(), |name| name.to_string()),
            resource: attributes,
        })
    }
}

impl Exporter for Zipkin {
    fn export(&mut self, batch: &Batch, closing: &ShutdownSignal) -> Result<Delivery, ExportError> {
        let spans = batch.spans().map_err(io::Error::other)?;
        let spans: Vec<_> = spans
            .iter()
            .map(|span| Span::new(span, &self.service, &self.resource))
            .collect();
        let body = serde_json::to_vec(&spans).map_err(io::Error::from)?;
        self.client.send(closing, &body, &[])?;
        Ok(Delivery::default())
    }
}

/// Zipkin's span. Empty fields are omitted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    trace_id: AsText<Hex<'a>>,
    id: AsText<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<AsText<Hex<'a>>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// In microseconds, as all times.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
    duration: u64,
    local_endpoint: Endpoint<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_endpoint: Option<Endpoint<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<&'a str, Cow<'a, str>>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    service_name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Serialize)]
struct Annotation<'a> {
    timestamp: u64,
    value: Cow<'a, str>,
}

impl<'a> Span<'a> {
    fn new(span: &'a OtlpSpan, service: &'a str, resource: &'a [KeyValue]) -> Self {
        let start = micros(span.start_time_unix_nano);
        let lasted = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
        let kind = match span.kind() {
            SpanKind::Client => Some("CLIENT"),
            SpanKind::Server => Some("SERVER"),
            SpanKind::Producer => Some("PRODUCER"),
            SpanKind::Consumer => Some("CONSUMER"),
            SpanKind::Internal | SpanKind::Unspecified => None,
        };
        let calls_another = matches!(span.kind(), SpanKind::Client | SpanKind::Producer);
        Span {
            trace_id: AsText(Hex(&span.trace_id)),
            id: AsText(Hex(&span.span_id)),
            parent_id: (!span.parent_span_id.is_empty()).then(|| AsText(Hex(&span.parent_span_id))),
            name: &span.name,
            kind,
            timestamp: (start > 0).then_some(start),
            // 0 is an unknown duration in Zipkin.
            duration: micros(lasted).max(1),
            local_endpoint: Endpoint {
                service_name: Some(Cow::Borrowed(service)),
                ..Endpoint::default()
            },
            remote_endpoint: calls_another.then(|| remote(&span.attributes)).flatten(),
            annotations: span.events.iter().map(Annotation::new).collect(),
            tags: tags(span, resource),
        }
    }
}

impl<'a> Annotation<'a> {
    /// The event's name, followed by its attributes as JSON.
    fn new(event: &'a Event) -> Self {
        let attributes = serde_json::to_string(&Attributes(&event.attributes)).unwrap_or_default();
        let name = serde_json::to_string(&event.name).unwrap_or_default();
        Annotation {
            timestamp: micros(event.time_unix_nano),
            value: if event.attributes.is_empty() {
                Cow::Borrowed(&event.name)
            } else {
                Cow::Owned(format!("{name}: {attributes}"))
            },
        }
    }
}

fn tags<'a>(span: &'a OtlpSpan, resource: &'a [KeyValue]) -> BTreeMap<&'a str, Cow<'a, str>> {
    let attributes = resource.iter().chain(&span.attributes);
    let mut tags: BTreeMap<_, _> = attributes
        .filter_map(|pair| Some((pair.key.as_str(), text(pair.value.as_ref())?)))
        // To Zipkin, this tag means failure, whatever its value.
        .filter(|(key, value)| *key != "error" || value != "false")
        .collect();
    tags.insert("otel.scope.name", Cow::Borrowed(scope::NAME));
    tags.insert("otel.scope.version", Cow::Borrowed(scope::VERSION));
    match span
        .status
        .as_ref()
        .map(|status| (status.code(), &status.message))
    {
        Some((SpanStatus::Ok, _)) => {
            tags.insert("otel.status_code", Cow::Borrowed("OK"));
        }
        Some((SpanStatus::Error, message)) => {
            tags.insert("otel.status_code", Cow::Borrowed("ERROR"));
            tags.insert("error", Cow::Borrowed(message));
        }
        Some((SpanStatus::Unset, _)) | None => {}
    }
    for (key, dropped) in [
        ("otel.dropped_attributes_count", span.dropped_attributes_count),
        ("otel.dropped_events_count", span.dropped_events_count),
        ("otel.dropped_links_count", span.dropped_links_count),
    ] {
        if dropped > 0 {
            tags.insert(key, Cow::Owned(dropped.to_string()));
        }
    }
    tags
}

/// Returns the service that the span called, by the best attribute that names it.
fn remote(attributes: &[KeyValue]) -> Option<Endpoint<'_>> {
    let value =
        |key: &str| -> Option<&AnyValue> { attributes.iter().find(|pair| pair.key == key)?.value.as_ref() };
    let known = |key: &str| text(value(key)).filter(|name| !name.is_empty());
    let (name, port) = REMOTE
        .iter()
        .find_map(|(key, port)| Some((known(key)?, port.and_then(known))))?;
    let mut endpoint = Endpoint {
        port: port.and_then(|port| port.parse().ok()),
        ..Endpoint::default()
    };
    match name.parse() {
        Ok(IpAddr::V4(_)) => endpoint.ipv4 = Some(name),
        Ok(IpAddr::V6(_)) => endpoint.ipv6 = Some(name),
        Err(_) => endpoint.service_name = Some(name),
    }
    Some(endpoint)
}

fn micros(nanos: u64) -> u64 {
    nanos / 1000
}

#[cfg(test)]
mod tests;
