//! Third-party libraries that people use with the programming model, unchanged: OpenCensus' extension and the memory
//! profiler, on the oldest and the newest Python.

use funcdock_tests::ingestion::Ingestion;
use funcdock_tests::{App, python};
use serde_json::{Value, json};
use ureq::http::Request;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

const OPENCENSUS: [&str; 2] = ["opencensus-extension-azure-functions", "opencensus-ext-requests"];

/// Returns the trace id, the parent's id and the span's own id of the span of this name.
fn span<'a>(envelopes: &'a [Value], name: &str) -> (&'a str, &'a str, &'a str) {
    let found = envelopes
        .iter()
        .find(|envelope| envelope["data"]["baseData"]["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no span {name:?} in {envelopes:#?}"));
    let text = |value: &'a Value| value.as_str().unwrap_or_default();
    (
        text(&found["tags"]["ai.operation.id"]),
        text(&found["tags"]["ai.operation.parentId"]),
        text(&found["data"]["baseData"]["id"]),
    )
}

#[test]
fn the_opencensus_extension_traces() {
    for (version, python) in python::oldest_and_newest_with("opencensus", &OPENCENSUS) {
        let ingestion = Ingestion::start();
        let app = App::case("opencensus");
        let folder = app.path().to_owned();
        let host = app
            .python(python)
            .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
            .env(
                "APPLICATIONINSIGHTS_CONNECTION_STRING",
                ingestion.connection_string(),
            )
            // The library's own usage statistics go to another server.
            .env("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
            // The test serves the site that the function requests, too.
            .env("http_proxy", ingestion.endpoint())
            .env("no_proxy", "127.0.0.1")
            // The exporter keeps there what it could not send.
            .env("TMPDIR", folder)
            .start();
        let traced = |path: &str| {
            let request = Request::get(host.url_of(path))
                .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
                .header("tracestate", "vendor=value");
            host.send(request.body(Vec::new()).expect("a valid request"))
        };
        let answer = traced("/api/traced");
        assert_eq!(answer.status, 200, "{version}\n{}", host.output());
        let mut seen = answer.json();
        let invocation = seen["invocation"].take();
        let root = host.app().path().canonicalize().expect("the app");
        assert_eq!(
            seen,
            json!({
                "method": "GET",
                "response": 200,
                "name": "traced",
                "directory": root.join("traced"),
                "invocation": null,
                "traceparent": format!("00-{TRACE}-{CALLER}-01"),
                "tracestate": "vendor=value",
                "retry": [0, 0],
            })
        );
        assert_eq!(traced("/api/traced_async").text(), "done");

        // The exporter sends when its interval is over, or when the process ends.
        let stopped = host.stop();
        stopped.assert_clean();
        let invocation = invocation.as_str().expect("an id");
        let logged = format!("root: asking another service invocation={invocation}");
        assert!(stopped.stderr.contains(&logged), "{}", stopped.stderr);

        let envelopes = ingestion.envelopes();
        let (trace, caller, parent) = span(&envelopes, "parent");
        assert_eq!((trace, caller), (TRACE, CALLER), "{version}");
        let (trace, parent_of_request, request) = span(&envelopes, "GET ");
        assert_eq!((trace, parent_of_request), (TRACE, parent), "{version}");
        let (trace, caller, _) = span(&envelopes, "waits");
        assert_eq!((trace, caller), (TRACE, CALLER), "{version}");
        assert_eq!(envelopes.len(), 3, "{envelopes:#?}");

        let visits = ingestion.visits();
        let [visit] = visits.as_slice() else {
            panic!("expected one request: {visits:?}")
        };
        assert_eq!(visit.target, "http://example.com/");
        assert_eq!(visit.traceparent, format!("00-{TRACE}-{request}-01"));
    }
}

#[test]
fn the_memory_profiler_reports_line_by_line() {
    for (version, python) in python::oldest_and_newest_with("memory-profiler", &["memory-profiler"]) {
        let host = App::case("memory_profiler").python(python).start();
        for path in ["profiled", "profiled_async"] {
            let start = host.stderr().len();
            let answer = host.get(&format!("/api/{path}"));
            assert_eq!(answer.text(), "filled", "{version}\n{}", host.output());
            host.wait_for_log_from(start, "b\"x\" * size");
            let log = host.stderr()[start..].to_owned();
            // The message of a record comes after the name of its logger.
            let reported: Vec<&str> = log
                .lines()
                .filter_map(|line| line.split_once(" INFO memory_profiler_logs: "))
                .filter_map(|(_, message)| message.strip_prefix("memory_profiler_logs: "))
                .collect();
            let script = format!("{path}/__init__.py");
            let file = reported.iter().find_map(|line| line.strip_prefix("Filename: "));
            assert!(file.is_some_and(|file| file.contains(&script)), "{reported:#?}");
            assert!(
                reported.iter().any(|line| line.contains("Line Contents")),
                "{reported:#?}"
            );
            let grown = reported
                .iter()
                .filter(|line| line.contains(" MiB ") && line.contains("b\"x\" * size"));
            assert_eq!(grown.count(), 1, "{path}: {reported:#?}");
        }
        host.stop().assert_clean();
    }
}
