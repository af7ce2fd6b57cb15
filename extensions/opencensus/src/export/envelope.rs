//! What a request of OTLP says around the spans, which are encoded already.

use opentelemetry::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource as EncodedResource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// What a request says around the spans: an `ExportTraceServiceRequest` with one resource and one scope.
pub(super) struct Envelope {
    /// The fields of `ResourceSpans` in front of the scope's.
    resource: Vec<u8>,
    /// The fields of `ScopeSpans` in front of the spans.
    scope: Vec<u8>,
}

impl Envelope {
    pub(super) fn new(resource: &Resource) -> Self {
        let resource = ResourceAttributesWithSchema::from(resource);
        let resource = ResourceSpans {
            resource: Some(EncodedResource {
                attributes: resource.attributes.0,
                ..EncodedResource::default()
            }),
            schema_url: resource.schema_url.unwrap_or_default(),
            ..ResourceSpans::default()
        };
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let scope = ScopeSpans {
            scope: Some((&scope, None).into()),
            ..ScopeSpans::default()
        };
        Envelope {
            resource: resource.encode_to_vec(),
            scope: scope.encode_to_vec(),
        }
    }

    /// The request up to the spans, which take so many bytes and end it.
    pub(super) fn around(&self, spans: usize) -> Vec<u8> {
        /// `ExportTraceServiceRequest.resource_spans`.
        const RESOURCE_SPANS: u32 = 1;
        /// `ResourceSpans.scope_spans`.
        const SCOPE_SPANS: u32 = 2;
        let in_scope = self.scope.len() + spans;
        // A field number up to 15 takes one byte.
        let in_resource = self.resource.len() + 1 + encoded_len_varint(in_scope as u64) + in_scope;
        let mut start = Vec::with_capacity(self.resource.len() + self.scope.len() + 32);
        encode_key(RESOURCE_SPANS, WireType::LengthDelimited, &mut start);
        encode_varint(in_resource as u64, &mut start);
        start.extend_from_slice(&self.resource);
        encode_key(SCOPE_SPANS, WireType::LengthDelimited, &mut start);
        encode_varint(in_scope as u64, &mut start);
        start.extend_from_slice(&self.scope);
        start
    }
}
