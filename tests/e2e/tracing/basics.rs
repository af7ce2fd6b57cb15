//! Spans of invocations and of function code, exported by OTLP over HTTP from the quick start's app.

use std::time::Duration;

use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Gate, repository, wait_for};
use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use ureq::http::Request;

use crate::tracing::support::{attribute, hex, named, wait_for_spans};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Returns the quick start's app, exporting to the receiver. A batch waits for `delay_ms`.
fn traced(receiver: &Receiver, delay_ms: u32) -> App {
    App::copy_of(&repository().join("examples/traced-hello")).file(
        "host.json",
        &format!(
            r#"{{ "version": "2.0", "workerExtensions": {{ "opencensus": {{ "settings": {{
                "endpoint": "{}", "delay_ms": {delay_ms}, "service_name": "greeter"
            }} }} }} }}"#,
            receiver.endpoint()
        ),
    )
}

fn called_with_trace(url: String) -> Request<Vec<u8>> {
    Request::get(url)
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .header("tracestate", "vendor=value")
        .body(Vec::new())
        .expect("a valid request")
}

#[test]
fn one_trace_from_the_caller_to_the_functions_own_span() {
    let receiver = Receiver::start();
    let host = traced(&receiver, 50).start();
    let answer = host.send(called_with_trace(host.url_of("/api/hello?name=Ada")));
    assert_eq!(answer.text(), "Hello, Ada!");

    let spans = wait_for_spans(&receiver, 2);
    let (invocation, own) = (named(&spans, "hello"), named(&spans, "greet"));
    assert_eq!(hex(&invocation.trace_id), TRACE);
    assert_eq!(hex(&invocation.parent_span_id), CALLER);
    assert_eq!(hex(&own.trace_id), TRACE);
    assert_eq!(own.parent_span_id, invocation.span_id);
    assert_eq!(attribute(own, "name"), "Ada");
    let expected = [
        ("faas.name", "hello"),
        ("faas.trigger", "http"),
        ("faas.coldstart", "true"),
        ("http.request.method", "GET"),
        ("http.route", "/api/hello"),
        ("url.path", "/api/hello"),
        ("http.response.status_code", "200"),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(invocation, key), value, "{key}");
    }
    assert!(own.start_time_unix_nano >= invocation.start_time_unix_nano);
    assert!(own.end_time_unix_nano <= invocation.end_time_unix_nano);
    host.stop().assert_clean();
}

#[test]
fn spans_nest_in_async_functions() {
    let receiver = Receiver::start();
    let host = traced(&receiver, 50).start();
    assert_eq!(host.get("/api/hello_async?name=Ada").text(), "Hello, Ada!");

    let spans = wait_for_spans(&receiver, 4);
    let invocation = named(&spans, "hello_async");
    let (greet, look_up, write) = (
        named(&spans, "greet"),
        named(&spans, "look up"),
        named(&spans, "write"),
    );
    assert!(
        invocation.parent_span_id.is_empty(),
        "without a caller's trace the span is a root"
    );
    assert_eq!(greet.parent_span_id, invocation.span_id);
    assert_eq!(look_up.parent_span_id, greet.span_id);
    assert_eq!(write.parent_span_id, greet.span_id);
    assert_eq!(write.events.len(), 1);
}

/// Returns an app with a function that raises, one that returns its trace context, and one that raises inside a span.
fn troubled(receiver: &Receiver) -> App {
    let binding = r#"{ "bindings": [ { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
        { "type": "http", "direction": "out", "name": "$return" } ] }"#;
    traced(receiver, 50)
        .file("raises/function.json", binding)
        .file("raises/__init__.py", "def main(req, context):\n    raise ValueError('no luck')\n")
        .file("inside/function.json", binding)
        .file(
            "inside/__init__.py",
            "def main(req, context):\n    try:\n        with context.tracer.span('risky'):\n            \
             raise KeyError('k')\n    except KeyError:\n        return 'caught'\n",
        )
        .file("sees/function.json", binding)
        .file(
            "sees/__init__.py",
            "def main(req, context):\n    trace = context.trace_context\n    \
             return trace.Traceparent + ' ' + trace.trace_state + ' ' + context.tracer.current_span().span_id\n",
        )
}

