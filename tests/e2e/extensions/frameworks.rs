//! Extensions around apps of web frameworks and streamed responses, in the decorator model.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use funcdock_tests::{App, Host};
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::support::{
    ENABLE, assert_paired, fixture, fixture_for, host_json, recording, records, records_of, wait_for_records,
};

/// The app of this script, with recorders in Rust at both levels, and an extension in Python if `python`.
fn app(script: &str, python: bool, members: &str) -> App {
    let extensions = [
        ("answer", fixture_for(&["*"], json!({}))),
        ("record", fixture(recording("native app"))),
        ("record-function", fixture(recording("native function"))),
    ];
    let app = App::case("streams")
        .file("host.json", &host_json(members, &extensions))
        .env("PYTHON_SCRIPT_FILE_NAME", script)
        .env(ENABLE, "1");
    match python {
        true => app.env("WITH_PYTHON_EXTENSION", "1"),
        false => app,
    }
}

/// The records of calls and streams as "label hook", in order, from this one on.
fn order(host: &Host, start: usize) -> Vec<String> {
    let wanted = ["pre_invocation", "function", "post_invocation", "stream_ended"];
    let all = records(host.app());
    let of_calls = all[start..].iter().filter_map(|record| {
        let hook = record["hook"].as_str().filter(|hook| wanted.contains(hook))?;
        Some(match record["label"].as_str() {
            Some(label) => format!("{label} {hook}"),
            None => hook.to_owned(),
        })
    });
    of_calls.collect()
}

/// The hooks around a call whose function begins.
fn around(python: bool, is_streamed: bool) -> Vec<String> {
    let labels: &[&str] = match python {
        true => &["native app", "native function", "Python"],
        false => &["native app", "native function"],
    };
    let pre = labels.iter().map(|label| format!("{label} pre_invocation"));
    let post = labels
        .iter()
        .rev()
        .map(|label| format!("{label} post_invocation"));
    let ended = ["native function stream_ended", "native app stream_ended"].map(str::to_owned);
    let ended = ended.into_iter().filter(|_| is_streamed);
    pre.chain(["function".to_owned()])
        .chain(post)
        .chain(ended)
        .collect()
}

/// The last record of this hook by the native app-level recorder.
fn last(host: &Host, hook: &str) -> Json {
    let mut found = records_of(host.app(), hook);
    found.retain(|record| record["label"] == "native app");
    found
        .pop()
        .unwrap_or_else(|| panic!("no {hook}\n{}", host.output()))
}

/// Waits until the stream that is in flight has ended for all recorders, and returns the app-level record.
fn ended(host: &Host, count: usize) -> Json {
    wait_for_records(host, "stream_ended", count * 2);
    last(host, "stream_ended")
}

/// Sends a GET and closes the connection after the first bytes of the body.
fn get_and_leave(host: &Host, path: &str) {
    let mut connection = TcpStream::connect(host.address()).expect("the host listens");
    write!(connection, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.windows(4).any(|bytes| bytes == b"xxxx") {
        let count = connection.read(&mut buffer).expect("a response");
        assert!(count > 0, "closed: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..count]);
    }
}

#[test]
fn hooks_are_in_order_around_apps_of_frameworks() {
    for python in [false, true] {
        for (script, prefix) in [
            ("asgi_app.py", ""),
            ("wsgi_app.py", ""),
            ("middleware_app.py", "/asgi"),
            ("middleware_app.py", "/wsgi"),
        ] {
            let members = match prefix {
                "" => r#""extensions": {"http": {"routePrefix": ""}},"#,
                _ => "",
            };
            let host = app(script, python, members).start();
            let base = if prefix.is_empty() {
                String::new()
            } else {
                format!("/api{prefix}")
            };
            let case = format!("{script} {prefix} python={python}");

            let start = records(host.app()).len();
            let answer = host.get(&format!("{base}/returns"));
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "returned"),
                "{case}"
            );
            assert_eq!(order(&host, start), around(python, false), "{case}: returns");

            let start = records(host.app()).len();
            assert_eq!(host.get(&format!("{base}/raises")).status, 500, "{case}");
            assert_eq!(order(&host, start), around(python, false), "{case}: raises");
            let post = last(&host, "post_invocation");
            assert_eq!(post["exception"]["message"], "before the response", "{case}");

            let start = records(host.app()).len();
            let answer = host.get(&format!("{base}/streams"));
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "one two"),
                "{case}"
            );
            let end = ended(&host, 1);
            assert_eq!(
                (&end["end"], &end["bytes"]),
                (&json!("Complete"), &json!(7)),
                "{case}"
            );
            assert_eq!(order(&host, start), around(python, true), "{case}: streams");
            assert_eq!(last(&host, "post_invocation")["status"], 200, "{case}");

            let start = records(host.app()).len();
            let request = Request::get(host.url_of(&format!("{base}/breaks")));
            let broken = host.try_send(request.body(Vec::new()).expect("a valid request"));
            assert!(
                broken.is_err(),
                "{case}: the client sees that the body is not complete"
            );
            let end = ended(&host, 2);
            assert_eq!(end["end"], "Failed", "{case}");
            assert_eq!(end["exception"]["message"], "within the response", "{case}");
            assert_eq!(order(&host, start), around(python, true), "{case}: breaks");
            host.wait_for_log("ValueError: within the response");

            let start = records(host.app()).len();
            get_and_leave(&host, &format!("{base}/endless"));
            let end = ended(&host, 3);
            assert_eq!(end["end"], "ClientLeft", "{case}");
            assert_eq!(order(&host, start), around(python, true), "{case}: client left");
            let left = wait_for_records(&host, "left", 1).pop().expect("one");
            let sent = left["sent"].as_u64().expect("a number");
            assert!(
                sent < 50_000_000,
                "{case}: a client that is gone makes the app stop: {left}"
            );

            let start = records(host.app()).len();
            let request = Request::get(host.url_of(&format!("{base}/returns"))).header("x-answer", "418");
            let answer = host.send(request.body(Vec::new()).expect("a valid request"));
            assert_eq!(answer.status, 418, "{case}");
            // The function-level extension that answers comes before the recorder of its level.
            let early = ["native app pre_invocation", "native app post_invocation"];
            assert_eq!(order(&host, start), early, "{case}: answered early");

            assert_paired(host.app());
            host.stop();
        }
    }
}

#[test]
fn a_stream_that_is_given_up_ends_for_hooks_and_app() {
    for script in ["asgi_app.py", "wsgi_app.py"] {
        let members = r#""functionTimeout": "00:00:01", "extensions": {"http": {"routePrefix": ""}},"#;
        let host = app(script, false, members).start();
        let mut connection = TcpStream::connect(host.address()).expect("the host listens");
        write!(connection, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        // Nothing is read: the app waits for room.
        let end = ended(&host, 1);
        assert_eq!(end["end"], "TimedOut", "{script}");
        host.wait_for_log("timed out after 1s");
        if script == "wsgi_app.py" {
            wait_for_records(&host, "left", 1);
        }
        drop(connection);
        host.stop();
    }
}
