//! Packages for tracing in an app: OpenTelemetry's instrumentations, without a line of code; its SDK, set up by the app;
//! OpenCensus' integrations.

use std::collections::HashMap;
use std::path::Path;

use funcdock_tests::ingestion::Ingestion;
use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Host, python};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::Value;

use crate::tracing::support::{attribute, hex, named};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// One package instruments a library that is not installed.
const CLIENTS: [&str; 7] = [
    "aiohttp",
    "httpx",
    "opentelemetry-instrumentation-aiohttp-client",
    "opentelemetry-instrumentation-httpx",
    "opentelemetry-instrumentation-jinja2",
    "opentelemetry-instrumentation-requests",
    "requests",
];

/// Starts an app that calls a second one. A variable enables tracing.
fn start(case: &str, python: &Path, receiver: &Receiver) -> (Host, Host) {
    let traced = |case: &str| {
        App::case(case)
            .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
            .env(ENDPOINT, receiver.endpoint())
    };
    let second = traced("second_app").start();
    let first = traced(case)
        .env("SECOND_APP", second.url_of("/api/answer"))
        .python(python)
        .start();
    (first, second)
}

/// Stops both hosts, which export their waiting spans first.
fn stop(hosts: (Host, Host)) {
    hosts.0.stop().assert_clean();
    hosts.1.stop().assert_clean();
}

#[track_caller]
fn answer(host: &Host, path: &str) -> Value {
    let answer = host.get(path);
    assert_eq!(answer.status, 200, "{path}\n{}", host.output());
    answer.json()
}

/// Asserts that the second app's span is a child of the request's span, whose parent is `parent`, and that the request
/// carried its id.
#[track_caller]
fn assert_asked(spans: &[&Span], parent: &Span, came: &Value, case: &str) {
    let child_of = |id: &[u8], kind| {
        let found: Vec<_> = spans
            .iter()
            .filter(|span| span.parent_span_id == id && span.kind() == kind)
            .collect();
        assert_eq!(found.len(), 1, "{case}: {kind:?} below {parent:#?}: {spans:#?}");
        *found[0]
    };
    let client = child_of(&parent.span_id, SpanKind::Client);
    let second = child_of(&client.span_id, SpanKind::Server);
    assert_eq!(second.name, "answer", "{case}");
    assert_eq!(
        (&client.trace_id, &second.trace_id),
        (&parent.trace_id, &parent.trace_id),
        "{case}"
    );
    let header = format!("00-{}-{}-03", hex(&client.trace_id), hex(&client.span_id));
    assert_eq!(came["came"]["traceparent"], header, "{case}");
    let status = ["http.response.status_code", "http.status_code"].map(|key| attribute(client, key));
    assert!(status.contains(&"200".to_owned()), "{case}: {client:#?}");
}

#[test]
fn clients_are_instrumented_without_a_line_of_code() {
    for (version, python) in python::oldest_and_newest_with("opentelemetry-clients", &CLIENTS) {
        let receiver = Receiver::start();
        let hosts = start("calls_another", &python, &receiver);
        let cases = [
            ("by_requests", "by_requests"),
            ("by_httpx", "by_httpx"),
            ("by_httpx_async", "parent"),
            ("by_aiohttp", "parent"),
        ];
        let came = cases.map(|(function, _)| answer(&hosts.0, &format!("/api/{function}")));
        assert!(
            !hosts.0.stderr().contains("instrument"),
            "{version}\n{}",
            hosts.0.output()
        );
        stop(hosts);
        let spans = receiver.spans();
        assert_eq!(spans.len(), 3 + 3 + 4 + 4, "{version}: {spans:#?}");
        for ((function, parent), came) in cases.into_iter().zip(&came) {
            let case = format!("{version}: {function}");
            let root = named(&spans, function);
            let of_call: Vec<&Span> = spans
                .iter()
                .filter(|span| span.trace_id == root.trace_id)
                .collect();
            let within = of_call
                .iter()
                .find(|span| span.name == parent)
                .expect("the parent was exported");
            if parent != function {
                assert_eq!(within.parent_span_id, root.span_id, "{case}");
            }
            assert_asked(&of_call, within, came, &case);
        }
    }
}

