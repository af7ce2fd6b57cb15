//! `/metrics`: what the host counts of hooks, and what extensions count themselves.

use funcdock_tests::Host;
use funcdock_tests::openmetrics::Samples;
use serde_json::{Value as Json, json};

use crate::extensions::support::{app_of, fixture, fixture_for, send};

fn metrics(host: &Host) -> Samples {
    let answer = host.get("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = answer.text();
    assert!(text.ends_with("\n# EOF\n") || text == "# EOF\n", "{text}");
    Samples::parse(&text)
}

#[test]
fn what_the_host_counts_is_what_the_report_says() {
    let extensions = [
        ("trouble", fixture(json!({}))),
        ("answer", fixture(json!({}))),
        ("noop", fixture(json!({}))),
    ];
    let host = app_of("answers", "", &extensions).start();
    for (calls, headers) in [
        (5, ("x-none", "")),
        (4, ("x-trouble", "pre error")),
        (3, ("x-trouble", "post panic")),
        (2, ("x-answer", "418")),
        (1, ("x-refuse", "no")),
    ] {
        for _ in 0..calls {
            send(&host, "/api/kinds_async/str", &[headers]);
        }
    }
    let samples = metrics(&host);
    let report = host.get("/admin/extensions").json();
    let mut compared = 0;
    for extension in report["workers"][0]["extensions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let name = extension["name"].as_str().expect("a name");
        for (hook, counts) in extension["hooks"].as_object().into_iter().flatten() {
            let labels = [("extension", name), ("hook", hook.as_str()), ("worker", "0")];
            let said = |count: &str| counts[count].as_f64().expect("a number");
            for count in ["calls", "errors", "panics", "slow", "answers", "refusals"] {
                let sample = samples.one(&format!("funcdock_extension_hook_{count}_total"), &labels);
                assert_eq!(sample.value, said(count), "{labels:?} {count}");
                assert_eq!(sample.labels.len(), labels.len(), "{sample:?}");
            }
            let duration = |suffix: &str| format!("funcdock_extension_hook_duration_seconds_{suffix}");
            let sum = samples.one(&duration("sum"), &labels).value;
            assert!((sum - said("total_us") / 1e6).abs() < 1e-9, "{sum} s {counts}");
            assert_eq!(samples.one(&duration("count"), &labels).value, said("calls"));
            let all = [&labels[..], &[("le", "+Inf")]].concat();
            assert_eq!(samples.one(&duration("bucket"), &all).value, said("calls"));
            compared += 1;
        }
    }
    assert!(compared >= 5, "{report:#}");
    let of = |count: &str, extension, hook| {
        let labels = [("extension", extension), ("hook", hook)];
        samples
            .one(&format!("funcdock_extension_hook_{count}_total"), &labels)
            .value
    };
    assert_eq!(of("calls", "trouble", "pre_invocation"), 15.0);
    assert_eq!(of("errors", "trouble", "pre_invocation"), 4.0);
    assert_eq!(of("panics", "trouble", "post_invocation"), 3.0);
    assert_eq!(of("answers", "answer", "pre_invocation"), 2.0);
    assert_eq!(of("refusals", "answer", "pre_invocation"), 1.0);
    host.stop().assert_clean();
}

#[test]
fn extensions_have_metrics_of_their_own() {
    let extensions = [
        ("metrics", fixture(json!({}))),
        ("2nd-metrics", fixture(json!({}))),
        ("metrics-function", fixture_for(&["kinds", "metrics"], json!({}))),
    ];
    let host = app_of("answers", "", &extensions).start();
    for body in ["", "1", "1234567890", "12345678901", &"x".repeat(1000)] {
        assert_eq!(host.post("/api/kinds/str", body).status, 200);
    }
    host.get("/api/kinds_async/str");
    host.get("/api/metrics");
    let samples = metrics(&host);
    let labels = [("kind", "a \"call\"\n\\"), ("also", "yes"), ("worker", "0")];
    for name in ["metrics_calls_total", "_2nd_metrics_calls_total"] {
        let sample = samples.one(name, &labels);
        assert_eq!((sample.value, sample.labels.len()), (7.0, 3), "{sample:?}");
    }
    for (function, calls) in [("kinds", 5.0), ("metrics", 1.0)] {
        let labels = [&labels[..], &[("function", function)]].concat();
        let sample = samples.one("metrics_function_calls_total", &labels);
        assert_eq!((sample.value, sample.labels.len()), (calls, 4), "{sample:?}");
    }
    assert_eq!(samples.sum("metrics_function_calls_total", &[]), 6.0);
    for (bound, below) in [("1.0", 4.0), ("10.0", 5.0), ("100.0", 6.0), ("+Inf", 7.0)] {
        let bucket = samples.one("metrics_size_bytes_bucket", &[("le", bound), ("worker", "0")]);
        assert_eq!(bucket.value, below, "{bucket:?}");
    }
    assert_eq!(samples.one("metrics_size_bytes_sum", &[]).value, 1022.0);
    assert_eq!(samples.one("metrics_size_bytes_count", &[]).value, 7.0);
    host.stop().assert_clean();
}

#[test]
fn what_cannot_be_registered_is_an_error_of_init() {
    let also = |name: &str, labels: Json, bounds: Json| json!({ "also": [{ "name": name, "labels": labels, "bounds": bounds }] });
    for (settings, problem) in [
        (
            also("a-b", json!([]), json!(null)),
            "\"a-b\" is not a valid metric name",
        ),
        (
            also("", json!([]), json!(null)),
            "\"\" is not a valid metric name",
        ),
        (
            also("a", json!([["b c", ""]]), json!(null)),
            "\"b c\" is not a valid label name",
        ),
        (
            also("a", json!([["worker", "1"]]), json!(null)),
            "\"worker\" is not a valid label name",
        ),
        (
            also("a", json!([["b", "1"], ["b", "2"]]), json!(null)),
            "label \"b\" is given twice",
        ),
        (
            also("size_bytes", json!([]), json!(null)),
            "metrics_size_bytes is a histogram already",
        ),
        (
            also("calls", json!([]), json!([1.0])),
            "metrics_calls is a counter already",
        ),
        (
            also("size_bytes", json!([]), json!([1.0, 10.0])),
            "metrics_size_bytes has the bounds [1.0, 10.0, 100.0] already",
        ),
        (
            also("a", json!([]), json!([2.0, 1.0])),
            "the bounds [2.0, 1.0] do not ascend",
        ),
        (
            also("a", json!([]), json!([1.0, 1.0])),
            "the bounds [1.0, 1.0] do not ascend",
        ),
    ] {
        let stopped = app_of("answers", "", &[("metrics", fixture(settings.clone()))]).start_fails();
        assert!(stopped.stderr.contains(problem), "{settings}: {}", stopped.stderr);
        assert!(
            stopped.stderr.contains("metrics"),
            "{settings}: {}",
            stopped.stderr
        );
    }
}

#[test]
fn without_extensions_there_are_only_the_hosts_own_metrics() {
    let text = app_of("answers", "", &[]).start().get("/metrics").text();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let others: Vec<_> = names
        .filter(|name| name.starts_with("funcdock_extension"))
        .collect();
    assert!(
        others.is_empty() && text.contains("funcdock_calls_total"),
        "{text}"
    );
}

#[test]
fn a_function_called_metrics_comes_first() {
    let members = r#""extensions": { "http": { "routePrefix": "" } },"#;
    let host = app_of("answers", members, &[("noop", fixture(json!({})))]).start();
    assert_eq!(host.get("/metrics").text(), "a function's metrics");
    assert_eq!(host.get("/admin/extensions").status, 200);
}
