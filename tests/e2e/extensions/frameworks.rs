//! Extensions around apps of web frameworks and streamed responses, in the decorator model.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use funcdock_tests::websocket::WebSocket;
use funcdock_tests::{App, Host};
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{
    ENABLE, assert_paired, fixture, fixture_for, host_json, recording, records, records_of, wait_for_records,
};

/// The app of this script, with recorders in Rust at both levels, and an extension in Python if `python`.
fn app(script: &str, python: bool, members: &str) -> App {
    let extensions = [
        ("answer", fixture_for(&["*"], json!({}))),
        ("change", fixture(json!({"label": "change"}))),
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

#[test]
fn hooks_are_in_order_around_websockets() {
    for (python, script, base, members) in [
        (
            false,
            "asgi_app.py",
            "",
            r#""extensions": {"http": {"routePrefix": ""}},"#,
        ),
        (true, "middleware_app.py", "/api/asgi", ""),
    ] {
        let host = app(script, python, members).start();
        let path = format!("{base}/talks");

        let start = records(host.app()).len();
        let headers = [("x-change-append", "x-by=a hook")];
        let mut socket = WebSocket::try_connect(&host, &path, &headers).expect("accepted");
        assert_eq!(socket.response.headers()["x-by"], "a hook", "{script}");
        let post = last(&host, "post_invocation");
        assert_eq!(
            post["status"], 101,
            "{script}: hooks see the response to the handshake"
        );
        socket.send("four");
        assert_eq!(socket.text(), "four", "{script}");
        assert!(records_of(host.app(), "stream_ended").is_empty(), "{script}");
        socket.close(1000, "");
        let end = ended(&host, 1);
        // The frames of the message and of the close: 2 + 4 and 2 + 2 bytes.
        assert_eq!(
            (&end["end"], &end["bytes"]),
            (&json!("Complete"), &json!(10)),
            "{script}"
        );
        wait_for_records(&host, "left", 1);
        let mut found = order(&host, start);
        found.retain(|entry| entry != "left");
        assert_eq!(found, around(python, true), "{script}");

        let start = records(host.app()).len();
        drop(WebSocket::connect(&host, &path));
        assert_eq!(ended(&host, 2)["end"], "ClientLeft", "{script}");
        assert_eq!(order(&host, start), around(python, true), "{script}: client left");
        let left = wait_for_records(&host, "left", 2);
        assert_eq!(left[1]["error"], 1006, "{script}");

        let start = records(host.app()).len();
        let mut socket = WebSocket::connect(&host, &format!("{base}/breaks"));
        socket.send("anything");
        assert_eq!(socket.closed().0, 1011, "{script}");
        let end = ended(&host, 3);
        assert_eq!(end["end"], "Failed", "{script}");
        assert_eq!(end["exception"]["message"], "within the conversation", "{script}");
        assert_eq!(order(&host, start), around(python, true), "{script}: raises");

        // Extensions refuse: before the call, after it, and by a mistake.
        for (header, value, status) in [
            ("x-answer", "418", 418),
            ("x-change-status", "403", 403),
            ("x-change-body", "no", 500),
        ] {
            let refused = WebSocket::try_connect(&host, &path, &[(header, value)]);
            let (found, _) = refused.err().expect("refused");
            assert_eq!(found.as_u16(), status, "{script}: {header}");
        }
        host.wait_for_log("replaced the body of a response that accepts a WebSocket");
        // The app had accepted two of them, and hears that nobody is there.
        let left = wait_for_records(&host, "left", 4);
        assert_eq!(
            (&left[2]["error"], &left[3]["error"]),
            (&json!(1006), &json!(1006))
        );
        assert_paired(host.app());
        host.stop();
    }
}

#[test]
fn a_websocket_that_takes_too_long_is_closed() {
    let members = r#""functionTimeout": "00:00:01", "extensions": {"http": {"routePrefix": ""}},"#;
    let host = app("asgi_app.py", false, members).start();
    let mut socket = WebSocket::connect(&host, "/talks");
    socket.send("four");
    assert_eq!(socket.text(), "four");
    assert_eq!(ended(&host, 1)["end"], "TimedOut");
    host.wait_for_log("timed out after 1s");
    socket.assert_gone();
    host.stop();
}