#[test]
fn frameworks_instrumented_by_the_app_have_spans_below_the_calls() {
    let packages = [
        "fastapi",
        "flask",
        "opentelemetry-instrumentation-fastapi",
        "opentelemetry-instrumentation-flask",
    ];
    for (version, python) in python::oldest_and_newest_with("opentelemetry-frameworks", &packages) {
        let receiver = Receiver::start();
        let host = App::case("instrumented_frameworks")
            .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
            .env(ENDPOINT, receiver.endpoint())
            .python(&python)
            .start();
        let [by_web, by_shop] = ["/api/web/orders/7", "/api/shop/orders/7"].map(|path| answer(&host, path));
        host.stop().assert_clean();
        let spans = receiver.spans();
        for (call, name, route, answer) in [
            (
                "by_fastapi",
                "GET /api/web/orders/{number}",
                "/api/web/orders/{number}",
                by_web,
            ),
            (
                "by_flask",
                "GET /api/shop/orders/<int:number>",
                "/api/shop/orders/<int:number>",
                by_shop,
            ),
        ] {
            let (call, own) = (named(&spans, call), named(&spans, name));
            assert_eq!(answer["number"], "7", "{version}: {name}");
            assert_eq!(answer["trace"], hex(&call.trace_id), "{version}: {name}");
            assert_eq!(own.trace_id, call.trace_id, "{version}: {name}");
            assert_eq!(own.parent_span_id, call.span_id, "{version}: {name}");
            assert_eq!(attribute(own, "http.route"), route, "{version}: {own:#?}");
        }
    }
}

#[test]
fn concurrent_requests_keep_their_own_parents() {
    const COUNT: usize = 20;
    let python = python::oldest_and_newest_with("opentelemetry-clients", &CLIENTS).pop();
    let receiver = Receiver::start();
    let hosts = start("calls_another", &python.expect("there is one").1, &receiver);
    let came = answer(&hosts.0, &format!("/api/at_once?count={COUNT}"));
    stop(hosts);
    let spans = receiver.spans();
    assert_eq!(spans.len(), 2 + 3 * 2 * COUNT);
    let all = named(&spans, "all");
    let every: Vec<&Span> = spans.iter().collect();
    let names =
        ["httpx", "aiohttp"].map(|library| (0..COUNT).map(move |number| format!("{library} {number}")));
    for (name, came) in names.into_iter().flatten().zip(came.as_array().expect("a list")) {
        let own = named(&spans, &name);
        assert_eq!(own.parent_span_id, all.span_id, "{name}");
        assert_asked(&every, own, came, &name);
    }
}

#[test]
fn an_apps_own_sdk_is_left_alone_and_continues_the_trace() {
    let packages = [
        "opentelemetry-instrumentation-requests",
        "opentelemetry-sdk",
        "requests",
    ];
    for (version, python) in python::oldest_and_newest_with("opentelemetry-sdk", &packages) {
        let receiver = Receiver::start();
        let hosts = start("own_sdk", &python, &receiver);
        let answer = answer(&hosts.0, "/api/ask");
        stop(hosts);
        assert_eq!(answer["is_theirs"], true, "{version}");
        let ours = receiver.spans();
        let names: Vec<&str> = ours.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(ours.len(), 4, "{version}: {names:?}");
        let theirs: HashMap<&str, &Value> = answer["spans"]
            .as_object()
            .expect("an object")
            .iter()
            .map(|(name, span)| (name.as_str(), span))
            .collect();
        assert_eq!(theirs.len(), 3, "{version}: {theirs:?}");
        let root = named(&ours, "ask");
        let id = |name: &str| hex(&named(&ours, name).span_id);
        for (name, parent) in [
            ("theirs", id("ask")),
            ("GET", theirs["theirs"]["id"].as_str().expect("an id").to_owned()),
            ("theirs within", id("ours around")),
        ] {
            assert_eq!(theirs[name]["parent"], parent, "{version}: {name}");
            assert_eq!(theirs[name]["trace"], hex(&root.trace_id), "{version}: {name}");
        }
        assert_eq!(
            theirs["theirs"]["id"],
            hex(&named(&ours, "ours").parent_span_id),
            "{version}"
        );
        assert_eq!(
            named(&ours, "ours around").parent_span_id,
            root.span_id,
            "{version}"
        );
        let second = named(&ours, "answer");
        assert_eq!(theirs["GET"]["id"], hex(&second.parent_span_id), "{version}");
        assert_eq!(second.trace_id, root.trace_id, "{version}");
    }
}

#[test]
fn clients_of_calls_that_are_not_sampled_say_so() {
    let python = python::oldest_and_newest_with("opentelemetry-clients", &CLIENTS).pop();
    let receiver = Receiver::start();
    let second = App::case("second_app")
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .env(ENDPOINT, receiver.endpoint())
        .start();
    let first = App::case("calls_another")
        .file(
            "host.json",
            r#"{ "version": "2.0", "telemetryMode": "OpenTelemetry" }"#,
        )
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .env(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            format!("{}/v1/traces", receiver.endpoint()),
        )
        .env("OTEL_TRACES_SAMPLER", "always_off")
        .env("SECOND_APP", second.url_of("/api/answer"))
        .python(python.expect("there is one").1)
        .start();
    for function in ["by_requests", "by_httpx", "by_httpx_async", "by_aiohttp"] {
        let came = answer(&first, &format!("/api/{function}"));
        let header = came["came"]["traceparent"].as_str().unwrap_or_default();
        // The only flag is the one for a random trace id.
        assert!(
            header.len() == 55 && header.ends_with("-02"),
            "{function}: {came}"
        );
    }
    stop((first, second));
    assert_eq!(receiver.spans(), []);
}

