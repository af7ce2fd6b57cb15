//! Spans that function code makes: which one is current where, OpenCensus' names, OpenTelemetry's API.

use std::collections::HashMap;

use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Host, at_once, python};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::tracing::support::{attribute, hex, named, wait_for_spans};

/// Returns the app of these tests, exporting to the receiver.
fn traced(receiver: &Receiver) -> App {
    App::case("tracing")
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .file(
            "host.json",
            &format!(
                r#"{{ "version": "2.0", "workerExtensions": {{ "opencensus": {{ "settings": {{
                "endpoint": "{}", "delay_ms": 50, "queue": 8192
            }} }} }} }}"#,
                receiver.endpoint()
            ),
        )
}

fn answer(host: &Host, function: &str) -> String {
    let answer = host.get(&format!("/api/{function}"));
    assert_eq!(answer.status, 200, "{}", host.output());
    answer.text()
}

/// Returns the name of a span's parent; empty for a root.
fn parent_of<'a>(spans: &'a [Span], span: &Span) -> &'a str {
    if span.parent_span_id.is_empty() {
        return "";
    }
    let parent = spans.iter().find(|other| other.span_id == span.parent_span_id);
    &parent
        .unwrap_or_else(|| panic!("the parent of {} was not exported", span.name))
        .name
}

fn parents(spans: &[Span]) -> HashMap<&str, &str> {
    spans
        .iter()
        .map(|span| (span.name.as_str(), parent_of(spans, span)))
        .collect()
}

#[test]
fn concurrent_invocations_never_see_each_others_spans() {
    const INVOCATIONS: usize = 200;
    /// The name of each span in an invocation, with its parent's name.
    const TREE: [(&str, &str); 9] = [
        ("nested", ""),
        ("outer", "nested"),
        ("left", "outer"),
        ("left leaf", "left"),
        ("right", "outer"),
        ("right leaf", "right"),
        ("thread", "outer"),
        ("task", "outer"),
        ("beside", "outer"),
    ];
    for (version, python) in python::oldest_and_newest() {
        let receiver = Receiver::start();
        let host = traced(&receiver).python(python).start();
        let traces = at_once(INVOCATIONS, |number| {
            answer(&host, &format!("nested?number={number}"))
        });
        let spans = wait_for_spans(&receiver, INVOCATIONS * TREE.len());
        assert_eq!(spans.len(), INVOCATIONS * TREE.len(), "{version}");
        let mut by_trace: HashMap<String, Vec<&Span>> = HashMap::new();
        for span in &spans {
            by_trace.entry(hex(&span.trace_id)).or_default().push(span);
        }
        for (number, trace) in traces.iter().enumerate() {
            let spans = &by_trace[trace];
            let of = |name: &str| {
                let name = match name {
                    "nested" => name.to_owned(),
                    name => format!("{name} {number}"),
                };
                let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
                assert_eq!(found.len(), 1, "{version}: {name} in trace {trace}");
                found[0]
            };
            assert_eq!(spans.len(), TREE.len(), "{version}: trace {trace}");
            for (name, parent) in TREE {
                let expected: &[u8] = match parent {
                    "" => &[],
                    parent => &of(parent).span_id,
                };
                assert_eq!(
                    of(name).parent_span_id,
                    expected,
                    "{version}: the parent of {name} {number} is {parent}"
                );
            }
        }
    }
}

#[test]
fn a_thread_that_copies_the_context_keeps_the_current_span() {
    let receiver = Receiver::start();
    let host = traced(&receiver).start();
    answer(&host, "threads");
    let spans = wait_for_spans(&receiver, 4);
    let parents = parents(&spans);
    assert_eq!(parents["copied"], "parent");
    assert_eq!(
        parents["bare"], "threads",
        "without a copied context the parent is the invocation's span"
    );
}

#[test]
fn a_span_left_open_is_not_current_in_the_next_call() {
    let receiver = Receiver::start();
    let host = traced(&receiver)
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
        .start();
    for _ in 0..3 {
        assert_eq!(answer(&host, "stray"), "stray");
    }
    let spans = wait_for_spans(&receiver, 6);
    for span in spans.iter().filter(|span| span.name == "left open") {
        assert_eq!(parent_of(&spans, span), "stray");
    }
}

#[test]
fn opencensus_names() {
    let receiver = Receiver::start();
    let host = traced(&receiver).start();
    assert_eq!(answer(&host, "by_opencensus"), "done");
    let spans = wait_for_spans(&receiver, 7);
    let parents = parents(&spans);
    assert_eq!(parents["by_opencensus"], "");
    assert_eq!(parents["parent"], "by_opencensus");
    assert_eq!(parents["child"], "parent");
    assert_eq!(parents["renamed"], "by_opencensus");
    assert_eq!(parents["finished within"], "finished");
    assert_eq!(
        parents["left open"], "by_opencensus",
        "the span ends with the invocation"
    );
    let own = named(&spans, "by_opencensus");
    assert_eq!(attribute(own, "of.the.invocation"), "true");
    let child = named(&spans, "child");
    assert_eq!(attribute(child, "answer"), "42");
    assert_eq!(attribute(child, "too"), "None", "the span had ended");
    let renamed = named(&spans, "renamed");
    assert_eq!(renamed.kind(), SpanKind::Client);
    let status = renamed.status.as_ref().expect("a status");
    assert_eq!(
        (status.code(), status.message.as_str()),
        (StatusCode::Error, "too slow")
    );
    assert_eq!(renamed.events[0].name, "half way");
    let noted: Vec<_> = renamed.events[0]
        .attributes
        .iter()
        .map(|pair| pair.key.as_str())
        .collect();
    assert_eq!(noted, ["bytes", "ratio", "names"]);
    for ignored in ["odd", "large"] {
        assert_eq!(attribute(renamed, ignored), "None");
        host.wait_for_log(&format!("attribute '{ignored}' is ignored"));
    }
}

