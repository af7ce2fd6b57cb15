//! Python's `logging` with the tracing extension: records exported by OTLP, and the span that each record names.

use std::collections::HashMap;

use funcdock_tests::otlp::{Protocol, Receiver};
use funcdock_tests::{App, Host, python};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::tracing::support::{hex, named};

/// Returns an app that logs inside and outside of spans.
fn app(settings: &Value) -> App {
    let host = json!({
        "version": "2.0",
        "workerExtensions": { "opencensus": { "settings": settings } },
    });
    App::case("traced_logs")
        .file("host.json", &host.to_string())
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
}

fn answer(host: &Host, function: &str) -> String {
    let answer = host.get(&format!("/api/{function}"));
    assert_eq!(answer.status, 200, "{function}\n{}", host.output());
    answer.text()
}

/// Returns the received records by message, each with its logger.
fn records(receiver: &Receiver) -> HashMap<String, (String, LogRecord)> {
    let scopes = receiver
        .logs()
        .into_iter()
        .flat_map(|request| request.resource_logs)
        .flat_map(|resource| resource.scope_logs);
    let mut records = HashMap::new();
    for scope in scopes {
        let logger = scope.scope.expect("a scope").name;
        for record in scope.log_records {
            let message = text(record.body.as_ref());
            let former = records.insert(message.clone(), (logger.clone(), record));
            assert!(former.is_none(), "{message:?} was exported twice");
        }
    }
    records
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::IntValue(number)) => number.to_string(),
        Some(Any::DoubleValue(number)) => number.to_string(),
        Some(Any::BoolValue(value)) => value.to_string(),
        Some(Any::ArrayValue(values)) => {
            let values: Vec<_> = values.values.iter().map(|value| text(Some(value))).collect();
            values.join(", ")
        }
        other => format!("{other:?}"),
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|pair| pair.key == key);
    text(found.and_then(|pair| pair.value.as_ref()))
}

/// Returns the name of the record's span, and asserts that both have the same trace.
fn span_of<'a>(spans: &'a [Span], record: &LogRecord) -> &'a str {
    let span = spans
        .iter()
        .find(|span| span.span_id == record.span_id)
        .unwrap_or_else(|| panic!("the record's span was not exported: {record:#?}"));
    assert_eq!(span.trace_id, record.trace_id);
    &span.name
}

#[test]
fn records_go_to_the_collector_with_their_spans() {
    for (protocol, name) in [(Protocol::Http, "http/protobuf"), (Protocol::Grpc, "grpc")] {
        for (version, python) in python::oldest_and_newest() {
            let case = format!("{name}, {version}");
            let receiver = Receiver::speaking(protocol);
            let settings = json!({ "endpoint": receiver.endpoint(), "protocol": name, "logs": true });
            let host = app(&settings).python(python).start();
            let invocation = answer(&host, "notes");
            let in_async = answer(&host, "notes_async");
            host.stop().assert_clean();

            let (spans, records) = (receiver.spans(), records(&receiver));
            // Records at import are made before the extension has started.
            let expected = [
                ("in the call", "root", SeverityNumber::Info, "notes"),
                ("in a span", "shop.orders", SeverityNumber::Warn, "outer"),
                ("in a span within", "root", SeverityNumber::Error, "inner"),
                ("behind it", "root", SeverityNumber::Info, "outer"),
                ("it failed", "shop", SeverityNumber::Error, "fails"),
                ("at the end", "root", SeverityNumber::Fatal, "notes"),
                ("in a coroutine", "root", SeverityNumber::Info, "notes_async"),
                ("in the task left", "root", SeverityNumber::Info, "left"),
                ("in the task right", "root", SeverityNumber::Info, "right"),
                ("in a thread of left", "root", SeverityNumber::Info, "left"),
                ("in a thread of right", "root", SeverityNumber::Info, "right"),
            ];
            assert_eq!(records.len(), expected.len() + 1, "{case}: {:?}", records.keys());
            for (message, logger, severity, span) in expected {
                let (scope, record) = &records[message];
                assert_eq!(
                    (scope.as_str(), record.severity_number()),
                    (logger, severity),
                    "{case}: {message}"
                );
                assert_eq!(span_of(&spans, record), span, "{case}: {message}");
                assert!(record.time_unix_nano > 0 && record.observed_time_unix_nano >= record.time_unix_nano);
            }
            let of = |message: &str, key: &str| attribute(&records[message].1.attributes, key);
            assert_eq!(of("in the call", "faas.invocation_id"), invocation, "{case}");
            assert_eq!(
                of("in a thread of left", "faas.invocation_id"),
                in_async,
                "{case}"
            );
            assert_eq!(of("in the call", "code.function.name"), "main", "{case}");
            assert!(
                of("in the call", "code.file.path").ends_with("notes/__init__.py"),
                "{case}"
            );
            for (key, value) in [
                ("order", "7"),
                ("paid", "true"),
                ("price", "1.5"),
                ("on", "2026-01-02"),
                ("large", "1180591620717411303424"),
                ("names", "a, b"),
            ] {
                assert_eq!(of("in a span", key), value, "{case}: {key}");
            }
            let (_, own) = &records["with ids of its own"];
            assert!(
                own.trace_id.is_empty() && own.span_id.is_empty(),
                "{case}: {own:#?}"
            );
            assert_eq!(attribute(&own.attributes, "trace_id"), "mine", "{case}");
            assert_eq!(attribute(&own.attributes, "file"), "caf?.csv", "{case}");
            assert_eq!(records["in a span"].1.severity_text, "WARNING", "{case}");
            assert_eq!(of("it failed", "exception.type"), "ValueError", "{case}");
            assert_eq!(of("it failed", "exception.message"), "no luck", "{case}");
            let trace = of("it failed", "exception.stacktrace");
            assert!(
                trace.starts_with("Traceback") && trace.contains("notes/__init__.py"),
                "{case}: {trace}"
            );
        }
    }
}

