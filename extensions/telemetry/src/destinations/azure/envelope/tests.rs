//! Envelopes, as Application Insights' schema has them.

use opentelemetry::KeyValue as Pair;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use serde_json::{Value as Json, json};

use super::*;
use crate::destinations::azure::items::Items;
use crate::testing::{child, event, failed, int, span, text};

const KEY: &str = "00000000-0000-0000-0000-000000000001";

fn identity() -> Identity {
    let resource = Resource::builder_empty()
        .with_service_name("greeter")
        .with_attribute(Pair::new("service.namespace", "shop"))
        .with_attribute(Pair::new("service.instance.id", "i-1"))
        .build();
    Identity::new(KEY, &resource)
}

fn items(span: &Span) -> Vec<Json> {
    let identity = identity();
    let items = Items::of(std::slice::from_ref(span), &identity).expect("JSON");
    let all: Vec<usize> = (0..items.len()).collect();
    let json: Json = serde_json::from_slice(&items.body(&all)).expect("JSON");
    json.as_array().cloned().expect("an array")
}

fn data(span: &Span) -> Json {
    items(span)[0]["data"]["baseData"].clone()
}

/// A call of a function, as our spans describe it.
fn call() -> Span {
    let mut span = child(
        SpanKind::Server,
        &[
            ("faas.name", text("hello")),
            ("http.request.method", text("GET")),
            ("url.scheme", text("http")),
            ("url.path", text("/api/hello")),
            ("url.query", text("name=Ada")),
            ("http.route", text("/api/hello")),
            ("client.address", text("10.1.2.3")),
            ("server.address", text("localhost")),
            ("server.port", int(7071)),
            ("http.response.status_code", int(200)),
        ],
    );
    span.name = "hello".to_owned();
    span
}

#[test]
fn a_call_is_a_request() {
    let version = concat!("funcdock:", env!("CARGO_PKG_VERSION"));
    let expected = json!({
        "ver": 1,
        "name": "Microsoft.ApplicationInsights.Request",
        "time": "2023-11-14T22:13:20.123000Z",
        "sampleRate": 100.0,
        "iKey": KEY,
        "tags": {
            "ai.cloud.role": "shop.greeter",
            "ai.cloud.roleInstance": "i-1",
            "ai.internal.sdkVersion": version,
            "ai.location.ip": "10.1.2.3",
            "ai.operation.id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "ai.operation.name": "hello",
            "ai.operation.parentId": "0000000000000001",
        },
        "data": {
            "baseType": "RequestData",
            "baseData": {
                "ver": 2,
                "id": "0000000000000002",
                "name": "hello",
                "duration": "0.00:00:00.001500",
                "success": true,
                "responseCode": "200",
                "url": "http://localhost:7071/api/hello?name=Ada",
                "properties": {
                    "faas.name": "hello",
                    "http.request.method": "GET",
                    "http.route": "/api/hello",
                },
            },
        },
    });
    assert_eq!(items(&call()), [expected]);
}

#[test]
fn requests_of_other_frameworks_are_named_by_their_route() {
    let name = |attributes: &[(&str, Value)]| data(&child(SpanKind::Server, attributes))["name"].clone();
    let method = ("http.method", text("POST"));
    assert_eq!(
        name(&[method.clone(), ("http.route", text("/a/{b}"))]),
        "POST /a/{b}"
    );
    assert_eq!(name(&[method.clone(), ("url.path", text("/a/1"))]), "POST /a/1");
    assert_eq!(name(&[method]), "child");
    assert_eq!(name(&[]), "child");
}

