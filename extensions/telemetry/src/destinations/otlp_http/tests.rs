//! What a collector gets, and what its responses do.

use std::time::{Duration, Instant, SystemTime};

use http::HeaderMap;
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::SpanKind;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ScopeMetrics};

use super::*;
use crate::context::SpanContext;
use crate::export::{FlushErrors, Pipeline};
use crate::propagation::testing;
use crate::sampling::Sampler;
use crate::settings::{Batching, Compression, Protocol as OtlpProtocol, Tls};
use crate::span::Span;
use crate::testing::{OK, Received, Reply, Server, gunzip};

fn collector(replies: Vec<(&'static str, Vec<u8>)>) -> (String, Server) {
    let replies = replies.into_iter().map(|(status, body)| Reply::new(status, body));
    let server = Server::start(replies.collect());
    (server.url("/v1/traces"), server)
}

fn decode(body: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(body).expect("protobuf")
}

fn to(url: &str) -> Collector {
    let mut headers = HeaderMap::new();
    headers.insert("api-key", "s3cret".parse().expect("a valid value"));
    Collector {
        protocol: OtlpProtocol::Http,
        url: url.parse().expect("a URL"),
        headers,
        timeout: Duration::from_secs(10),
        compression: Compression::None,
        tls: Tls::default(),
    }
}

/// Sends a call's span and one of function code through a pipeline to this collector.
fn trace_a_call(url: &str) -> (SpanContext, Result<(), FlushErrors>) {
    let resource = Resource::builder_empty().with_service_name("app").build();
    let batching = Batching {
        queue: 16,
        queue_bytes: 1 << 20,
        batch: 16,
        delay: Duration::from_secs(3600),
    };
    let exporter = OtlpHttp::new(Signal::Traces, &to(url), &resource).expect("no certificates");
    let pipeline = Pipeline::to(Signal::Traces, exporter, url, batching).expect("a thread");
    let caller = testing::caller(&[
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("tracestate", "a=b"),
    ]);
    let context = caller.begin(&Sampler::default());
    let hello = Span::start_as(
        &pipeline,
        "hello".into(),
        SpanKind::Server,
        context.clone(),
        caller.parent.as_ref(),
        SystemTime::now(),
    );
    let greet = Span::start(&pipeline, "greet".into(), SpanKind::Internal, Some(&context));
    greet.end(&pipeline, SystemTime::now(), |_| {});
    hello.end(&pipeline, SystemTime::now(), |attributes| {
        attributes.string("faas.name", "hello");
    });
    (context, pipeline.shutdown(Duration::from_secs(20)))
}

#[test]
fn a_collector_gets_what_was_traced() {
    let (url, collector) = collector(vec![(OK, Vec::new())]);
    let (context, shutdown) = trace_a_call(&url);
    assert!(shutdown.is_ok(), "{shutdown:?}");
    let received = collector.received();
    let [Received { head, body }] = &received[..] else {
        panic!("one request");
    };
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(
        head.contains("content-type: application/x-protobuf\r\n"),
        "{head}"
    );
    assert!(head.contains("api-key: s3cret\r\n"), "{head}");

    let body = decode(body);
    let [resource] = &body.resource_spans[..] else {
        panic!("one resource");
    };
    let attributes = &resource.resource.as_ref().expect("the resource").attributes;
    assert_eq!(attributes[0].key, "service.name");
    let [scope] = &resource.scope_spans[..] else {
        panic!("one scope");
    };
    let [greet, hello] = &scope.spans[..] else {
        panic!("two spans");
    };
    assert_eq!((greet.name.as_str(), hello.name.as_str()), ("greet", "hello"));
    assert_eq!(hello.trace_id, context.trace_id().to_bytes());
    assert_eq!(hello.span_id, context.span_id().to_bytes());
    assert_eq!(hello.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert_eq!(hello.trace_state, "a=b");
    assert_eq!(hello.attributes[0].key, "faas.name");
    assert_eq!(greet.trace_id, hello.trace_id);
    assert_eq!(greet.parent_span_id, hello.span_id);
}

#[test]
fn a_busy_collector_gets_another_attempt() {
    let (url, collector) = collector(vec![("503 Service Unavailable", Vec::new()), (OK, Vec::new())]);
    let (_, shutdown) = trace_a_call(&url);
    assert!(shutdown.is_ok(), "{shutdown:?}");
    let received = collector.received();
    assert_eq!(received[0].body, received[1].body);
}

#[test]
fn errors_say_what_the_collector_said() {
    let export = |url: &str| {
        let mut exporter = OtlpHttp::new(Signal::Traces, &to(url), &Resource::builder_empty().build())
            .expect("no certificates");
        let result = exporter.export(&Batch::default(), &ShutdownSignal::default());
        result.map_err(|error| error.to_string())
    };
    let (url, refusing) = collector(vec![("400 Bad Request", b"no such\ntenant".to_vec())]);
    let error = export(&url).expect_err("it is refused");
    assert!(
        error.ends_with("it answered 400 Bad Request: no such\\ntenant"),
        "{error}"
    );
    refusing.received();

    // No server listens there now.
    let closing = ShutdownSignal::default();
    closing.begin(Instant::now() + Duration::from_secs(20));
    let mut exporter = OtlpHttp::new(Signal::Traces, &to(&url), &Resource::builder_empty().build())
        .expect("no certificates");
    let error = exporter
        .export(&Batch::default(), &closing)
        .expect_err("there is no server");
    let error = error.to_string().to_lowercase();
    assert!(error.contains("connection refused"), "{error}");

    let partial = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 1,
            error_message: "too old".to_owned(),
        }),
    };
    let (url, picky) = collector(vec![(OK, partial.encode_to_vec())]);
    let delivery = Delivery { rejected: 1 };
    assert_eq!(export(&url), Ok(delivery), "the rest of the batch has arrived");
    picky.received();
}

