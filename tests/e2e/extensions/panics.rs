//! Hooks that panic or return errors: each costs one hook call, and nothing else.

use funcdock_tests::{Host, library};
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{app, assert_paired, fixture, lines, recording, records_of, status};

const CALLS: usize = 1000;
const THREADS: usize = 4;

/// Calls a function from several threads at once, and asserts that every call is answered as if nothing happened.
fn call_many(host: &Host) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                let path = ["/api/returns", "/api/returns_async"][thread % 2];
                for _ in 0..CALLS / THREADS {
                    let answer = host.get(path);
                    assert_eq!((answer.status, answer.text().as_str()), (200, "returned"));
                }
            });
        }
    });
}

/// Asserts that Rust's own panic message was not printed.
fn assert_no_panic_text(stderr: &str) {
    assert!(!stderr.contains("panicked at"), "{stderr}");
    assert!(!stderr.contains("RUST_BACKTRACE"), "{stderr}");
}

/// The configuration of an extension of the fixtures that may panic as often as it likes.
fn never_suspended(settings: Json) -> Json {
    json!({ "library": library("fixture-hooks"), "settings": settings, "suspendAfterPanics": 0 })
}

/// Asserts that many failures in this hook of a fixture extension do not affect the calls.
fn goes_wrong(extension: &str, hook: &str, message: &str) {
    let extensions = [
        ("record", fixture(recording("before"))),
        (extension, never_suspended(json!({ "hook": hook }))),
        ("record-again", fixture(recording("after"))),
    ];
    let host = app(&extensions).start();
    let workers = host.workers();
    assert_eq!(workers.len(), 1);
    call_many(&host);
    assert_eq!(host.workers(), workers, "the worker is the same");

    let hooks = &status(&host, extension)["hooks"];
    let panics = if extension == "panic" { CALLS } else { 0 };
    let counts = |hook: &str| {
        [
            &hooks[hook]["calls"],
            &hooks[hook]["panics"],
            &hooks[hook]["errors"],
        ]
    };
    assert_eq!(counts(hook), [CALLS, panics, CALLS - panics]);
    if hook == "pre_invocation" {
        let none = [0, 0, 0];
        assert_eq!(
            counts("post_invocation"),
            none,
            "a pre hook that failed has no post hook"
        );
    }
    let stopped = host.stop();
    stopped.assert_clean();
    assert_no_panic_text(&stopped.stderr);
    let name = format!("extension={extension} ");
    let logged = lines(
        &stopped.stderr,
        &["ERROR", &name, "function=returns", "invocation=", hook, message],
    );
    assert_eq!(
        logged.len(),
        CALLS,
        "one record each, such as {:?}",
        logged.first()
    );
    // The other extensions went on.
    assert_paired(&stopped.app);
    assert_eq!(records_of(&stopped.app, "post_invocation").len(), 2 * CALLS);
}

const PANIC: &str = "failed: panicked: on purpose (at tests/fixtures/hooks/src/panic.rs:";

#[test]
fn a_thousand_panics_in_pre_hooks() {
    goes_wrong("panic", "pre_invocation", PANIC);
}

#[test]
fn a_thousand_panics_in_post_hooks() {
    goes_wrong("panic", "post_invocation", PANIC);
}

#[test]
fn a_thousand_errors_in_pre_hooks() {
    goes_wrong(
        "fail",
        "pre_invocation",
        "pre_invocation failed: no pre_invocation today",
    );
}

#[test]
fn a_thousand_errors_in_post_hooks() {
    goes_wrong(
        "fail",
        "post_invocation",
        "post_invocation failed: no post_invocation today",
    );
}

#[test]
fn hooks_at_load_and_at_the_end_may_go_wrong() {
    for (hook, calls) in [("post_function_load", 8), ("shutdown", 1)] {
        for (extension, message) in [("panic", PANIC), ("fail", "failed: no ")] {
            let extensions = [
                ("record", fixture(recording("first"))),
                (extension, fixture(json!({ "hook": hook }))),
            ];
            let host = app(&extensions).start();
            assert_eq!(host.get("/api/returns").text(), "returned");
            if hook == "post_function_load" {
                let counts = &status(&host, extension)["hooks"][hook];
                let kind = if extension == "panic" { "panics" } else { "errors" };
                assert_eq!((&counts["calls"], &counts[kind]), (&json!(calls), &json!(calls)));
            }
            let stopped = host.stop();
            stopped.assert_clean();
            assert_no_panic_text(&stopped.stderr);
            let name = format!("extension={extension}");
            let message = format!("{hook} {message}");
            let logged = lines(&stopped.stderr, &["ERROR", &name, &message]);
            assert_eq!(logged.len(), calls, "{}", stopped.stderr);
            assert_eq!(
                records_of(&stopped.app, "shutdown").len(),
                1,
                "the other one ends too"
            );
        }
    }
}

/// What an extension logs on a thread where another call's hook has panicked does not belong to that call.
#[test]
fn a_panic_in_a_thread_of_the_extensions_own_is_a_log_record() {
    let extensions = [("panic", fixture(json!({ "hook": "thread" })))];
    let host = app(&extensions).env("FUNCDOCK_LOG_FORMAT", "json").start();
    let message = "the thread \\\"exporter\\\" panicked: on purpose, in a thread (at tests/fixtures/hooks/src/panic.rs:";
    host.wait_for_log(message);
    assert_eq!(host.get("/api/returns").text(), "returned", "the app goes on");
    let stopped = host.stop();
    for line in stopped.stderr.lines() {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "not JSON: {line}"
        );
    }
}

#[test]
fn a_panic_leaves_nothing_behind_on_its_thread() {
    let extensions = [
        ("object", fixture(json!({}))),
        ("panic", fixture(json!({ "hook": "pre_invocation" }))),
        ("answer", fixture(json!({}))),
    ];
    let host = app(&extensions).arg("--verbose").start();
    let request = Request::get(host.url_of("/api/returns")).header("x-answer", "200");
    let answer = host.send(request.body(Vec::new()).expect("a valid request"));
    assert_eq!(answer.text(), "answered instead of returns");
    let stopped = host.stop();
    // The function was not called, so the objects went when the invocation did: outside of any hook.
    let dropped = lines(&stopped.stderr, &["a counter is dropped"]);
    assert_eq!(dropped.len(), 3, "{}", stopped.stderr);
    for line in dropped {
        assert!(!line.contains("invocation="), "{line}");
    }
}

/// A library that is built on PyO3 may raise a panic in Python, which becomes a panic in the worker. The call then still
/// ends on its thread: its objects are dropped at its end, and not at the next call.
#[test]
fn a_panic_in_a_call_leaves_no_call_behind() {
    let script = "\
def main(req):
    classes = [cls for cls in BaseException.__subclasses__() if cls.__name__ == \"PanicException\"]
    raise classes[0](\"on purpose\")
";
    let function = r#"{ "bindings": [
        { "type": "httpTrigger", "name": "req", "authLevel": "anonymous" },
        { "type": "http", "direction": "out", "name": "$return" }
    ] }"#;
    let host = app(&[("object", fixture(json!({})))])
        .file("panics/__init__.py", script)
        .file("panics/function.json", function)
        .arg("--verbose")
        .start();
    let answer = host.get("/api/panics");
    assert_eq!((answer.status, answer.text().as_str()), (500, ""));
    host.wait_for_log("the call panicked in the worker");
    host.wait_for_log("a counter is dropped");
    assert_eq!(host.get("/api/returns").status, 200, "the thread goes on");
}
