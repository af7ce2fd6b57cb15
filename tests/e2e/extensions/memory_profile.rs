//! The extension "memory-profile": found beside the binary, around functions that keep memory and functions that do not.

use funcdock_tests::{App, Host};
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{app, fixture, lines};

const MIB: u64 = 1 << 20;

/// The app, with functions (one of them asynchronous) that keep 64 MiB and 100,000 objects a call, and say what
/// `context.memory` does.
fn profiled(settings: Json) -> App {
    let code = r#"
import json

kept = []


def main(req, context):
    memory = context.memory
    before = memory.rss_bytes
    kept.append(b"x" * (64 << 20))
    kept.append([object() for _ in range(100_000)])
    return json.dumps([before, memory.rss_bytes, memory.growth_bytes])
"#;
    let binding = r#"{ "bindings": [
        { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
        { "type": "http", "direction": "out", "name": "$return" } ] }"#;
    app(&[("memory-profile", json!({ "settings": settings }))])
        .file("keeps/__init__.py", code)
        .file("keeps/function.json", binding)
        .file(
            "keeps_async/__init__.py",
            &code.replace("def main", "async def main"),
        )
        .file("keeps_async/function.json", binding)
}

/// The number after `name=` in a line of the log.
fn field(line: &str, name: &str) -> i64 {
    let (_, rest) = line.split_once(&format!(" {name}=")).expect(line);
    let number = rest.split_whitespace().next().expect(line);
    number
        .parse()
        .unwrap_or_else(|error| panic!("{name}: {error}: {line}"))
}

/// The value of a metric of a function.
fn metric(host: &Host, name: &str, function: &str) -> f64 {
    let metrics = host.get("/metrics").text();
    let start = format!("memory_profile_{name}{{worker=\"0\",function=\"{function}\"}} ");
    let found = metrics.lines().find_map(|line| line.strip_prefix(&start));
    let found = found.unwrap_or_else(|| panic!("no {start}in\n{metrics}"));
    found.parse().expect("a number")
}

#[test]
fn calls_that_grow_memory_are_logged_and_counted() {
    let host = profiled(json!({ "growth_bytes": 32 * MIB })).start();
    for path in ["returns", "returns_async", "raises", "raises_async"] {
        host.get(&format!("/api/{path}"));
    }
    for function in ["keeps", "keeps_async"] {
        let answer = host.get(&format!("/api/{function}")).json();
        let [before, after, growth] = [0, 1, 2].map(|index| answer[index].as_u64().expect("bytes"));
        // Less than the whole, as the kernel may not have counted the last pages yet, and others give some back.
        assert!(after > before + 60 * MIB, "{answer}");
        assert!(growth > 60 * MIB, "{answer}");

        let name = format!("function=\"{function}\"");
        host.wait_for_log(&format!("memory after the call {name}"));
        let log = host.stderr();
        let logged = lines(&log, &["INFO", "memory after the call", &name, "invocation="]);
        let [line] = logged.as_slice() else {
            panic!("one call, one line:\n{log}")
        };
        assert!(field(line, "rss_bytes") > 60 * MIB as i64, "{line}");
        assert!(field(line, "growth_bytes") > 60 * MIB as i64, "{line}");
        let blocks = field(line, "python_blocks");
        assert!((100_000..200_000).contains(&blocks), "{line}");

        let grown = metric(&host, "rss_grown_bytes_total", function);
        assert!(grown > 60.0 * MIB as f64, "{grown}");
        assert_eq!(grown, metric(&host, "rss_growth_bytes_sum", function));
    }
    let log = host.stderr();
    assert_eq!(
        lines(&log, &["memory after the call"]).len(),
        2,
        "the others keep nothing:\n{log}"
    );
    let help = "# HELP memory_profile_rss_grown_bytes By how much the resident set of the process grew during all \
                measured calls.\n";
    assert!(host.get("/metrics").text().contains(help));
    for function in [
        "keeps",
        "keeps_async",
        "returns",
        "returns_async",
        "raises",
        "raises_async",
    ] {
        assert_eq!(
            metric(&host, "rss_growth_bytes_count", function),
            1.0,
            "{function}"
        );
    }
    host.stop().assert_clean();
}

#[test]
fn all_calls_are_logged_on_demand() {
    let host = profiled(json!({ "log": "all" })).start();
    for path in ["returns", "raises_async", "returns"] {
        host.get(&format!("/api/{path}"));
    }
    let stopped = host.stop();
    let logged = lines(
        &stopped.stderr,
        &[
            "memory after the call",
            "rss_bytes=",
            "growth_bytes=",
            "python_blocks=",
        ],
    );
    assert_eq!(logged.len(), 3, "{}", stopped.stderr);
}

#[test]
fn calls_that_another_extension_answers_are_not_measured() {
    let host = app(&[
        ("memory-profile", json!({ "settings": { "log": "all" } })),
        ("answer", fixture(json!({}))),
    ])
    .start();
    let request = Request::get(host.url_of("/api/returns")).header("x-answer", "418");
    let answer = host.send(request.body(Vec::new()).expect("a valid request"));
    assert_eq!(answer.status, 418);
    assert_eq!(metric(&host, "rss_growth_bytes_count", "returns"), 0.0);
    host.get("/api/returns");
    assert_eq!(metric(&host, "rss_growth_bytes_count", "returns"), 1.0);
}

#[test]
fn calls_beyond_the_sample_are_not_measured() {
    let host = profiled(json!({ "sample": 0, "log": "all" })).start();
    let answer = host.get("/api/keeps").json();
    assert!(
        answer[1].as_u64() > answer[0].as_u64(),
        "function code can still read it: {answer}"
    );
    assert_eq!(answer[2], Json::Null);
    assert_eq!(metric(&host, "rss_growth_bytes_count", "keeps"), 0.0);
    let stopped = host.stop();
    assert!(
        !stopped.stderr.contains("memory after the call"),
        "{}",
        stopped.stderr
    );
}

#[test]
fn settings_that_make_no_sense_stop_the_host() {
    for (settings, problem) in [
        (
            json!({ "sample": 2 }),
            "sample: expected a number from 0 to 1, found 2",
        ),
        (json!({ "log": "some" }), "log: expected"),
        (
            json!({ "growth_bytes": -1 }),
            "growth_bytes: expected a whole number of at least 0, found -1",
        ),
    ] {
        let stopped = profiled(settings).start_fails();
        assert!(stopped.stderr.contains(problem), "{problem}\n{}", stopped.stderr);
    }
}
