//! Dependencies, kind by kind.

use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::*;
use crate::testing::{int, pairs, text};

/// Type, target, data, result code and name; and the keys of what is left as properties.
fn shown(kind: SpanKind, attributes: &[(&str, Value)]) -> (String, String) {
    let pairs = pairs(attributes);
    let mut attributes = Attributes::new(&pairs);
    let call = dependency(kind, &mut attributes);
    let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let fields = [
        call.kind.to_string(),
        text(call.target.as_deref()),
        text(call.data.as_deref()),
        text(call.result_code.as_deref()),
        text(call.name.as_deref()),
    ];
    let left: Vec<_> = attributes.into_properties().into_keys().collect();
    (fields.join(" | "), left.join(" "))
}

#[test]
fn calls_of_clients() {
    type Attributes = Vec<(&'static str, Value)>;
    let cases: [(&str, Attributes, &str, &str); 12] = [
        (
            "http, as the conventions have it now",
            vec![
                ("http.request.method", text("GET")),
                ("url.full", text("https://shop.example:443/a/b?c=d")),
                ("server.address", text("shop.example")),
                ("http.response.status_code", int(404)),
                ("mine", text("x")),
            ],
            "HTTP | shop.example | https://shop.example:443/a/b?c=d | 404 | GET /a/b",
            "mine server.address",
        ),
        (
            "http, as they had it, in parts",
            vec![
                ("http.method", text("PUT")),
                ("http.scheme", text("http")),
                ("http.host", text("shop:8080")),
                ("http.target", text("/a?b")),
                ("http.status_code", int(200)),
            ],
            "HTTP | shop:8080 | http://shop:8080/a?b | 200 | PUT /a",
            "",
        ),
        (
            "http, to a service with a name, by IPv6",
            vec![
                ("http.request.method", text("GET")),
                ("url.scheme", text("http")),
                ("server.address", text("::1")),
                ("server.port", int(81)),
                ("url.path", text("x")),
                ("url.query", text("y=z")),
                ("peer.service", text("billing")),
            ],
            "HTTP | billing | http://[::1]:81/x?y=z | - | GET /x",
            "",
        ),
        (
            "http, of which little is known",
            vec![
                ("http.method", text("GET")),
                ("net.peer.name", text("h")),
                ("net.peer.port", int(80)),
            ],
            "HTTP | h | - | - | -",
            "",
        ),
        (
            "a URL that is none",
            vec![("http.method", text("GET")), ("http.url", text("not a url"))],
            "HTTP | - | not a url | - | -",
            "",
        ),
        (
            "a database of its own type",
            vec![
                ("db.system.name", text("postgresql")),
                ("server.address", text("db1")),
                ("server.port", int(5432)),
                ("db.namespace", text("orders")),
                ("db.query.text", text("SELECT 1")),
            ],
            "postgresql | db1|orders | SELECT 1 | - | -",
            "",
        ),
        (
            "SQL, former names, another port",
            vec![
                ("db.system", text("mssql")),
                ("net.peer.name", text("db2")),
                ("net.peer.port", int(1500)),
                ("db.operation", text("SELECT")),
            ],
            "SQL | db2:1500 | SELECT | - | -",
            "",
        ),
        (
            "a database alone",
            vec![("db.system", text("redis"))],
            "redis | redis | - | - | -",
            "",
        ),
        (
            "messages",
            vec![
                ("messaging.system", text("kafka")),
                ("messaging.destination.name", text("orders")),
            ],
            "kafka | orders | - | - | -",
            "",
        ),
        (
            "rpc",
            vec![
                ("rpc.system", text("grpc")),
                ("server.address", text("h")),
                ("rpc.grpc.status_code", int(5)),
                ("rpc.method", text("Get")),
            ],
            "grpc | h | - | 5 | -",
            "rpc.method",
        ),
        (
            "an Azure service",
            vec![
                ("az.namespace", text("Microsoft.ServiceBus")),
                ("net.peer.name", text("bus")),
                ("messaging.destination.name", text("q")),
            ],
            "Microsoft.ServiceBus | bus/q | - | - | -",
            "",
        ),
        (
            "anything else",
            vec![("mine", text("x"))],
            "N/A | - | - | - | -",
            "mine",
        ),
    ];
    for (what, attributes, expected, left) in cases {
        let (fields, properties) = shown(SpanKind::Client, &attributes);
        assert_eq!(fields, expected, "{what}");
        assert_eq!(properties, left, "{what}");
    }
}

#[test]
fn producers_and_what_goes_on_inside() {
    let queue = [
        ("messaging.system", text("rabbitmq")),
        ("messaging.destination", text("q")),
    ];
    assert_eq!(
        shown(SpanKind::Producer, &queue).0,
        "Queue Message | rabbitmq | q | - | - | -"
    );
    assert_eq!(shown(SpanKind::Producer, &[]).0, "Queue Message | - | - | - | -");
    assert_eq!(shown(SpanKind::Internal, &[]).0, "InProc | - | - | - | -");
    let azure = [("az.namespace", text("Microsoft.EventHub"))];
    assert_eq!(
        shown(SpanKind::Internal, &azure).0,
        "InProc | Microsoft.EventHub | - | - | - | -"
    );
}