#[test]
fn success_and_codes() {
    let request = |code: Option<i64>, fails: bool| {
        let mut span = span("hello");
        if let Some(code) = code {
            span.attributes = crate::testing::pairs(&[("http.response.status_code", int(code))]);
        }
        if fails {
            span.status = failed("");
        }
        let data = data(&span);
        (data["responseCode"].clone(), data["success"].clone())
    };
    assert_eq!(request(None, false), (json!("0"), json!(true)));
    assert_eq!(request(None, true), (json!("0"), json!(false)));
    assert_eq!(request(Some(399), false), (json!("399"), json!(true)));
    assert_eq!(request(Some(400), false), (json!("400"), json!(false)));
    assert_eq!(
        request(Some(200), true),
        (json!("200"), json!(false)),
        "the status counts, too"
    );

    let mut dependency = child(
        SpanKind::Client,
        &[("http.method", text("GET")), ("http.status_code", int(404))],
    );
    assert_eq!(data(&dependency)["success"], true, "the client has the say");
    assert_eq!(data(&dependency)["resultCode"], "404");
    dependency.status = failed("KeyError: k");
    assert_eq!(data(&dependency)["success"], false);
    assert_eq!(
        data(&dependency)["properties"]["otel.status_description"],
        "KeyError: k"
    );
}

#[test]
fn messages_name_their_source() {
    let consumer = child(
        SpanKind::Consumer,
        &[
            ("messaging.system", text("servicebus")),
            ("server.address", text("bus.example")),
            ("messaging.destination.name", text("orders")),
        ],
    );
    let data = data(&consumer);
    assert_eq!(data["source"], "bus.example/orders");
    assert_eq!(data["name"], "child");
    assert_eq!(data.get("url"), None);
}

#[test]
fn what_happens_inside_is_a_dependency() {
    let mut inside = child(
        SpanKind::Internal,
        &[("items", int(3)), ("_MS.sampleRate", int(25))],
    );
    inside.dropped_events_count = 2;
    let [item] = &items(&inside)[..] else {
        panic!("one item");
    };
    assert_eq!(item["name"], "Microsoft.ApplicationInsights.RemoteDependency");
    assert_eq!(item["sampleRate"], 25.0);
    assert_eq!(item["data"]["baseType"], "RemoteDependencyData");
    assert_eq!(item["tags"].get("ai.operation.name"), None);
    let expected = json!({
        "ver": 2,
        "id": "0000000000000002",
        "name": "child",
        "duration": "0.00:00:00.001500",
        "success": true,
        "resultCode": "0",
        "type": "InProc",
        "properties": {"items": "3", "otel.dropped_events_count": "2"},
    });
    assert_eq!(item["data"]["baseData"], expected);
}

#[test]
fn what_a_function_raised_names_its_call() {
    let mut call = call();
    call.attributes
        .extend(crate::testing::pairs(&[("faas.invocation_id", text("i-d"))]));
    call.events = vec![event("exception", &[("exception.type", text("KeyError"))])];
    let items = items(&call);
    let properties = |item: usize| items[item]["data"]["baseData"]["properties"].clone();
    assert_eq!(properties(0)["InvocationId"], "i-d");
    let expected = json!({"InvocationId": "i-d", "Category": "Function.hello", "LogLevel": "Error"});
    assert_eq!(properties(1), expected);
}

