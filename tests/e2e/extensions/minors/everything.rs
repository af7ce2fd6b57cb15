//! Asserts that everything in API 1.0 works, end to end, with the frozen extension in `tests/frozen`.

mod rest;

use std::path::Path;

use funcdock_tests::{App, Host, Stopped};
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{ENABLE, host_json, lines, records, records_of, status};

/// Serves an app with the extensions of this library, and asserts that everything that API 1.0 has works.
pub(crate) fn works(library: &Path, more: &[&str]) -> Stopped {
    let with =
        |label: &str| json!({ "library": library, "settings": { "file": "record.jsonl", "label": label } });
    let mut extensions = vec![
        ("everything", with("app")),
        ("everything-function", with("function")),
        ("untaken", with("untaken")),
        ("rest", with("rest")),
    ];
    extensions.extend(more.iter().map(|name| (*name, json!({ "library": library }))));

    wrong_settings_are_refused(library);
    let host = app(&extensions).arg("--verbose").start();
    for (name, _) in &extensions {
        assert_eq!(status(&host, name)["state"], "started", "{name}");
    }
    the_life_begins(&host);
    hooks_see_the_call(&host);
    values_and_objects(&host);
    endings(&host);
    rest::works(&host);
    host.get("/api/scenario/keep");
    let stopped = host.stop();
    stopped.assert_clean();
    logged(&stopped);
    the_life_ends(&stopped, library);
    stopped
}

/// The app with these extensions.
pub(crate) fn app(extensions: &[(&str, Json)]) -> App {
    App::case("contract")
        .file("host.json", &host_json("", extensions))
        .env(ENABLE, "1")
}

fn wrong_settings_are_refused(library: &Path) {
    for (settings, message) in [
        (
            json!({ "file": "a", "label": "refused" }),
            "label: \"refused\" is refused",
        ),
        (json!({ "file": 1 }), "file: expected the path of a file"),
        (
            json!({ "file": "a", "lable": "b" }),
            "unknown key \"lable\": the keys are file, label",
        ),
    ] {
        let stopped =
            app(&[("everything", json!({ "library": library, "settings": settings }))]).start_fails();
        assert!(stopped.stderr.contains(message), "{message}\n{}", stopped.stderr);
    }
}

const FUNCTIONS: [&str; 2] = ["scenario", "scenario_async"];

/// The records of this hook and label.
fn recorded(app: &App, label: &str, hook: &str) -> Vec<Json> {
    let mut records = records_of(app, hook);
    records.retain(|record| record["label"] == label);
    records
}

fn the_life_begins(host: &Host) {
    let root = host.app().path().canonicalize().expect("the copy is there");
    let of_function = |function: &str| {
        json!({
            "function": function, "directory": root.join(function), "trigger": "httpTrigger",
            "route": format!("api/{function}/{{name}}"),
        })
    };
    let with = |record: Json, more: Json| {
        let mut record = record;
        let members = record.as_object_mut().expect("an object");
        members.extend(more.as_object().cloned().unwrap_or_default());
        record
    };
    // All of these are called on the worker's main thread.
    for label in ["app", "function"] {
        let expected = json!({ "hook": "configure", "label": label, "main": true });
        assert_eq!(recorded(host.app(), label, "configure"), [expected]);
    }
    let expected =
        json!({ "hook": "init", "label": "app", "main": true, "root": root, "worker": 0, "workers": 1 });
    assert_eq!(recorded(host.app(), "app", "init"), [expected]);
    for (label, hook, more) in [
        ("function", "init", json!({ "root": root, "worker": 0 })),
        ("function", "post_function_load", json!({})),
        ("app", "post_function_load", json!({})),
    ] {
        let always = json!({ "hook": hook, "label": label, "main": true });
        let expected =
            FUNCTIONS.map(|function| with(with(of_function(function), always.clone()), more.clone()));
        assert_eq!(recorded(host.app(), label, hook), expected, "{hook} of {label}");
    }
}

