//! OpenTelemetry by the app's own SDK.

use serde_json::Value;

use super::{ask, listed, send, start};

#[test]
fn an_apps_own_opentelemetry_continues_the_callers_trace() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const CALLER: &str = "00f067aa0ba902b7";
    let host = start("own_otel");
    let functions = [
        "show_order: [GET] /api/orders/{number:int}",
        "list_orders: [GET] /api/orders",
        "broken: [GET] /api/broken",
    ];
    assert_eq!(listed(&host), functions);
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let headers = [("traceparent", &*parent), ("tracestate", "vendor=value")];
    let traced = ["/api/orders/7", "/api/orders"].map(|path| {
        let ids = send(&host, &format!("GET {path}"), &headers, "", 200).json();
        assert_eq!(ids["trace"], TRACE);
        format!("0x{}", ids["span"].as_str().expect("an id"))
    });
    ask(&host, "GET /api/broken", 500);

    // The SDK prints its last batch when the worker ends.
    let stopped = host.stop();
    stopped.assert_clean();
    let spans: Vec<Value> = stopped
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("span "))
        .map(|span| serde_json::from_str(span).expect("JSON"))
        .collect();
    assert_eq!(spans.len(), 7, "{spans:#?}");
    let span = |name: &str| {
        let found = spans.iter().find(|span| span["name"] == name);
        found.unwrap_or_else(|| panic!("no span {name:?}: {spans:#?}"))
    };
    for (name, id) in [("show_order", &traced[0]), ("list_orders", &traced[1])] {
        let span = span(name);
        assert_eq!(span["kind"], "SpanKind.SERVER");
        assert_eq!(&span["context"]["span_id"], id);
        assert_eq!(span["parent_id"], format!("0x{CALLER}"));
        assert_eq!(span["context"]["trace_state"], "['{key=vendor, value=value}']");
        let attributes = &span["resource"]["attributes"];
        assert_eq!(attributes["service.name"], "own-otel");
        assert_eq!(attributes["deployment.environment"], "test");
    }
    for (name, parent) in [
        ("read order", &span("show_order")["context"]),
        ("read lines", &span("read order")["context"]),
        ("count open", &span("list_orders")["context"]),
        ("count sent", &span("list_orders")["context"]),
    ] {
        assert_eq!(span(name)["parent_id"], parent["span_id"], "{name}");
        assert_eq!(span(name)["context"]["trace_id"], format!("0x{TRACE}"), "{name}");
    }
    let broken = span("broken");
    assert_eq!(broken["status"]["status_code"], "ERROR");
    assert_eq!(
        broken["events"][0]["attributes"]["exception.type"],
        "RuntimeError"
    );
    assert_ne!(broken["context"]["trace_id"], format!("0x{TRACE}"));
}
