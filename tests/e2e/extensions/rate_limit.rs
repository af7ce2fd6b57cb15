//! The extension "rate-limit": found beside the binary, and in front of real functions.

use std::time::Duration;

use funcdock_tests::{Answer, App, Host};
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{app, records_of};

fn limited(settings: Json) -> App {
    let functions = ["returns", "returns_async"];
    app(&[(
        "rate-limit",
        json!({ "functions": functions, "settings": settings }),
    )])
}

/// Calls a function over a connection, and so from a port, of its own.
fn call(host: &Host, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(host.url_of("/api/returns")).header("connection", "close");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    host.send(request.body(Vec::new()).expect("a valid request"))
}

/// The seconds of a 429.
fn retry_after(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 429, "{answer:?}");
    let seconds = answer.header("retry-after").parse().expect("whole seconds");
    let unit = if seconds == 1 { "second" } else { "seconds" };
    assert_eq!(
        answer.text(),
        format!("Too many requests: try again in {seconds} {unit}.\n")
    );
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    seconds
}

#[test]
fn each_function_has_a_limit_and_recovers() {
    let host = limited(json!({ "per_second": 0.25, "burst": 2 })).start();
    let mut waits = Vec::new();
    for path in ["/api/returns", "/api/returns_async"] {
        assert_eq!([host.get(path).status, host.get(path).status], [200; 2], "{path}");
        waits.push(retry_after(&host.get(path)));
    }
    assert_eq!(
        records_of(host.app(), "function").len(),
        4,
        "those that were limited did not run"
    );
    for _ in 0..10 {
        assert_eq!(host.get("/api/raises").status, 500, "it has no limit");
    }
    for wait in &waits {
        assert!((1..=4).contains(wait), "{waits:?}");
    }

    // A client that waits as long as the reply says gets through.
    std::thread::sleep(Duration::from_secs(*waits.iter().max().expect("there are two")));
    for path in ["/api/returns", "/api/returns_async"] {
        assert_eq!(host.get(path).text(), "returned", "{path}");
    }
    let metrics = host.get("/metrics").text();
    for function in ["returns", "returns_async"] {
        let line = format!("rate_limit_limited_total{{worker=\"0\",function=\"{function}\"}} 1\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    host.stop().assert_clean();
}

#[test]
fn the_value_of_a_header_has_a_limit() {
    let settings = json!({ "per_second": 0.001, "burst": 1, "key": "header:X-Api-Key" });
    let host = limited(settings).start();
    let of = |key: &str| call(&host, &[("x-api-key", key)]);
    assert_eq!([of("one").status, of("two").status], [200; 2]);
    assert!((900..=1000).contains(&retry_after(&of("one"))));
    retry_after(&of("two"));
    assert_eq!(of("three").status, 200);
    // Calls without it share one.
    assert_eq!(call(&host, &[]).status, 200);
    retry_after(&call(&host, &[]));
}

#[test]
fn a_client_has_a_limit_whatever_its_port() {
    let settings = json!({ "per_second": 0.001, "burst": 2, "key": "client" });
    let host = limited(settings).start();
    assert_eq!([call(&host, &[]).status, call(&host, &[]).status], [200; 2]);
    retry_after(&call(&host, &[]));
}

#[test]
fn settings_that_make_no_sense_stop_the_host() {
    for (settings, problem) in [
        (json!({}), "the setting \"per_second\" is missing"),
        (
            json!({ "per_second": 0 }),
            "per_second: expected a number above 0",
        ),
        (
            json!({ "per_second": 1, "key": "user" }),
            "key: expected \"function\", \"client\" or \"header:<name>\", found \"user\"",
        ),
        (json!({ "per_second": 1, "max_keys": 0 }), "max_keys: "),
    ] {
        let stopped = limited(settings).start_fails();
        assert!(stopped.stderr.contains(problem), "{problem}\n{}", stopped.stderr);
    }
}
