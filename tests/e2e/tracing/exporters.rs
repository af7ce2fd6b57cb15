//! The tracing extension's exporters end to end: the same call exported to Zipkin, Application Insights and files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use funcdock_tests::ingestion::Ingestion;
use funcdock_tests::otlp::Receiver;
use funcdock_tests::zipkin::Zipkin;
use funcdock_tests::{App, Host, binary, json_lines, repository, wait_for};
use serde_json::{Value, json};
use ureq::http::Request;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Returns an app with a function that opens a span, adds an attribute and an annotation, and raises.
fn app(settings: &Value) -> App {
    let mut settings = settings.clone();
    settings["delay_ms"] = json!(50);
    settings["service_name"] = json!("shop");
    let host = json!({
        "version": "2.0",
        "workerExtensions": { "opencensus": { "settings": settings } },
    });
    let binding = r#"{ "bindings": [ { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
        { "type": "http", "direction": "out", "name": "$return" } ] }"#;
    App::copy_of(&repository().join("examples/traced-hello"))
        .file("host.json", &host.to_string())
        .file("order/function.json", binding)
        .file(
            "order/__init__.py",
            "def main(req, context):\n    \
             with context.tracer.span('look up') as span:\n        \
             span.add_attribute('items', 3)\n        \
             span.add_annotation('cache miss', key='k')\n    \
             raise ValueError('no luck')\n",
        )
}

/// Calls the function as a part of the caller's trace, over a new connection, so that any worker may serve it.
fn order(host: &Host) {
    let request = Request::get(host.url_of("/api/order?code=s3cret"))
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .header("connection", "close")
        .body(Vec::new())
        .expect("a valid request");
    assert_eq!(host.send(request).status, 500);
}

/// Waits until `count` items have arrived.
fn wait_for_all(count: usize, all: impl Fn() -> Vec<Value>) -> Vec<Value> {
    let found = wait_for(|| Some(all()).filter(|all| all.len() >= count));
    found.unwrap_or_else(|| panic!("expected {count} items: {:#?}", all()))
}

fn find<'a>(all: &'a [Value], what: &str, is: impl Fn(&Value) -> bool) -> &'a Value {
    let found = all.iter().find(|one| is(one));
    found.unwrap_or_else(|| panic!("no {what} in {all:#?}"))
}

#[test]
fn zipkin_gets_spans_in_its_format() {
    let zipkin = Zipkin::start();
    let host = app(&json!({ "zipkin_endpoint": zipkin.endpoint() })).start();
    order(&host);
    let spans = wait_for_all(2, || zipkin.spans());
    let call = find(&spans, "call", |span| span["name"] == "order");
    let look_up = find(&spans, "inner span", |span| span["name"] == "look up");
    assert_eq!(call["traceId"], TRACE);
    assert_eq!(call["parentId"], CALLER);
    assert_eq!(call["kind"], "SERVER");
    assert_eq!(call["localEndpoint"]["serviceName"], "shop");
    let tags = &call["tags"];
    assert_eq!(tags["otel.status_code"], "ERROR");
    assert_eq!(tags["error"], "ValueError: no luck");
    assert_eq!(tags["http.response.status_code"], "500");
    assert_eq!(tags["url.query"], "code=REDACTED");
    let exception = call["annotations"][0]["value"].as_str().unwrap_or_default();
    assert!(exception.starts_with("\"exception\": {"), "{exception}");
    assert!(exception.contains("Traceback"), "{exception}");

    assert_eq!(look_up["traceId"], TRACE);
    assert_eq!(look_up["parentId"], call["id"]);
    assert_eq!(look_up.get("kind"), None);
    assert_eq!(look_up["tags"]["items"], "3");
    assert_eq!(
        look_up["annotations"][0]["value"],
        "\"cache miss\": {\"key\":\"k\"}"
    );
    let time = |span: &Value, key: &str| span[key].as_u64().expect("a whole number");
    assert!(time(look_up, "timestamp") >= time(call, "timestamp"));
    assert!(time(look_up, "duration") <= time(call, "duration"));
    host.stop().assert_clean();
}

#[test]
fn application_insights_gets_requests_and_dependencies() {
    let insights = Ingestion::start();
    let host = app(&json!({}))
        .env(
            "APPLICATIONINSIGHTS_CONNECTION_STRING",
            insights.connection_string(),
        )
        .start();
    order(&host);
    // A request with its exception, and a dependency with its message.
    let items = wait_for_all(4, || insights.envelopes());
    let of_type = |name: &str| find(&items, name, |item| item["data"]["baseType"] == name);
    let data = |item: &'static str| of_type(item)["data"]["baseData"].clone();
    for item in &items {
        assert_eq!(item["tags"]["ai.operation.id"], TRACE, "{item:#}");
        assert_eq!(item["tags"]["ai.cloud.role"], "shop");
        assert_eq!(item["iKey"], "00000000-0000-0000-0000-000000000000");
    }
    let parent = |item: &str| of_type(item)["tags"]["ai.operation.parentId"].clone();

    let request = data("RequestData");
    assert_eq!(parent("RequestData"), CALLER);
    assert_eq!(of_type("RequestData")["tags"]["ai.operation.name"], "order");
    assert_eq!(of_type("RequestData")["tags"]["ai.location.ip"], "127.0.0.1");
    assert_eq!(request["name"], "order");
    assert_eq!(request["responseCode"], "500");
    assert_eq!(request["success"], false);
    let url = request["url"].as_str().unwrap_or_default();
    assert_eq!(url, host.url_of("/api/order?code=REDACTED"));
    assert_eq!(request["properties"]["faas.trigger"], "http");

    let dependency = data("RemoteDependencyData");
    assert_eq!(parent("RemoteDependencyData"), request["id"]);
    assert_eq!(dependency["name"], "look up");
    assert_eq!(dependency["type"], "InProc");
    assert_eq!(dependency["success"], true);
    assert_eq!(dependency["properties"], json!({ "items": "3" }));

    let exception = &data("ExceptionData")["exceptions"][0];
    assert_eq!(parent("ExceptionData"), request["id"]);
    assert_eq!(exception["typeName"], "ValueError");
    assert_eq!(exception["message"], "no luck");
    assert!(
        exception["stack"]
            .as_str()
            .unwrap_or_default()
            .contains("Traceback"),
        "{exception}"
    );
    let message = data("MessageData");
    assert_eq!(parent("MessageData"), dependency["id"]);
    assert_eq!(message["message"], "cache miss");
    assert_eq!(message["properties"], json!({ "key": "k" }));
    host.stop().assert_clean();
}

