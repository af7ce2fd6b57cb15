//! A call whose response is streamed is traced and counted until its stream ends.

use std::fs;
use std::time::Duration;

use funcdock_extension_api::Response;
use funcdock_extension_api::testing::{Call, Request, Returned, TestApp, TestHost, TestStreamEnd, json};
use funcdock_opencensus::OpenCensus;
use serde_json::Value as Json;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(20);

/// A host with the extension, which writes spans to a file.
struct Traced {
    host: TestHost,
    folder: TempDir,
}

impl Traced {
    fn new(sampler: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = json!({ "exporter": "file", "file": "spans.jsonl", "sampler": sampler });
        let host = TestApp::new().root(folder.path()).app::<OpenCensus>(settings);
        let host = host.unwrap_or_else(|error| panic!("{error}"));
        Traced { host, folder }
    }

    /// Makes a call whose response is streamed with this status, up to its head.
    fn streams(&self, status: u16) -> Call<'_> {
        self.host
            .call(Request::get("/api/hello"))
            .returning(Returned::streaming(Response::new(status)))
    }

    /// The spans that were exported so far.
    fn spans(&self) -> Vec<Json> {
        self.host.flush(LONG).expect("flushed");
        let text = fs::read_to_string(self.folder.path().join("spans.jsonl")).unwrap_or_default();
        let batches = text
            .lines()
            .map(|line| serde_json::from_str::<Json>(line).expect("JSON"));
        let spans = batches.map(|batch| batch["resourceSpans"][0]["scopeSpans"][0]["spans"].clone());
        spans
            .flat_map(|spans| spans.as_array().cloned().unwrap_or_default())
            .collect()
    }

    fn count(&self, name: &str) -> u64 {
        let name = format!("opencensus_{name}");
        let count = self.host.counter(&name, &[("faas_trigger", "http")]);
        count.unwrap_or_else(|| panic!("there is no {name}"))
    }
}

fn attribute(span: &Json, key: &str) -> Json {
    let attributes = span["attributes"].as_array().expect("a list");
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    let value = found.map(|attribute| attribute["value"].clone());
    value
        .and_then(|value| value.as_object().and_then(|value| value.values().next().cloned()))
        .unwrap_or_default()
}

#[test]
fn the_span_ends_with_the_stream() {
    let cases = [
        (200, TestStreamEnd::complete(10), Json::Null, "nothing went wrong"),
        (
            503,
            TestStreamEnd::complete(10),
            json!("503"),
            "the status says that it failed",
        ),
        (
            200,
            TestStreamEnd::client_left(3),
            json!("cancelled"),
            "the client left",
        ),
        (
            200,
            TestStreamEnd::cancelled(3),
            json!("cancelled"),
            "the worker stopped",
        ),
        (200, TestStreamEnd::timed_out(3), json!("timeout"), "too slow"),
        (
            200,
            TestStreamEnd::failed(3, "ValueError", "no"),
            json!("ValueError"),
            "the function raised",
        ),
    ];
    // The call's span is made at its end, or when function code uses the tracer.
    for uses_tracer in [false, true] {
        let traced = Traced::new("always_on");
        for (index, (status, end, error_type, reason)) in cases.iter().enumerate() {
            let call = traced.streams(*status);
            if uses_tracer {
                assert!(call.attribute("tracer").is_some(), "{reason}");
            }
            assert_eq!(traced.spans().len(), index, "{reason}: the call goes on");
            let call = call.stream_ended(end.clone());
            assert_eq!(call.errors(), [], "{reason}");
            let spans = traced.spans();
            assert_eq!(spans.len(), index + 1, "{reason}");
            let span = &spans[index];
            assert_eq!(attribute(span, "error.type"), *error_type, "{reason}");
            const ERROR: u8 = 2;
            let code = if error_type.is_null() { 0 } else { ERROR };
            assert_eq!(span["status"]["code"], code, "{reason}: {span}");
            let status = json!(status.to_string());
            assert_eq!(attribute(span, "http.response.status_code"), status, "{reason}");
            let raised = span["events"][0]["name"] == "exception";
            assert_eq!(raised, *error_type == "ValueError", "{reason}");
        }
    }
}

#[test]
fn metrics_count_the_call_at_the_end_of_the_stream() {
    for sampler in ["always_on", "always_off"] {
        let traced = Traced::new(sampler);
        let counts = || {
            [
                "faas_invocations_total",
                "faas_errors_total",
                "faas_timeouts_total",
            ]
            .map(|name| traced.count(name))
        };
        let call = traced.streams(200);
        assert_eq!(counts(), [0, 0, 0], "{sampler}");
        let _ = call.stream_ended(TestStreamEnd::complete(1));
        assert_eq!(counts(), [1, 0, 0], "{sampler}");
        let _ = traced.streams(200).stream_ended(TestStreamEnd::client_left(1));
        assert_eq!(counts(), [1, 1, 0], "{sampler}");
        let _ = traced.streams(200).stream_ended(TestStreamEnd::timed_out(1));
        assert_eq!(counts(), [1, 2, 1], "{sampler}");
        let _ = traced.streams(503).stream_ended(TestStreamEnd::complete(1));
        assert_eq!(
            counts(),
            [1, 3, 1],
            "{sampler}: the status counts without a span, too"
        );
        let _ = traced.host.call(Request::get("/")).returning("whole");
        assert_eq!(counts(), [2, 3, 1], "{sampler}");
    }
}