fn hooks_see_the_call(host: &Host) {
    const TRACE: &str = "00-11111111111111111111111111111111-2222222222222222-01";
    const OURS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = Request::post(host.url_of("/api/scenario/trace?a=%20x"))
        .header("traceparent", TRACE)
        .header("tracestate", "vendor=1")
        .header("accept", "text/plain")
        .header(
            "x-bytes",
            ureq::http::HeaderValue::from_bytes(b"\xff").expect("bytes"),
        )
        .body(b"a body".to_vec());
    let answer = host.send(request.expect("a valid request"));
    assert_eq!(answer.json(), json!([OURS, "frozen=1"]));

    let pre = recorded(host.app(), "app", "pre_invocation").remove(0);
    assert_eq!(
        [
            &pre["traceparent"],
            &pre["tracestate"],
            &pre["retry"],
            &pre["function"]["function"]
        ],
        [
            &json!(TRACE),
            &json!("vendor=1"),
            &json!([0, 0]),
            &json!("scenario")
        ]
    );
    let request = &pre["request"];
    let fields = [
        "method", "path", "query", "version", "accept", "bytes", "not text", "body",
    ];
    assert_eq!(
        fields.map(|field| request[field].clone()),
        [
            json!("POST"),
            json!("/api/scenario/trace"),
            json!("a=%20x"),
            json!("1.1"),
            json!("text/plain"),
            json!([255]),
            json!(null),
            json!(b"a body"),
        ]
    );
    let headers = request["headers"].as_array().expect("a list");
    assert!(
        headers.contains(&json!("traceparent")) && headers.contains(&json!("x-bytes")),
        "{headers:?}"
    );
    let client = request["client"].as_str().expect("an address");
    assert!(client.starts_with("127.0.0.1:"), "{client}");

    let set = recorded(host.app(), "app", "set").remove(0);
    assert_eq!(
        ["trace", "attributes", "reserved", "elapsed"].map(|field| &set[field]),
        [
            &json!(["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"]),
            &json!([
                "Some(None)",
                "Some(true)",
                format!("Some({})", i64::MIN),
                "Some([0, 255])",
                "Some([(\"z\", 1), (\"a\", \"b\")])",
                // An object, which belongs to its extension.
                "None",
                "None",
            ]),
            &json!("the context has \"invocation_id\" itself: set an attribute with another name"),
            &json!(true),
        ]
    );

    let post = recorded(host.app(), "app", "post_invocation").remove(0);
    assert_eq!(post["called"], true, "{post}");
    assert_eq!(
        ["state", "numbers", "outcome", "status", "extension", "exception"].map(|field| &post[field]),
        [
            &pre["invocation"],
            &json!([1, 2, 3, 4]),
            &json!("Returned"),
            &json!(200),
            &json!(null),
            &json!(null)
        ]
    );
    let post = recorded(host.app(), "function", "post_invocation").remove(0);
    assert_eq!(
        ["number", "flag", "outcome"].map(|field| &post[field]),
        [&json!(u64::MAX), &json!(true), &json!("Returned")]
    );
}

fn values_and_objects(host: &Host) {
    let cases = [
        (
            "attributes",
            json!([
                {
                    "nothing": null, "truth": true, "whole": i64::MIN, "fraction": 0.5, "text": "\u{20ac} text",
                    "owned": "owned", "items": [1, [null]], "entries": { "z": 1, "a": "b" },
                },
                [0, 255],
                ["z", "a"],
            ]),
        ),
        (
            "methods",
            json!({
                "class": "<Tool>",
                "methods": ["add", "child", "echo", "fail", "meet", "panic"],
                "label": "renamed",
                "calls": [3, 3, 7],
                "echo": [null, true, i64::MIN, 1.5, "\u{20ac}", [1, [2]], { "z": 1, "a": [null] }],
                "child": "child",
            }),
        ),
        (
            "errors",
            json!([
                "TypeError: add() takes 2 arguments but 3 were given",
                "TypeError: add() a is str",
                "AttributeError: 'Tool' object has no attribute 'missing'",
                "AttributeError: other cannot be set",
                "RuntimeError: failed as requested",
                "TypeError: fail() failed as requested",
                "ValueError: failed as requested",
                "AttributeError: failed as requested",
            ]),
        ),
        (
            "panics",
            json!(["RuntimeError: Tool.panic() panicked: as requested", 2]),
        ),
        (
            "blocks",
            json!({
                "same": true,
                "swallowed": ["ValueError", "swallowed"],
                "passed": "Trouble: on its way",
                "ended": ["__app__.shared_code.scenarios.Trouble", "on its way"],
                "traceback": true,
                "entered": "entered",
            }),
        ),
        ("meeting", json!([true, true])),
    ];
    for (scenario, expected) in cases {
        for function in FUNCTIONS {
            let answer = host.get(&format!("/api/{function}/{scenario}"));
            assert_eq!(answer.status, 200, "{scenario}\n{}", host.output());
            assert_eq!(answer.json(), expected, "{scenario}");
        }
    }
}

