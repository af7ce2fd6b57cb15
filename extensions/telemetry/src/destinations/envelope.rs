//! What stands around encoded items in a request of OTLP.
//!
//! The messages are those for spans; requests of the other signals are encoded alike.

use opentelemetry::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource as EncodedResource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::scope;
use crate::signal::Signal;

/// An export request with one resource, without its items.
pub(super) struct Envelope {
    /// The fields of `ResourceSpans` before the scope's.
    resource: Vec<u8>,
    /// The fields of `ScopeSpans` before the spans. `None` if each item has its own scope.
    scope: Option<Vec<u8>>,
}

impl Envelope {
    pub(super) fn new(signal: Signal, resource: &Resource) -> Self {
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
            let scope = InstrumentationScope::builder(scope::NAME)
                .with_version(scope::VERSION)
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

    /// Returns the request up to the items, which have so many bytes and end it.
    pub(super) fn around(&self, items: usize) -> Vec<u8> {
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
