//! Zipkin's JSON, by the specification's table, and the way to the server.

use std::time::{Duration, Instant};

use http::HeaderMap;
use opentelemetry::KeyValue as Pair;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Status;
use serde_json::{Value as Json, json};

use super::*;
use crate::settings::{Compression, Tls};
use crate::testing::{
    self, Reply, START, Server, child, double, event, failed, int, list, span, text as string,
};

fn json_of(span: &OtlpSpan) -> Json {
    serde_json::to_value(Span::new(span, "app", &[])).expect("JSON")
}

#[test]
fn a_span_in_full() {
    let mut full = child(
        SpanKind::Client,
        &[
            ("text", string("a\"b")),
            ("int", int(-7)),
            ("double", double(0.5)),
            ("not a number", double(f64::NAN)),
            ("flag", Value::BoolValue(true)),
            ("list", list(&[string("x"), string("y")])),
            ("numbers", list(&[int(1), double(f64::NEG_INFINITY)])),
            ("server.address", string("shop.example")),
            ("server.port", int(8080)),
        ],
    );
    full.status = failed("ValueError: no");
    full.events = vec![
        event("plain", &[]),
        event("note", &[("k", string("v")), ("n", int(2))]),
    ];
    full.dropped_attributes_count = 3;
    full.dropped_events_count = 4;
    full.dropped_links_count = 5;
    let version = env!("CARGO_PKG_VERSION");
    let expected = json!({
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "id": "0000000000000002",
        "parentId": "0000000000000001",
        "name": "child",
        "kind": "CLIENT",
        "timestamp": 1_700_000_000_123_000_u64,
        "duration": 1500,
        "localEndpoint": {"serviceName": "app"},
        "remoteEndpoint": {"serviceName": "shop.example", "port": 8080},
        "annotations": [
            {"timestamp": 1_700_000_000_124_000_u64, "value": "plain"},
            {"timestamp": 1_700_000_000_124_000_u64, "value": "\"note\": {\"k\":\"v\",\"n\":2}"},
        ],
        "tags": {
            "text": "a\"b",
            "int": "-7",
            "double": "0.5",
            "not a number": "NaN",
            "flag": "true",
            "list": "[\"x\",\"y\"]",
            "numbers": "[1,\"-Infinity\"]",
            "server.address": "shop.example",
            "server.port": "8080",
            "otel.status_code": "ERROR",
            "error": "ValueError: no",
            "otel.scope.name": "funcdock-opencensus",
            "otel.scope.version": version,
            "otel.dropped_attributes_count": "3",
            "otel.dropped_events_count": "4",
            "otel.dropped_links_count": "5",
        },
    });
    assert_eq!(json_of(&full), expected);
}

#[test]
fn what_is_empty_is_left_out() {
    let mut bare = span("");
    bare.kind = SpanKind::Internal.into();
    bare.start_time_unix_nano = 0;
    bare.end_time_unix_nano = 0;
    bare.status = None;
    let json = json_of(&bare);
    for key in [
        "parentId",
        "name",
        "kind",
        "timestamp",
        "remoteEndpoint",
        "annotations",
    ] {
        assert_eq!(json.get(key), None, "{key}");
    }
    assert_eq!(json["duration"], 1, "0 would be unknown");
    assert_eq!(json["tags"].get("otel.status_code"), None);
    assert_eq!(json["tags"].get("error"), None);
}

#[test]
fn kinds_and_statuses() {
    for (kind, expected) in [
        (SpanKind::Server, json!("SERVER")),
        (SpanKind::Client, json!("CLIENT")),
        (SpanKind::Producer, json!("PRODUCER")),
        (SpanKind::Consumer, json!("CONSUMER")),
        (SpanKind::Internal, Json::Null),
        (SpanKind::Unspecified, Json::Null),
    ] {
        assert_eq!(json_of(&child(kind, &[]))["kind"], expected, "{kind:?}");
    }
    let tags = |status, attributes: &[(&str, Value)]| {
        let mut span = child(SpanKind::Server, attributes);
        span.status = status;
        let tags = json_of(&span)["tags"].clone();
        (tags["otel.status_code"].clone(), tags["error"].clone())
    };
    let ok = Some(Status {
        code: SpanStatus::Ok.into(),
        message: "ignored".to_owned(),
    });
    let no = [("error", Value::BoolValue(false))];
    let yes = [("error", string("mine"))];
    assert_eq!(tags(ok, &[]), (json!("OK"), Json::Null));
    assert_eq!(
        tags(None, &no),
        (Json::Null, Json::Null),
        "Zipkin would show a failure"
    );
    assert_eq!(tags(None, &yes), (Json::Null, json!("mine")));
    assert_eq!(
        tags(failed(""), &yes),
        (json!("ERROR"), json!("")),
        "the status wins"
    );
}

