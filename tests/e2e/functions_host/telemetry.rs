//! Traces under the Functions host: by the tracing extension, and by OpenTelemetry in the app.

use std::collections::HashMap;
use std::path::Path;

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{FunctionEnvironmentReloadRequest, InvocationRequest, RpcTraceContext};
use funcdock_tests::functions_host::{FunctionsHost, assert_success, call, failure, get};
use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, python};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::json;

use super::extensions::{self, terminate};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

const OPENTELEMETRY: &str = "PYTHON_ENABLE_OPENTELEMETRY";

/// What says that the app's telemetry needs no help of the host.
const CAPABILITY: &str = "WorkerOpenTelemetryEnabled";

/// A call with a trace of the host's.
fn traced(request: InvocationRequest) -> InvocationRequest {
    InvocationRequest {
        trace_context: Some(RpcTraceContext {
            trace_parent: format!("00-{TRACE}-{PARENT}-01"),
            trace_state: "vendor=1".to_owned(),
            attributes: HashMap::new(),
        }),
        ..request
    }
}

fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn spans_are_exported_at_the_end_with_the_hosts_trace_as_parent() {
    // (name, the type of its trigger, `faas.trigger`)
    let functions = [
        ("by_http", "httpTrigger", "http"),
        ("by_queue", "queueTrigger", "pubsub"),
        ("by_rabbit", "rabbitMQTrigger", "pubsub"),
        ("by_sql", "sqlTrigger", "datasource"),
        ("by_timer", "timerTrigger", "timer"),
        ("by_blob", "blobTrigger", "datasource"),
        ("by_cosmos", "cosmosDBTrigger", "datasource"),
        ("fails", "someTrigger", "other"),
    ];
    let receiver = Receiver::start();
    // Nothing but the end flushes so late a batch.
    let settings = json!({ "endpoint": receiver.endpoint(), "delay_ms": 3_600_000, "service_name": "shop" });
    let mut app = extensions::app(
        "functions_host_types",
        &[("opencensus", json!({ "settings": settings }))],
    );
    for (name, kind, _) in functions {
        let bindings = json!({ "bindings": [{ "type": kind, "direction": "in", "name": "start" }] });
        let code = match name {
            "fails" => "def main(start):\n    raise ValueError('no')\n",
            _ => "def main(start):\n    return None\n",
        };
        app = app
            .file(&format!("{name}/__init__.py"), code)
            .file(&format!("{name}/function.json"), &bindings.to_string());
    }
    let names = functions.map(|(name, ..)| name);
    let mut host = app.under_functions_host().with_functions(&names);
    for (name, kind, _) in functions {
        let data = match kind {
            "httpTrigger" => Data::Http(Box::new(get("http://localhost/api/by_http"))),
            "timerTrigger" => Data::Json(r#"{"IsPastDue": false}"#.to_owned()),
            "blobTrigger" => Data::Bytes(b"text".as_slice().into()),
            "cosmosDBTrigger" | "sqlTrigger" => Data::Json("[]".to_owned()),
            _ => Data::String("text".to_owned()),
        };
        let response = host.invoke(traced(InvocationRequest {
            invocation_id: format!("call of {name}"),
            ..call(name, &[("start", data)])
        }));
        match name {
            "fails" => assert_eq!(failure(response.result.as_ref()), "ValueError: no"),
            _ => assert_success(response.result.as_ref(), &host),
        }
    }
    assert_eq!(receiver.count(), 0, "the batch has not waited");
    terminate(&mut host);
    let spans = receiver.spans();
    assert_eq!(spans.len(), functions.len(), "{}", host.output());
    for (name, _, trigger) in functions {
        let span = spans.iter().find(|span| span.name == name);
        let span = span.unwrap_or_else(|| panic!("{name} in {spans:#?}"));
        assert_eq!(hex(&span.trace_id), TRACE, "{name}");
        assert_eq!(hex(&span.parent_span_id), PARENT, "{name}");
        assert_eq!(span.trace_state, "vendor=1", "{name}");
        assert_eq!(attribute(span, "faas.trigger"), trigger, "{name}");
        assert_eq!(attribute(span, "faas.invocation_id"), format!("call of {name}"));
        let is_error = span
            .status
            .as_ref()
            .is_some_and(|status| status.code() == StatusCode::Error);
        assert_eq!(is_error, name == "fails", "{name}: {:?}", span.status);
    }
}

/// The functions that say which span is the current one of OpenTelemetry's API.
const CURRENT: [(&str, &str); 2] = [("of_thread", "def"), ("of_task", "async def")];

fn with_current(app: App) -> App {
    let bindings = json!({ "bindings": [
        { "type": "startTrigger", "direction": "in", "name": "start" },
        { "type": "something", "direction": "out", "name": "$return" },
    ]});
    CURRENT.iter().fold(app, |app, (name, def)| {
        let code = format!(
            "from opentelemetry import trace\n\n\n{def} main(start):\n    \
             current = trace.get_current_span().get_span_context()\n    \
             return f'{{current.trace_id:032x}} {{current.span_id:016x}} {{current.trace_state.to_header()}}'\n"
        );
        app.file(&format!("{name}/__init__.py"), &code)
            .file(&format!("{name}/function.json"), &bindings.to_string())
    })
}

/// Returns the current span in each of these functions.
fn current(host: &mut FunctionsHost) -> Vec<String> {
    let start = || [("start", Data::String("now".to_owned()))];
    let responses = CURRENT.map(|(name, _)| host.invoke(traced(call(name, &start()))));
    // One without a trace has none of another call.
    for (name, _) in CURRENT {
        let untraced = returned(host.invoke(call(name, &start())));
        assert!(!untraced.contains(TRACE), "{untraced}");
    }
    responses.into_iter().map(returned).collect()
}

fn returned(response: funcdock_rpc::messages::InvocationResponse) -> String {
    match response.return_value.and_then(|value| value.data) {
        Some(Data::String(text)) => text,
        other => panic!("{other:?}, {:?}", response.result),
    }
}

fn app(python: &Path) -> App {
    with_current(App::case("functions_host_types").python(python))
}

#[test]
fn opentelemetry_in_the_app_goes_on_with_the_hosts_trace() {
    let names = CURRENT.map(|(name, _)| name);
    for (version, python) in python::oldest_and_newest_with("opentelemetry-api", &["opentelemetry-api"]) {
        let mut host = app(&python)
            .env(OPENTELEMETRY, "True")
            .under_functions_host()
            .with_functions(&names);
        let expected = format!("{TRACE} {PARENT} vendor=1");
        assert_eq!(current(&mut host), [expected.as_str(); 2], "{version}");
        // Not without the setting.
        let mut host = app(&python).under_functions_host().with_functions(&names);
        assert!(
            current(&mut host).iter().all(|span| !span.contains(TRACE)),
            "{version}"
        );
        // With the extension, the call's own span is between.
        let receiver = Receiver::start();
        let mut host = app(&python)
            .env(OPENTELEMETRY, "1")
            .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
            .under_functions_host()
            .with_functions(&names);
        let found = current(&mut host);
        terminate(&mut host);
        let spans = receiver.spans();
        for ((name, _), found) in CURRENT.iter().zip(found) {
            let of_call = |span: &&Span| span.name == *name && hex(&span.trace_id) == TRACE;
            let span = spans.iter().find(of_call).expect("a span of the call");
            assert_eq!(hex(&span.parent_span_id), PARENT, "{version}");
            assert_eq!(
                found,
                format!("{TRACE} {} vendor=1", hex(&span.span_id)),
                "{version}"
            );
        }
    }
}

#[test]
fn an_app_without_opentelemetry_is_told_what_to_install() {
    let mut host = App::case("functions_host")
        .env(OPENTELEMETRY, "1")
        .under_functions_host()
        .with_functions(&["hello"]);
    host.log("PYTHON_ENABLE_OPENTELEMETRY is on, but OpenTelemetry's API cannot be imported");
    let request = call(
        "hello",
        &[("req", Data::Http(Box::new(get("http://localhost/"))))],
    );
    let response = host.invoke(request);
    assert_success(response.result.as_ref(), &host);
}

#[test]
fn telemetry_of_the_apps_own_is_announced() {
    let announced = |settings: &[(&str, &str)]| {
        let app = settings
            .iter()
            .fold(App::case("functions_host"), |app, (name, value)| {
                app.env(name, value)
            });
        app.under_functions_host()
            .init()
            .capabilities
            .get(CAPABILITY)
            .cloned()
    };
    let insights = [
        ("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "true"),
        ("PYTHON_ENABLE_WORKER_EXTENSIONS", "1"),
        (
            "APPLICATIONINSIGHTS_CONNECTION_STRING",
            "InstrumentationKey=00000000-0000-0000-0000-000000000000",
        ),
    ];
    assert_eq!(announced(&[(OPENTELEMETRY, "true")]).as_deref(), Some("true"));
    assert_eq!(announced(&insights).as_deref(), Some("true"));
    assert_eq!(announced(&insights[..2]), None, "it leads nowhere");
    assert_eq!(announced(&[(OPENTELEMETRY, "0")]), None);
    // A worker without an app gets to know it with its new environment.
    let mut host = App::case("functions_host").under_functions_host();
    assert!(!host.init().capabilities.contains_key(CAPABILITY));
    let mut reload = |value: &str| {
        let request = FunctionEnvironmentReloadRequest {
            environment_variables: HashMap::from([(OPENTELEMETRY.to_owned(), value.to_owned())]),
            ..FunctionEnvironmentReloadRequest::default()
        };
        match host.ask(Content::FunctionEnvironmentReloadRequest(request)) {
            Content::FunctionEnvironmentReloadResponse(response) => {
                response.capabilities.contains_key(CAPABILITY)
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(reload("yes"));
    assert!(!reload("no"));
}