/// The ways in which a call ends, as the app-level post hook sees them.
fn endings(host: &Host) {
    let cases = [
        (
            "trace",
            "respond",
            418,
            "Answered",
            None,
            Some("everything-function"),
        ),
        (
            "trace",
            "refuse",
            500,
            "Refused",
            Some("refused as requested"),
            Some("everything-function"),
        ),
        ("trace", "fail", 200, "Returned", None, None),
        ("trace", "panic", 200, "Returned", None, None),
        ("trouble", "", 500, "Raised", Some("raised as requested"), None),
    ];
    for (scenario, what, code, outcome, message, extension) in cases {
        for function in FUNCTIONS {
            let before =
                ["app", "function"].map(|label| recorded(host.app(), label, "post_invocation").len());
            let url = host.url_of(&format!("/api/{function}/{scenario}"));
            let request = Request::get(url).header("x-do", what).body(Vec::new());
            let answer = host.send(request.expect("a valid request"));
            assert_eq!(answer.status, code, "{what}");
            if what == "respond" {
                assert_eq!(answer.text(), "instead");
                assert_eq!(answer.header("x-made-by"), "the extension");
                assert_eq!(answer.header("x-twice"), "one, two");
            }
            let posts = recorded(host.app(), "app", "post_invocation").split_off(before[0]);
            let [post] = posts.as_slice() else {
                panic!("{what}: {posts:#?}")
            };
            assert_eq!(
                [
                    &post["outcome"],
                    &post["status"],
                    &post["exception"]["message"],
                    &post["extension"]
                ],
                [&json!(outcome), &json!(code), &json!(message), &json!(extension)],
                "{what}"
            );
            // Its own pre hook continued only in the last case.
            let own = recorded(host.app(), "function", "post_invocation").len() - before[1];
            assert_eq!(own, usize::from(what.is_empty()), "{what}");
        }
    }
    let hooks = &status(host, "everything-function")["hooks"]["pre_invocation"];
    assert_eq!([&hooks["errors"], &hooks["panics"]], [2, 2]);
}

fn logged(stopped: &Stopped) {
    let log = &stopped.stderr;
    let calls = recorded(&stopped.app, "app", "pre_invocation").len();
    for (level, record) in [
        ("ERROR", "::app_level: a line of level error"),
        ("WARN", "::app_level: a line of level warn"),
        (
            "INFO",
            "::app_level: a line of level info answer=42 name=\"value\"",
        ),
        ("DEBUG", "::app_level: a line of level debug"),
    ] {
        let found = lines(log, &[level, record, "invocation="]);
        assert_eq!(found.len(), calls, "{record}\n{log}");
    }
    for (message, count) in [
        ("pre_invocation failed: invalid digit found in string", 2),
        ("pre_invocation failed: panicked: as requested (at ", 2),
        (
            "\"everything-function\" refused the call: refused as requested",
            2,
        ),
    ] {
        assert_eq!(lines(log, &["ERROR", message]).len(), count, "{message}\n{log}");
    }
    assert!(!log.contains("panicked at"), "{log}");
    // Each call makes a tool, and scenarios make one child and two entered ones. Python may keep the last one.
    let dropped = lines(log, &["DEBUG", "a tool is dropped"]).len();
    let made = calls + 2 * 2;
    assert!((made - 1..=made).contains(&dropped), "{dropped} of {made}\n{log}");
}

fn the_life_ends(stopped: &Stopped, library: &Path) {
    let calls = recorded(&stopped.app, "app", "pre_invocation").len() as u64;
    let function_posts = recorded(&stopped.app, "function", "post_invocation").len() as u64;
    // `shutdown` runs on its own thread, after all states were dropped, whether a post hook took them or not.
    for (label, count, states) in [
        ("app", 1, calls),
        ("function", 2, function_posts),
        ("untaken", 1, calls),
    ] {
        let shutdowns = recorded(&stopped.app, label, "shutdown");
        assert_eq!(shutdowns.len(), count, "{shutdowns:#?}");
        for shutdown in shutdowns {
            assert_eq!(shutdown["main"], false, "{shutdown}");
            assert_eq!(shutdown["states"], json!([states, states]), "{label}");
        }
    }
    // An instance is dropped once, right after its shutdown, the last docked first.
    let mut ends = records(&stopped.app);
    ends.retain(|record| record["hook"] == "shutdown" || record["hook"] == "drop");
    let ends: Vec<_> = ends
        .iter()
        .map(|record| [&record["label"], &record["hook"]])
        .collect();
    let expected =
        ["untaken", "function", "function", "app"].map(|label| [[label, "shutdown"], [label, "drop"]]);
    // The last one has a `flush` and no `shutdown`.
    let mut all = vec![["rest", "drop"]];
    all.extend(expected.concat());
    assert_eq!(ends, all);
    let flushed = recorded(&stopped.app, "rest", "flush");
    assert_eq!(flushed.len(), 1, "the end flushes: {flushed:#?}");
    assert_eq!(flushed[0]["in_time"], true);
    // Python's own end comes later: the library is still there, and so is what Python kept of it.
    let at_exit = records(&stopped.app).pop().expect("there are many");
    assert_eq!(
        (&at_exit["hook"], &at_exit["kept"]),
        (&json!("atexit"), &json!(3))
    );
    let file = library.file_name().expect("a file").to_string_lossy();
    let mapped = at_exit["mapped"].as_array().expect("a list");
    assert!(mapped.contains(&json!(file)), "{mapped:?}");
}