#[test]
fn the_hosts_log_and_the_apps_formatters_name_the_current_span() {
    let receiver = Receiver::start();
    let settings = json!({ "endpoint": receiver.endpoint() });
    let host = app(&settings).arg("--log-format").arg("json").start();
    let invocation = answer(&host, "notes");
    answer(&host, "formatted");
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(receiver.logs().is_empty(), "logs are not exported by default");

    let spans = receiver.spans();
    let of_host = |message: &str| {
        let mut lines = stopped
            .stderr
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = lines.find(|record| record["message"] == message);
        found.unwrap_or_else(|| panic!("{message:?} is not in {}", stopped.stderr))
    };
    let call = named(&spans, "notes");
    for (message, span) in [
        ("in the call", "notes"),
        ("in a span within", "inner"),
        ("behind it", "outer"),
        ("it failed", "fails"),
        ("at the end", "notes"),
    ] {
        let record = of_host(message);
        assert_eq!(record["trace_id"], hex(&call.trace_id), "{message}");
        assert_eq!(record["span_id"], hex(&named(&spans, span).span_id), "{message}");
        assert_eq!(record["invocation_id"], invocation, "{message}");
    }
    let formatted = named(&spans, "within");
    let expected = format!(
        "own|{}|{}|formatted",
        hex(&formatted.trace_id),
        hex(&formatted.span_id)
    );
    let written = std::fs::read_to_string(stopped.app.path().join("own.log")).expect("the app's log");
    assert_eq!(written.trim(), expected);
}

#[test]
fn a_span_that_a_call_left_open_is_not_named_in_the_next() {
    for sampler in ["always_on", "always_off"] {
        let receiver = Receiver::start();
        let settings = json!({ "endpoint": receiver.endpoint(), "logs": true, "sampler": sampler });
        let host = app(&settings).env("PYTHON_THREADPOOL_THREAD_COUNT", "1").start();
        for number in 0..20 {
            // The next call may begin before this one's post hooks have run.
            let calls =
                funcdock_tests::at_once(4, |call| answer(&host, &format!("stray?number={number}.{call}")));
            assert_eq!(calls.len(), 4);
        }
        host.stop().assert_clean();
        let records = records(&receiver);
        assert_eq!(records.len(), 80, "{sampler}");
        for (message, (_, record)) in &records {
            // The function logs the ids of its own span before it leaves another span open.
            let own = message.rsplit(' ').next().unwrap_or_default();
            let ids = format!("{}-{}", hex(&record.trace_id), hex(&record.span_id));
            assert_eq!(ids, own, "{sampler}: {message}");
        }
    }
}