#[test]
fn opentelemetrys_api_has_the_same_spans() {
    let packages = ["opentelemetry-api"];
    for (version, python) in python::oldest_and_newest_with("opentelemetry", &packages) {
        let receiver = Receiver::start();
        let host = traced(&receiver)
            .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
            .python(python)
            .start();
        assert_eq!(answer(&host, "by_opentelemetry"), "by_opentelemetry", "{version}");
        let spans = wait_for_spans(&receiver, 7);
        for (name, parent) in [
            ("ours", "by_opentelemetry"),
            ("renamed", "ours"),
            ("ours within", "renamed"),
            ("fails", "ours"),
            ("not current", "ours"),
        ] {
            assert_eq!(
                parent_of(&spans, named(&spans, name)),
                parent,
                "{version}: {name}"
            );
        }
        let theirs = named(&spans, "renamed");
        assert_eq!(attribute(theirs, "a"), "1");
        assert_eq!(theirs.status.as_ref().expect("a status").message, "why");
        assert_eq!(theirs.links[0].trace_id, theirs.trace_id);
        let fails = named(&spans, "fails");
        assert_eq!(fails.events[0].name, "exception");
        assert_eq!(fails.status.as_ref().expect("a status").code(), StatusCode::Error);
        let early = named(&spans, "not current");
        assert_eq!(
            (early.kind(), early.start_time_unix_nano),
            (SpanKind::Producer, 1_000)
        );
        let elsewhere = named(&spans, "of another service");
        assert_eq!(hex(&elsewhere.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(hex(&elsewhere.parent_span_id), "00f067aa0ba902b7");
        // The second call is on the same thread and sees nothing of the first.
        assert_eq!(answer(&host, "by_opentelemetry"), "by_opentelemetry", "{version}");
    }
}

#[test]
fn odd_uses_break_nothing() {
    // The current span is kept in three ways.
    let mut pythons = python::oldest_and_newest();
    pythons.extend(python::oldest_and_newest_with(
        "opentelemetry",
        &["opentelemetry-api"],
    ));
    pythons.extend(python::oldest_and_newest_with(
        "opencensus-requests",
        &["opencensus-ext-requests", "requests"],
    ));
    for (version, python) in pythons {
        let receiver = Receiver::start();
        let host = traced(&receiver).python(python).start();
        for function in ["odd", "odd_async"] {
            assert_eq!(answer(&host, function), "done", "{version}");
        }
        host.stop().assert_clean();
        let spans = receiver.spans();
        let (sync, tasks): (Vec<Span>, Vec<Span>) = {
            let trace = named(&spans, "odd").trace_id.clone();
            spans.into_iter().partition(|span| span.trace_id == trace)
        };
        for (name, parent) in [
            ("first", "odd"),
            ("second", "first"),
            ("third", "second"),
            ("inner", "again"),
            ("beside", "odd"),
            ("of the invocation", "odd"),
            ("number 1", "odd"),
            ("in a pool", "odd"),
        ] {
            assert_eq!(parent_of(&sync, named(&sync, name)), parent, "{version}: {name}");
        }
        let values = named(&sync, "values ?");
        let expected = [
            ("int64", "None"),
            ("level", "3"),
            ("file", "caf?.csv"),
            ("none", "None"),
        ];
        for (key, value) in expected {
            assert_eq!(attribute(values, key), value, "{version}: {key}");
        }
        let event = &values.events[0];
        let keys: Vec<_> = event.attributes.iter().map(|pair| pair.key.as_str()).collect();
        assert_eq!(
            (event.name.as_str(), keys),
            ("event ?", vec!["file", "kept"]),
            "{version}"
        );
        assert!(values.links.is_empty(), "{version}");
        let status = |spans: &[Span], name: &str| named(spans, name).status.clone().unwrap_or_default();
        assert_eq!(status(&sync, "values ?").message, "caf?", "{version}");
        assert_eq!(status(&sync, "fails").message, "ValueError: caf?", "{version}");

        assert_eq!(tasks.len(), 6, "{version}");
        for span in tasks
            .iter()
            .filter(|span| !["odd_async", "around"].contains(&span.name.as_str()))
        {
            assert_eq!(parent_of(&tasks, span), "around", "{version}: {}", span.name);
        }
        assert_eq!(status(&tasks, "cancelled").code(), StatusCode::Error, "{version}");
        for spans in [&sync, &tasks] {
            let status = status(spans, "number 1").code();
            assert_eq!(
                status,
                StatusCode::Unset,
                "{version}: a generator that is not exhausted"
            );
        }
    }
}