#[test]
fn batches_are_compressed_if_asked_for() {
    let (url, collector) = collector(vec![(OK, Vec::new())]);
    let target = Collector {
        compression: Compression::Gzip,
        ..to(&url)
    };
    let resource = Resource::builder_empty().with_service_name("app").build();
    let mut exporter = OtlpHttp::new(Signal::Traces, &target, &resource).expect("no certificates");
    let batch = Batch::of(vec![crate::testing::span("hello"); 100]);
    exporter
        .export(&batch, &ShutdownSignal::default())
        .expect("it is taken");
    let received = &collector.received()[0];
    let head = received.head.to_lowercase();
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    assert!(
        received.body.len() < batch.encoded().len() / 4,
        "{}",
        received.body.len()
    );
    let scopes = decode(&gunzip(&received.body))
        .resource_spans
        .remove(0)
        .scope_spans;
    assert_eq!(scopes[0].spans, batch.spans().expect("protobuf"));
}

#[test]
fn all_signals_are_requests_of_their_own() {
    let resource = Resource::builder_empty().with_service_name("greeter").build();
    let request = |signal, items: &[u8]| {
        let envelope = Envelope::new(signal, &resource);
        [&envelope.around(items.len())[..], items].concat()
    };
    let metrics = ScopeMetrics {
        metrics: vec![Metric {
            name: "m".repeat(300),
            ..Metric::default()
        }],
        ..ScopeMetrics::default()
    };
    let body = request(Signal::Metrics, &metrics.encode_to_vec());
    let decoded = ExportMetricsServiceRequest::decode(&body[..]).expect("valid");
    let [of_resource] = &decoded.resource_metrics[..] else {
        panic!("one resource: {decoded:?}");
    };
    assert_eq!(
        of_resource
            .resource
            .as_ref()
            .map_or(0, |resource| resource.attributes.len()),
        1
    );
    let [of_scope] = &of_resource.scope_metrics[..] else {
        panic!("one scope: {decoded:?}");
    };
    assert_eq!(
        of_scope.scope.as_ref().map(|scope| &*scope.name),
        Some("funcdock-opencensus")
    );
    assert_eq!(of_scope.metrics, metrics.metrics);

    // Two loggers, each with a record.
    let logs = ["a", "b"].map(|logger| ScopeLogs {
        scope: Some((&InstrumentationScope::builder(logger).build(), None).into()),
        log_records: vec![LogRecord::default()],
        ..ScopeLogs::default()
    });
    let of_resource = ResourceLogs {
        scope_logs: logs.to_vec(),
        ..ResourceLogs::default()
    };
    let body = request(Signal::Logs, &of_resource.encode_to_vec());
    let decoded = ExportLogsServiceRequest::decode(&body[..]).expect("valid");
    let [of_resource] = &decoded.resource_logs[..] else {
        panic!("one resource: {decoded:?}");
    };
    assert!(of_resource.resource.is_some());
    assert_eq!(of_resource.scope_logs, logs);
}
