//! The extension "server-timing": found beside the binary, its header on answers of every kind.

use std::time::{Duration, Instant};

use funcdock_tests::{Answer, App, Host};
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{app_with, fixture};

fn timed(members: &str, settings: Json) -> App {
    app_with(
        members,
        &[
            ("server-timing", json!({ "settings": settings })),
            ("answer", fixture(json!({}))),
        ],
    )
}

/// The duration in a header of this metric.
fn duration(answer: &Answer, metric: &str) -> Duration {
    let header = answer.header("server-timing");
    let milliseconds = header.strip_prefix(&format!("{metric};dur="));
    let milliseconds = milliseconds.unwrap_or_else(|| panic!("{header:?} of {answer:?}"));
    Duration::from_secs_f64(milliseconds.parse::<f64>().expect("a number") / 1000.0)
}

fn send(host: &Host, path: &str, (name, value): (&str, &str)) -> Answer {
    let request = Request::get(host.url_of(path)).header(name, value);
    host.send(request.body(Vec::new()).expect("a valid request"))
}

#[test]
fn answers_of_every_kind_say_how_long_they_took() {
    let host = timed("", json!({})).start();
    for (path, header, status) in [
        ("/api/returns", ("x-none", ""), 200),
        ("/api/returns_async", ("x-none", ""), 200),
        ("/api/raises", ("x-none", ""), 500),
        ("/api/raises_async", ("x-none", ""), 500),
        ("/api/returns", ("x-answer", "418"), 418),
        ("/api/returns", ("x-refuse", "no"), 500),
    ] {
        let start = Instant::now();
        let answer = send(&host, path, header);
        assert_eq!(answer.status, status, "{path} {header:?}");
        let reported = duration(&answer, "function");
        assert!(
            reported > Duration::ZERO && reported <= start.elapsed(),
            "{path} {header:?}: {reported:?}"
        );
    }
    assert_eq!(host.get("/api/missing").header("server-timing"), "");
    host.stop().assert_clean();
}

#[test]
fn a_call_beyond_function_timeout_says_so() {
    let host = timed(r#""functionTimeout": "00:00:01","#, json!({ "metric": "app" })).start();
    let answer = host.get("/api/waits_async");
    assert_eq!(answer.status, 504);
    assert!(duration(&answer, "app") >= Duration::from_secs(1), "{answer:?}");
    crate::extensions::support::open_gate(host.app().path());
}

#[test]
fn what_the_function_says_itself_stays() {
    let code = r#"
import azure.functions as func


def main(req):
    return func.HttpResponse("said", headers={"Server-Timing": "db;dur=5"})
"#;
    let binding = r#"{ "bindings": [
        { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
        { "type": "http", "direction": "out", "name": "$return" } ] }"#;
    let host = timed("", json!({}))
        .file("says/__init__.py", code)
        .file("says/function.json", binding)
        .start();
    let answer = host.get("/api/says");
    let header = answer.header("server-timing");
    assert!(header.starts_with("db;dur=5, function;dur="), "{header:?}");
}

#[test]
fn a_metric_name_that_is_not_a_token_stops_the_host() {
    let stopped = timed("", json!({ "metric": "two words" })).start_fails();
    let problem = "metric: \"two words\" is not a valid metric name";
    assert!(stopped.stderr.contains(problem), "{}", stopped.stderr);
}
