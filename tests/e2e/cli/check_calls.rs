//! `funcdock extension check`: the calls that it makes, what function code would get, and warnings.

use std::path::Path;

use funcdock_tests::{golden, library};
use serde_json::json;

use crate::cli::check::{fixture, normalised};
use crate::cli::support::{Done, extension};

#[test]
fn what_function_code_gets_is_looked_at() {
    for (case, name, settings) in [
        ("check_objects", "object", json!({})),
        ("check_on_exception", "trouble", json!({})),
        ("check_companion", "with-companion", json!({ "number": 1 })),
    ] {
        let done = fixture(name, &settings);
        assert_eq!(done.code, Some(0), "{case}\n{}", done.output());
        golden::check(&format!("extension/{case}"), &normalised(&done));
    }
}

#[test]
fn mistakes_that_do_not_fail_are_warnings() {
    let library = library("fixture-sloppy");
    // On a busy machine, too, only the hook that sleeps is slow.
    let check = |more: &[&str]| {
        Done::of(
            extension(["check", "--budget-ms", "450"])
                .args(more)
                .arg(&library),
        )
    };
    let done = check(&[]);
    assert_eq!(done.code, Some(0), "{}", done.output());
    let text = normalised(&done);
    // How long it took differs.
    let (start, rest) = text.split_once("pre_invocation took ").expect("it is slow");
    let (_, rest) = rest.split_once("ms, longer").expect("a time");
    golden::check(
        "extension/check_sloppy",
        &format!("{start}pre_invocation took <time>ms, longer{rest}"),
    );
    let report = check(&["--json"]).json();
    assert_eq!(
        report["summary"],
        json!({ "extensions": 4, "checked": 4, "fine": 0, "warned": 4, "failed": 0 })
    );
    assert_eq!(report["ok"], true);

    let panics = fixture("panic", &json!({ "hook": "drop" }));
    assert_eq!(panics.code, Some(0), "{}", panics.output());
    let warning = "warning: extension \"panic\": drop logged an error: the destructor of extension \"panic\" panicked: on purpose";
    assert!(panics.stderr.contains(warning), "{}", panics.output());
    assert!(
        panics.stdout.ends_with("1 extension checked: 1 with warnings\n"),
        "{}",
        panics.output()
    );
}

#[test]
fn hooks_that_no_call_has_reached_are_named() {
    for (settings, how) in [
        (json!({ "comes_to": "respond" }), "answered"),
        (json!({ "comes_to": "fail" }), "refused"),
    ] {
        let done = fixture("wait", &settings);
        assert_eq!(done.code, Some(0), "{}", done.output());
        assert!(
            done.stdout.contains("\n  ! post_invocation: not called\n"),
            "{}",
            done.output()
        );
        let warning = format!(
            "warning: extension \"wait\": post_invocation: not called, as pre_invocation {how} the call; give a request \
             that passes with --request\n"
        );
        assert!(done.stderr.contains(&warning), "{}", done.output());
        assert!(
            done.stdout.ends_with("1 extension checked: 1 with warnings\n"),
            "{}",
            done.output()
        );
    }
    // It has no other hook.
    let only = fixture("answer", &json!({}));
    assert!(only.stdout.ends_with("1 fine\n"), "{}", only.output());
}

#[test]
fn the_request_and_the_settings_may_be_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let check = |request: &Path, name: &str, settings: &Path| {
        let mut command = extension(["check", "--name", name, "--request"]);
        Done::of(
            command
                .arg(request)
                .arg("--settings")
                .arg(settings)
                .arg(library("fixture-hooks")),
        )
    };
    let none = file("none.json", "{}");
    let request = file(
        "pre.http",
        "POST /api/orders HTTP/1.1\nhost: shop.example\nx-trouble: pre error\n\nhello",
    );
    let done = check(&request, "trouble", &none);
    assert_eq!(done.code, Some(1), "{}", done.output());
    assert!(done.stderr.contains("found: as requested"), "{}", done.output());

    let exception = file("exception.http", "GET / HTTP/1.1\nx-trouble: exception panic\n");
    let done = check(&exception, "trouble", &none);
    assert_eq!(done.code, Some(1), "{}", done.output());
    let error = "error: extension \"trouble\": on_exception failed in a dry run\n    found: panicked: as requested (at ";
    assert!(done.stderr.contains(error), "{}", done.output());

    let settings = file("settings.json", r#"{ "level": 1 }"#);
    let done = check(&request, "noop", &settings);
    assert!(done.stderr.contains("unknown key \"level\""), "{}", done.output());

    let broken = file("broken.http", "GET / HTTP/1.1\nno header\n");
    let missing = folder.path().join("missing");
    for (request, settings, expected) in [
        (&broken, &none, "line 2: expected a header"),
        (&missing, &none, "cannot read it: No such file"),
        (&request, &missing, "or a file with one: cannot read it"),
    ] {
        let done = check(request, "noop", settings);
        assert_eq!(done.code, Some(2), "{}", done.output());
        assert!(done.stderr.contains(expected), "{expected}\n{}", done.output());
    }
}
