//! Responses as post hooks read and change them, however the call ended.

use std::collections::BTreeMap;

use funcdock_tests::{Answer, Host, Raw};
use serde_json::{Value as Json, json};

use crate::extensions::support::{app_of, counts, extension, fixture, send};

/// Two extensions that change responses around one that answers; the post hooks of "second" run first.
fn host() -> Host {
    let extensions = [
        ("change", fixture(json!({ "label": "first" }))),
        ("change-again", fixture(json!({ "label": "second" }))),
        ("answer", fixture(json!({}))),
    ];
    app_of("answers", r#""functionTimeout": "00:00:01","#, &extensions).start()
}

/// What the post hook of this label saw.
fn saw(answer: &Answer, label: &str) -> Json {
    let text = answer.header(&format!("x-{label}-saw"));
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

type Headers = &'static [(&'static str, &'static str)];

/// Returns for each case the path, the request headers, and what the post hooks should see.
fn cases() -> Vec<(&'static str, Headers, Json)> {
    let text = "text/plain; charset=utf-8";
    let seen = |outcome: &str, status: u16, kind: Json, body: &str, returned: Json| {
        json!({
            "outcome": outcome, "status": [status, status], "type": kind, "body": body, "headers": [],
            "returned": returned, "raised": null,
        })
    };
    let mut http = seen(
        "Returned",
        201,
        json!("text/html; charset=utf-8"),
        "a page",
        json!(["http", "a page"]),
    );
    http["headers"] = json!(["x-f"]);
    let mut raised = seen("Raised", 500, json!(null), "", json!(null));
    raised["raised"] = "raised on purpose".into();
    let mut refused = seen("Refused", 500, json!(null), "", json!(null));
    refused["raised"] = "no".into();
    let bytes = json!(["bytes", b"bytes"]);
    vec![
        (
            "str",
            &[],
            seen("Returned", 200, json!(text), "text", json!(["text", "text"])),
        ),
        (
            "bytes",
            &[],
            seen("Returned", 200, json!("application/octet-stream"), "bytes", bytes),
        ),
        (
            "none",
            &[],
            seen("Returned", 204, json!(null), "", json!(["none"])),
        ),
        ("http", &[], http),
        ("raise", &[], raised),
        ("late", &[], seen("TimedOut", 504, json!(null), "", json!(null))),
        (
            "str",
            &[("x-answer", "418")],
            seen(
                "Answered",
                418,
                json!(null),
                "answered instead of FUNCTION",
                json!(null),
            ),
        ),
        ("str", &[("x-refuse", "no")], refused),
    ]
}

#[test]
fn every_end_can_be_read_and_changed() {
    let host = host();
    for function in ["kinds", "kinds_async"] {
        for (kind, headers, mut expected) in cases() {
            if expected["outcome"] == "Answered" {
                expected["body"] = format!("answered instead of {function}").into();
            }
            let path = format!("/api/{function}/{kind}");
            let plain = send(&host, &path, headers);
            assert_eq!(saw(&plain, "second"), expected, "{path}");
            assert_eq!(saw(&plain, "first"), expected, "{path}: nobody changed it");
            let status = expected["status"][0].as_u64().map(|status| status as u16);
            assert_eq!(Some(plain.status), status, "{path}");
            assert_eq!(
                plain.text(),
                expected["body"].as_str().unwrap_or_default(),
                "{path}"
            );

            let changes = [
                ("x-second-status", "299"),
                ("x-second-body", "changed"),
                ("x-second-set", "content-type=text/css"),
                ("x-second-append", "x-f=2"),
                ("x-first-append", "x-f=3"),
            ];
            let changed = send(&host, &path, &[&changes, headers].concat());
            assert_eq!(
                (changed.status, changed.text().as_str()),
                (299, "changed"),
                "{path}"
            );
            assert_eq!(changed.header("content-type"), "text/css", "{path}");
            let mut values: Vec<_> = changed.header("x-f").split(", ").collect();
            if kind == "http" {
                assert_eq!(values.remove(0), "1", "what the function set stays");
            }
            assert_eq!(values, ["2", "3"], "{path}");
            assert_eq!(saw(&changed, "second"), expected, "{path}: before its change");
            // The outcome stays what it was; its status, as the response, is what the client will get.
            let first = saw(&changed, "first");
            assert_eq!(first["status"], json!([299, 299]), "{path}");
            let fields = ["outcome", "returned", "raised"];
            assert_eq!(
                fields.map(|field| &first[field]),
                fields.map(|field| &expected[field]),
                "{path}"
            );
            assert_eq!(
                (&first["type"], &first["body"]),
                (&json!("text/css"), &json!("changed"))
            );
        }
    }
    host.stop().assert_clean();
}

#[test]
fn headers_are_replaced_and_removed() {
    let host = host();
    let answer = send(
        &host,
        "/api/kinds/http",
        &[("x-second-append", "x-f=2"), ("x-first-set", "X-F=3")],
    );
    assert_eq!(answer.header("x-f"), "3", "all values are replaced");
    let answer = send(
        &host,
        "/api/kinds/http",
        &[("x-second-append", "x-f=2"), ("x-first-remove", "X-F")],
    );
    assert!(
        !answer.headers.contains_key("x-f"),
        "all values are gone: {answer:?}"
    );
    let answer = send(&host, "/api/kinds/str", &[("x-first-remove", "x-never-there")]);
    assert_eq!((answer.status, answer.text().as_str()), (200, "text"));
}

#[test]
fn a_change_that_is_not_valid_in_http_is_an_error_value() {
    let host = host();
    for (change, value, problem) in [
        ("x-first-status", "199", "Value: 199 is not a final HTTP status"),
        ("x-first-status", "1000", "Value: 1000 is not a final HTTP status"),
        ("x-first-status", "0", "Value: 0 is not a final HTTP status"),
        (
            "x-first-set",
            "a b=c",
            "Value: \"a b\" is not a valid header name",
        ),
        ("x-first-append", "=c", "Value: \"\" is not a valid header name"),
    ] {
        let answer = send(&host, "/api/kinds/http", &[(change, value)]);
        assert_eq!(answer.header("x-first-error"), problem, "{change}: {value}");
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (201, "a page"),
            "unchanged"
        );
        assert_eq!(answer.header("x-f"), "1");
    }
    // The extension has handled them, so the host has nothing to count.
    assert_eq!(
        counts(
            &extension(&host, "change"),
            "post_invocation",
            ["calls", "errors"]
        ),
        [5, 0]
    );
}

/// Sends a request by hand, and returns the answer with the bytes that follow it, if any.
fn raw(host: &Host, method: &str, path: &str, headers: &str) -> Answer {
    let mut connection = Raw::connect(host);
    connection.send(format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n"
    ));
    let answer = match method {
        "HEAD" => connection.answer_to_head(),
        _ => connection.answer(),
    };
    // A body that must not be there would follow.
    connection.assert_closed();
    answer
}