#[test]
fn opencensus_integrations_find_the_tracer() {
    let packages = [
        "opencensus-ext-httplib",
        "opencensus-ext-logging",
        "opencensus-ext-threading",
    ];
    for (version, python) in python::oldest_and_newest_with("opencensus-integrations", &packages) {
        let receiver = Receiver::start();
        let hosts = start("opencensus_integrations", &python, &receiver);
        assert_eq!(
            hosts.0.get("/api/threads").text(),
            "done",
            "{version}\n{}",
            hosts.0.output()
        );
        let came = answer(&hosts.0, "/api/asks");
        let ids = answer(&hosts.0, "/api/logs");
        stop(hosts);
        let spans = receiver.spans();
        let of_call = |function: &str| {
            let trace = &named(&spans, function).trace_id;
            spans
                .iter()
                .filter(|span| span.trace_id == *trace)
                .cloned()
                .collect::<Vec<_>>()
        };
        let threads = of_call("threads");
        let parent = named(&threads, "parent");
        for name in ["in a thread", "in a pool"] {
            assert_eq!(
                named(&threads, name).parent_span_id,
                parent.span_id,
                "{version}: {name}"
            );
        }
        assert_eq!(threads.len(), 4, "{version}: {threads:#?}");
        let asks = of_call("asks");
        assert_eq!(asks.len(), 4, "{version}: {asks:#?}");
        let every: Vec<&Span> = asks.iter().collect();
        assert_asked(&every, named(&asks, "parent"), &came, version);
        let logs = of_call("logs");
        let parent = named(&logs, "parent");
        let (trace, span) = (hex(&parent.trace_id), hex(&parent.span_id));
        assert_eq!(
            ids,
            serde_json::json!([trace, span, true, trace, span]),
            "{version}"
        );
    }
}

/// OpenCensus' own extension together with this one: `context.tracer` is OpenCensus', and its spans are children of
/// the call's span.
#[test]
fn opencensus_own_extension_continues_the_trace() {
    let packages = ["opencensus-extension-azure-functions", "opencensus-ext-requests"];
    for (version, python) in python::oldest_and_newest_with("opencensus", &packages) {
        let (receiver, insights) = (Receiver::start(), Ingestion::start());
        let host_json = format!(
            r#"{{ "version": "2.0", "workerExtensions": {{ "opencensus": {{ "settings": {{
                "exporter": "otlp", "endpoint": "{}" }} }} }} }}"#,
            receiver.endpoint()
        );
        let app = App::case("opencensus").file("host.json", &host_json);
        let folder = app.path().to_owned();
        let host = app
            .python(python)
            .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
            .env(
                "APPLICATIONINSIGHTS_CONNECTION_STRING",
                insights.connection_string(),
            )
            .env("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
            // The test serves the site that the function requests, too.
            .env("http_proxy", insights.endpoint())
            .env("no_proxy", "127.0.0.1")
            // The exporter keeps there what it could not send.
            .env("TMPDIR", folder)
            .start();
        answer(&host, "/api/traced");
        assert_eq!(host.get("/api/traced_async").text(), "done", "{version}");
        host.stop().assert_clean();
        let ours = receiver.spans();
        assert_eq!(ours.len(), 2, "{version}: {ours:#?}");
        let theirs = insights.envelopes();
        assert_eq!(theirs.len(), 3, "{version}: {theirs:#?}");
        let named_theirs = |name: &str| {
            let found = theirs
                .iter()
                .find(|envelope| envelope["data"]["baseData"]["name"] == name);
            let found = found.unwrap_or_else(|| panic!("{version}: no {name:?} in {theirs:#?}"));
            let tags = &found["tags"];
            let [trace, parent] = ["ai.operation.id", "ai.operation.parentId"].map(|key| tags[key].clone());
            (trace, parent, found["data"]["baseData"]["id"].clone())
        };
        let (trace, parent, id) = named_theirs("parent");
        let call = named(&ours, "traced");
        assert_eq!(
            (trace, parent),
            (hex(&call.trace_id).into(), hex(&call.span_id).into()),
            "{version}"
        );
        assert_eq!(named_theirs("GET ").1, id, "{version}");
        let call = named(&ours, "traced_async");
        assert_eq!(named_theirs("waits").1, hex(&call.span_id), "{version}");
    }
}