#[test]
fn the_other_side_by_rank() {
    let remote = |attributes: &[(&str, Value)]| {
        json_of(&child(SpanKind::Client, attributes))["remoteEndpoint"].clone()
    };
    let cases = [
        (
            vec![("db.name", string("orders")), ("peer.service", string("billing"))],
            json!({"serviceName": "billing"}),
            "the service first",
        ),
        (
            vec![
                ("network.peer.address", string("10.0.0.7")),
                ("network.peer.port", int(5432)),
            ],
            json!({"ipv4": "10.0.0.7", "port": 5432}),
            "an address of IPv4",
        ),
        (
            vec![("net.sock.peer.addr", string("::1"))],
            json!({"ipv6": "::1"}),
            "an address of IPv6",
        ),
        (
            vec![("server.address", string("")), ("peer.hostname", string("h"))],
            json!({"serviceName": "h"}),
            "an empty one says nothing",
        ),
        (
            vec![("server.address", string("h")), ("server.port", int(1 << 20))],
            json!({"serviceName": "h"}),
            "no such port",
        ),
        (
            vec![("db.name", string("orders"))],
            json!({"serviceName": "orders"}),
            "the last",
        ),
        (vec![], Json::Null, "nothing is known"),
    ];
    for (attributes, expected, reason) in cases {
        assert_eq!(remote(&attributes), expected, "{reason}");
    }
    let server = child(SpanKind::Server, &[("peer.service", string("x"))]);
    assert_eq!(json_of(&server).get("remoteEndpoint"), None, "it was called");
}

fn zipkin(url: &str) -> Zipkin {
    let target = HttpTarget {
        url: url.parse().expect("a URL"),
        headers: HeaderMap::new(),
        timeout: Duration::from_secs(10),
        compression: Compression::None,
        tls: Tls::default(),
    };
    let resource = Resource::builder_empty()
        .with_service_name("greeter")
        .with_attribute(Pair::new("service.namespace", "shop"))
        .build();
    Zipkin::new(&target, &resource).expect("no certificates")
}

#[test]
fn a_server_gets_a_list_with_the_resource_in_each() {
    let server = Server::start(vec![
        Reply::new("503 Service Unavailable", ""),
        Reply::new("202 Accepted", ""),
    ]);
    let mut exporter = zipkin(&server.url("/api/v2/spans"));
    let batch = Batch::of(vec![span("a"), span("b")]);
    let delivery = exporter
        .export(&batch, &ShutdownSignal::default())
        .expect("it is taken");
    assert_eq!(delivery, Delivery::default());
    let received = server.received();
    assert_eq!(received[0].body, received[1].body, "sent again");
    assert!(
        received[1]
            .head
            .to_lowercase()
            .contains("content-type: application/json\r\n")
    );
    let spans = received[1].json();
    assert_eq!(spans.as_array().map(Vec::len), Some(2));
    for (span, name) in [(&spans[0], "a"), (&spans[1], "b")] {
        assert_eq!(span["name"], name);
        assert_eq!(span["localEndpoint"], json!({"serviceName": "greeter"}));
        assert_eq!(span["tags"]["service.namespace"], "shop");
        assert_eq!(span["tags"].get("service.name"), None);
        assert_eq!(span["timestamp"], START / 1000);
    }
}

#[test]
fn a_refusal_is_an_error() {
    let server = Server::start(vec![Reply::new("400 Bad Request", "Malformed")]);
    let mut exporter = zipkin(&server.url("/"));
    let closing = ShutdownSignal::default();
    closing.begin(Instant::now() + Duration::from_secs(20));
    let batch = Batch::of(vec![testing::span("a")]);
    let error = exporter.export(&batch, &closing).expect_err("it is refused");
    assert_eq!(error.to_string(), "it answered 400 Bad Request: Malformed");
    server.received();
}