#[test]
fn messages_stay_well_formed() {
    let host = host();
    let answer = raw(
        &host,
        "HEAD",
        "/api/kinds/http",
        "x-first-body: longer than before\r\n",
    );
    assert_eq!((answer.status, answer.header("content-length")), (201, "18"));
    let answer = raw(&host, "GET", "/api/kinds/http", "x-first-status: 204\r\n");
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert!(!answer.headers.contains_key("content-length"), "{answer:?}");
    let answer = raw(&host, "GET", "/api/kinds/none", "x-first-body: more\r\n");
    assert_eq!((answer.status, answer.body.len()), (204, 0), "204 has no body");
    let answer = raw(
        &host,
        "GET",
        "/api/kinds/none",
        "x-first-status: 200\r\nx-first-body: more\r\n",
    );
    assert_eq!((answer.status, answer.text().as_str()), (200, "more"));
    for framing in ["content-length=1", "transfer-encoding=chunked"] {
        let answer = raw(
            &host,
            "GET",
            "/api/kinds/str",
            &format!("x-first-set: {framing}\r\n"),
        );
        let framed: BTreeMap<_, _> = answer
            .headers
            .iter()
            .filter(|(name, _)| ["content-length", "transfer-encoding"].contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            framed,
            BTreeMap::from([("content-length", "4")]),
            "the server frames"
        );
        assert_eq!(answer.text(), "text");
    }
    host.stop().assert_clean();
}
