//! The attributes of calls, and the parsers behind them.

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::http::{split_port, without_secrets};
use super::*;
use crate::encode::Limits;

fn hello() -> TracedFunction {
    TracedFunction {
        name: "hello",
        faas_name: "hello",
        trigger: "http",
        route: Some("/api/hello/{name}"),
        ..TracedFunction::default()
    }
}

fn written(function: TracedFunction, id: &str, cold: bool, request: Option<&Request<'_>>) -> Vec<String> {
    let mut out = Vec::new();
    write(
        &mut Attributes::new(&mut out, &[], Limits::default()),
        &function.encoded(Limits::default()),
        id,
        cold,
        request,
    );
    let span = Span::decode(&out[..]).expect("they are fields of a span");
    let text = |pair: KeyValue| {
        let value = match pair.value.and_then(|value| value.value) {
            Some(any_value::Value::StringValue(text)) => text,
            Some(any_value::Value::BoolValue(value)) => value.to_string(),
            Some(any_value::Value::IntValue(value)) => value.to_string(),
            other => format!("{other:?}"),
        };
        format!("{}={value}", pair.key)
    };
    span.attributes.into_iter().map(text).collect()
}

#[test]
fn a_request_in_full() {
    let request = Request {
        method: "GET",
        path: "/api/hello/a%20b",
        query: "x=1&code=s3cret",
        version: "1.1",
        scheme: "http",
        client: Some("127.0.0.1:40000"),
        peer: Some("127.0.0.1:40000"),
        user_agent: Some("curl/8"),
        host: Some("localhost:7071"),
    };
    let expected = [
        "faas.name=hello",
        "faas.trigger=http",
        "http.route=/api/hello/{name}",
        "faas.invocation_id=an-id",
        "faas.coldstart=true",
        "http.request.method=GET",
        "url.scheme=http",
        "url.path=/api/hello/a%20b",
        "url.query=x=1&code=REDACTED",
        "network.protocol.version=1.1",
        "client.address=127.0.0.1",
        "user_agent.original=curl/8",
        "server.address=localhost",
        "server.port=7071",
    ];
    assert_eq!(written(hello(), "an-id", true, Some(&request)), expected);
}

#[test]
fn a_request_with_little_and_a_call_without_one() {
    let request = Request {
        method: "BREW",
        path: "/",
        version: "1.0",
        ..Request::default()
    };
    let function = || TracedFunction {
        route: None,
        ..hello()
    };
    let expected = [
        "http.request.method=_OTHER",
        "http.request.method_original=BREW",
        "url.scheme=http",
        "url.path=/",
        "network.protocol.version=1.0",
    ];
    assert_eq!(written(function(), "an-id", false, Some(&request))[4..], expected);
    assert_eq!(written(function(), "an-id", false, None).len(), 4, "only FaaS");
}

#[test]
fn a_request_through_a_proxy() {
    let request = Request {
        method: "GET",
        path: "/",
        scheme: "https",
        client: Some("[2001:db8::1]:4711"),
        peer: Some("10.0.0.1:4000"),
        host: Some("shop.example:8443"),
        ..Request::default()
    };
    let written = written(hello(), "an-id", false, Some(&request));
    for expected in [
        "url.scheme=https",
        "client.address=2001:db8::1",
        "network.peer.address=10.0.0.1",
        "server.address=shop.example",
        "server.port=8443",
    ] {
        assert!(
            written.iter().any(|found| found == expected),
            "{expected} in {written:?}"
        );
    }
}

#[test]
fn a_function_in_azure_has_an_id() {
    let function = TracedFunction {
        faas_name: "shop/hello",
        resource_id: Some("/subscriptions/1/…/functions/hello"),
        ..hello()
    };
    let written = written(function, "an-id", false, None);
    assert_eq!(written[0], "faas.name=shop/hello");
    assert_eq!(written[2], "cloud.resource_id=/subscriptions/1/…/functions/hello");
}

#[test]
fn secrets_stay_out_of_the_query() {
    let cases = [
        ("a=1&b=2", "a=1&b=2"),
        ("code=k&a=1", "code=REDACTED&a=1"),
        ("a=1&SIG=k%3D&code", "a=1&SIG=REDACTED&code"),
        ("barcode=1&code2=2", "barcode=1&code2=2"),
        ("%63ode=k&a=1", "%63ode=REDACTED&a=1"),
    ];
    for (query, expected) in cases {
        assert_eq!(without_secrets(query), expected);
    }
}

#[test]
fn triggers() {
    let cases = [
        ("httpTrigger", "http"),
        ("TimerTrigger", "timer"),
        ("serviceBusTrigger", "pubsub"),
        ("blobTrigger", "datasource"),
        ("activityTrigger", "other"),
    ];
    for (binding, expected) in cases {
        assert_eq!(faas_trigger(binding), expected);
    }
}

#[test]
fn hosts_and_ports() {
    let cases = [
        ("localhost:7071", ("localhost", Some(7071))),
        ("example.org", ("example.org", None)),
        ("[::1]:80", ("::1", Some(80))),
        ("[::1]", ("::1", None)),
        ("fe80::1", ("fe80::1", None)),
        ("host:http", ("host:http", None)),
    ];
    for (authority, expected) in cases {
        assert_eq!(split_port(authority), expected, "{authority}");
    }
}