/// Returns the spans of the complete lines of a file in OTLP's JSON.
fn spans_in(path: &Path) -> Vec<Value> {
    let batches = json_lines(path).into_iter();
    let spans = batches.map(|batch| batch["resourceSpans"][0]["scopeSpans"][0]["spans"].clone());
    spans
        .flat_map(|spans| spans.as_array().cloned().unwrap_or_default())
        .collect()
}

#[test]
fn workers_write_files_of_their_own() {
    let host = app(&json!({ "file": "traces/spans.jsonl" }))
        .env("FUNCTIONS_WORKER_PROCESS_COUNT", "2")
        .start();
    let folder = host.app().path().join("traces");
    let files = ["spans.jsonl", "spans.worker-1.jsonl"].map(|name| folder.join(name));
    let mut calls = 0;
    let both = wait_for(|| {
        order(&host);
        calls += 1;
        files.iter().all(|file| !spans_in(file).is_empty()).then_some(())
    });
    assert!(
        both.is_some(),
        "{calls} calls never reached both workers\n{}",
        host.output()
    );
    let stopped = host.stop();
    stopped.assert_clean();
    let spans: Vec<Value> = files.iter().flat_map(|file| spans_in(file)).collect();
    assert_eq!(spans.len(), 2 * calls, "all spans have arrived");
    let call = find(&spans, "call", |span| span["name"] == "order");
    let look_up = find(&spans, "inner span", |span| {
        span["parentSpanId"] == call["spanId"]
    });
    assert_eq!(look_up["name"], "look up");
    assert_eq!(call["traceId"], TRACE);
    assert_eq!(call["parentSpanId"], CALLER);
    assert_eq!(call["kind"], 2);
    assert_eq!(
        call["status"],
        json!({ "code": 2, "message": "ValueError: no luck" })
    );
}

#[test]
fn a_full_file_loses_spans_but_no_calls() {
    let app = app(&json!({ "exporter": ["file"], "file": "spans.jsonl" }));
    let limited = app.path().join("limited");
    // A limit on the file's size has the effect of a full disk. Shells count in blocks of 512 or 1024 bytes. The copy of a
    // library in memory meets the limit, too: it is loaded from its file.
    let script = format!("#!/bin/sh\nulimit -f 32\nexec {:?} \"$@\"\n", binary());
    fs::write(&limited, script).expect("a file in the copy");
    fs::set_permissions(&limited, fs::Permissions::from_mode(0o755)).expect("the test owns the file");
    let host = app.program(limited).start();
    let file = host.app().path().join("spans.jsonl");
    let refused = wait_for(|| {
        order(&host);
        host.stderr().contains("cannot write to").then_some(())
    });
    assert!(
        refused.is_some(),
        "the file never reaches its limit\n{}",
        host.output()
    );
    host.wait_for_log("File too large");
    order(&host);
    let kept = fs::read(&file).expect("the file");
    assert!(kept.ends_with(b"\n"), "the incomplete line is removed");
    assert!(!spans_in(&file).is_empty());
    // The log names the losses of the last batches again at the end.
    host.stop();
}

#[test]
fn one_call_is_exported_to_all_configured_exporters() {
    let (zipkin, insights, collector) = (Zipkin::start(), Ingestion::start(), Receiver::start());
    let settings = json!({
        "exporter": ["otlp", "zipkin", "azure", "file"],
        "endpoint": collector.endpoint(),
        "compression": "gzip",
        "zipkin_endpoint": zipkin.endpoint(),
        "connection_string": insights.connection_string(),
        "file": "spans.jsonl",
    });
    let host = app(&settings).start();
    order(&host);
    let file = host.app().path().join("spans.jsonl");
    let call = |all: Vec<Value>, key: &str| {
        let found = all.iter().find(|one| one["name"] == "order");
        found.map(|span| span[key].clone())
    };
    let everywhere = wait_for(|| {
        let by_zipkin = call(zipkin.spans(), "id")?;
        let in_file = call(spans_in(&file), "spanId")?;
        let data = |item: Value| item["data"]["baseData"].clone();
        let by_insights = call(insights.envelopes().into_iter().map(data).collect(), "id")?;
        let by_collector = collector.spans().into_iter().find(|span| span.name == "order")?;
        let hex: String = by_collector
            .span_id
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Some([by_zipkin, in_file, by_insights, json!(hex)])
    });
    let ids = everywhere.unwrap_or_else(|| panic!("an exporter does not have the call\n{}", host.output()));
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    host.stop().assert_clean();
}