#[test]
fn exceptions_are_recorded_and_the_trace_is_passed_on() {
    let receiver = Receiver::start();
    let host = troubled(&receiver).start();
    assert_eq!(host.get("/api/raises").status, 500);
    assert_eq!(host.get("/api/inside").text(), "caught");
    let seen = host.send(called_with_trace(host.url_of("/api/sees"))).text();

    let spans = wait_for_spans(&receiver, 4);
    for (span, exception) in [
        (named(&spans, "raises"), "ValueError"),
        (named(&spans, "risky"), "KeyError"),
    ] {
        let status = span.status.as_ref().expect("a status");
        assert_eq!(status.code, StatusCode::Error as i32, "{}", span.name);
        let event = span
            .events
            .iter()
            .find(|event| event.name == "exception")
            .expect("an exception event");
        let types: Vec<_> = event
            .attributes
            .iter()
            .filter(|pair| pair.key == "exception.type")
            .collect();
        assert!(format!("{types:?}").contains(exception), "{types:?}");
        assert!(
            format!("{:?}", event.attributes).contains("Traceback"),
            "{:?}",
            event.attributes
        );
    }
    let inside = named(&spans, "inside").status.clone().unwrap_or_default();
    assert_ne!(
        inside.code,
        StatusCode::Error as i32,
        "a caught exception does not fail the call"
    );
    // The context that the function would pass on: the caller's trace, with the invocation's span as the parent.
    let own = hex(&named(&spans, "sees").span_id);
    assert_eq!(seen, format!("00-{TRACE}-{own}-01 vendor=value {own}"));
}

#[test]
fn waiting_spans_are_delivered_before_the_end() {
    let receiver = Receiver::start();
    // No batch is due for a minute.
    let host = traced(&receiver, 60_000).start();
    for _ in 0..50 {
        assert_eq!(host.get("/api/hello").status, 200);
    }
    assert_eq!(receiver.count(), 0, "no batch was due");
    host.signal(Signal::SIGTERM);
    host.wait().assert_clean();
    assert_eq!(receiver.count(), 100);
}

#[test]
fn a_collector_that_is_down_does_not_affect_calls() {
    let receiver = Receiver::start();
    let dead = "http://127.0.0.1:1";
    let app = traced(&receiver, 50).file(
        "host.json",
        &format!(
            r#"{{ "version": "2.0", "workerExtensions": {{ "opencensus": {{ "settings": {{
                "endpoint": "{dead}", "delay_ms": 50
            }} }} }} }}"#
        ),
    );
    let host = app.start();
    for _ in 0..20 {
        assert_eq!(host.get("/api/hello").status, 200);
    }
    host.wait_for_log(dead);
    assert_eq!(host.get("/api/hello").status, 200);
    host.stop().assert_clean();
}

#[test]
fn the_wait_for_a_thread_is_told_from_the_time_of_the_function() {
    let receiver = Receiver::start();
    let host = App::case("gates")
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
        .start();
    let gate = Gate::new(&host, "slow");
    let waited_for = Duration::from_millis(50);
    std::thread::scope(|scope| {
        scope.spawn(|| host.get("/api/wait_sync?gate=slow"));
        gate.wait_until_entered();
        scope.spawn(|| host.get("/api/pid"));
        let waits = || {
            host.get("/metrics")
                .text()
                .contains("funcdock_calls_waiting{worker=\"0\"} 1")
        };
        assert!(wait_for(|| waits().then_some(())).is_some(), "{}", host.output());
        // It has waited for this time, at least.
        std::thread::sleep(waited_for);
        gate.open();
    });
    host.stop().assert_clean();
    let spans = receiver.spans();
    let span = named(&spans, "pid");
    let took = u128::from(span.end_time_unix_nano - span.start_time_unix_nano) / 1_000_000;
    let wait = attribute(span, "funcdock.wait_ms").parse();
    let range = waited_for.as_millis()..=took;
    assert!(wait.is_ok_and(|wait| range.contains(&wait)), "{span:#?}");
}