#[test]
fn events_are_exceptions_and_messages() {
    let mut call = call();
    call.events = vec![
        event(
            "exception",
            &[
                ("exception.type", text("ValueError")),
                ("exception.message", text("no luck")),
                ("exception.stacktrace", text("Traceback ...")),
                ("mine", text("x")),
            ],
        ),
        event("exception", &[("exception.type", text("KeyError"))]),
        event("cache miss", &[("key", text("k"))]),
        event("", &[]),
    ];
    let items = items(&call);
    assert_eq!(items.len(), 5);
    for item in &items[1..] {
        let tags = &item["tags"];
        assert_eq!(
            tags["ai.operation.parentId"], "0000000000000002",
            "the span is the parent"
        );
        assert_eq!(tags["ai.operation.id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(tags["ai.operation.name"], "hello");
        assert_eq!(item["time"], "2023-11-14T22:13:20.124000Z");
    }
    assert_eq!(items[1]["name"], "Microsoft.ApplicationInsights.Exception");
    let expected = json!({
        "baseType": "ExceptionData",
        "baseData": {
            "ver": 2,
            "severityLevel": 3,
            "exceptions": [{
                "typeName": "ValueError",
                "message": "no luck",
                "hasFullStack": true,
                "stack": "Traceback ...",
            }],
            "properties": {"mine": "x"},
        },
    });
    assert_eq!(items[1]["data"], expected);
    let bare = &items[2]["data"]["baseData"]["exceptions"][0];
    assert_eq!(
        *bare,
        json!({"typeName": "KeyError", "message": "KeyError", "hasFullStack": false})
    );
    assert_eq!(items[3]["name"], "Microsoft.ApplicationInsights.Message");
    let expected = json!({
        "baseType": "MessageData",
        "baseData": {"ver": 2, "message": "cache miss", "properties": {"key": "k"}},
    });
    assert_eq!(items[3]["data"], expected);
    assert_eq!(
        items[4]["data"]["baseData"]["message"], "event",
        "an empty one is refused"
    );
}

#[test]
fn texts_have_their_limits() {
    let long = "é".repeat(40_000);
    let mut span = child(
        SpanKind::Client,
        &[
            ("db.system", text(&long)),
            ("db.statement", text(&long)),
            (&long, text("long key")),
            ("long value", text(&long)),
        ],
    );
    span.name = long.clone();
    span.events = vec![event(
        "exception",
        &[
            ("exception.type", text(&long)),
            ("exception.message", text(&long)),
            ("exception.stacktrace", text(&long)),
        ],
    )];
    let items = items(&span);
    let length = |json: &Json| json.as_str().unwrap_or_default().chars().count();
    let data = &items[0]["data"]["baseData"];
    let exception = &items[1]["data"]["baseData"]["exceptions"][0];
    for (field, limit) in [
        (&data["name"], 1024),
        (&data["type"], 1024),
        (&data["target"], 1024),
        (&data["data"], 8192),
        (&data["properties"]["long value"], 8192),
        (&exception["typeName"], 1024),
        (&exception["message"], 32768),
        (&exception["stack"], 32768),
    ] {
        assert_eq!(length(field), limit);
    }
    assert_eq!(data["properties"]["é".repeat(150)], "long key");
}

#[test]
fn links_are_a_property() {
    let link = |id: u8| Link {
        trace_id: vec![id; 16],
        span_id: vec![id; 8],
        ..Link::default()
    };
    let mut span = call();
    assert_eq!(data(&span)["properties"].get(LINKS), None);
    span.links = vec![link(0xab), link(1)];
    let properties = data(&span)["properties"].clone();
    let links: Json = serde_json::from_str(properties[LINKS].as_str().expect("a text")).expect("JSON");
    let expected = json!([
        { "operation_Id": "ab".repeat(16), "id": "ab".repeat(8) },
        { "operation_Id": "01".repeat(16), "id": "01".repeat(8) },
    ]);
    assert_eq!(links, expected);
    assert_eq!(properties.get("otel.dropped_links_count"), None);

    span.links = vec![link(1); MAX_LINKS + 2];
    span.dropped_links_count = 3;
    let properties = data(&span)["properties"].clone();
    assert!(
        properties[LINKS]
            .as_str()
            .is_some_and(|links| links.len() <= MAX_DATA)
    );
    assert_eq!(properties["otel.dropped_links_count"], "5");
}

#[test]
fn durations_and_rates() {
    assert_eq!(duration(0), "0.00:00:00.000000");
    assert_eq!(duration(1_999), "0.00:00:00.000001");
    let (second, day) = (1_000_000_000, 86_400_000_000_000);
    assert_eq!(duration(12 * day + 3_723 * second + 4_000), "12.01:02:03.000004");
    let backwards = Span {
        end_time_unix_nano: 0,
        ..span("x")
    };
    assert_eq!(data(&backwards)["duration"], "0.00:00:00.000000");
    for rate in [text("none"), int(0), int(101)] {
        let span = child(SpanKind::Internal, &[("_MS.sampleRate", rate)]);
        assert_eq!(items(&span)[0]["sampleRate"], 100.0);
    }
}

#[test]
fn a_root_has_no_parent_and_an_instance_a_name() {
    assert_eq!(items(&span("x"))[0]["tags"].get("ai.operation.parentId"), None);
    let identity = Identity::new(KEY, &Resource::builder_empty().with_service_name("app").build());
    assert_eq!(identity.role, "app");
    assert!(!identity.instance.is_empty(), "the machine's name");
}
