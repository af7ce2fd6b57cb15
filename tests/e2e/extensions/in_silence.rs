//! What an operator must hear: extensions that are named and not called, and attributes that hide each other.

use std::fs;

use funcdock_tests::{App, Host, library, library_name};
use serde_json::{Value as Json, json};

use crate::extensions::support::{ENABLE, app, extension, fixture, fixture_with, host_json, recording};

/// An app in the decorator model with this script, and the fixtures' extensions in its folder for them.
fn scripted(extensions: &[(&str, Json)], script: &str) -> App {
    let app = App::empty()
        .file("host.json", &host_json("", extensions))
        .file("function_app.py", script);
    let folder = app.path().join(".extensions");
    fs::create_dir_all(&folder).expect("a folder in the copy");
    for name in ["record-function", "strict-trouble"] {
        fs::copy(library("fixture-hooks"), folder.join(library_name(name))).expect("the library is built");
    }
    app
}

/// A script with one function, after these lines.
fn script(lines: &str) -> String {
    format!(
        "{lines}
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(\"answer\")
def answer(req):
    return \"answered\"
"
    )
}

#[test]
fn an_app_does_not_run_without_what_must_not_be_switched_off() {
    let strict = |more: Json| ("strict-trouble", fixture_with(json!({}), more));
    let record = |more: Json| ("record", fixture_with(recording("app"), more));
    for (named, found) in [
        (
            record(json!({ "required": true })),
            "host.json says that it is required",
        ),
        (strict(json!({})), "its hook pre_invocation is strict"),
        (
            record(json!({ "onError": "fail" })),
            "its hook pre_invocation is strict",
        ),
    ] {
        let name = named.0;
        let stopped = app(&[named]).env(ENABLE, "0").start_fails();
        for expected in [
            format!(
                "extension {name:?}: worker extensions are off, and the app must not run without this one"
            ),
            format!("found: {found}"),
            "expected: PYTHON_ENABLE_WORKER_EXTENSIONS=1".to_owned(),
            format!("\"required\": false in workerExtensions.{name} of host.json"),
        ] {
            assert!(
                stopped.stderr.contains(&expected),
                "{expected}\n{}",
                stopped.stderr
            );
        }
    }
}

#[test]
fn a_warning_names_what_is_switched_off() {
    let strict = |more: Json| ("strict-trouble", fixture_with(json!({}), more));
    for named in [
        ("record", fixture(recording("app"))),
        strict(json!({ "required": false })),
        strict(json!({ "onError": "continue" })),
        // It could not be opened if extensions were on.
        ("missing", json!({})),
    ] {
        let name = named.0;
        let host = app(&[named]).env(ENABLE, "0").start();
        assert_eq!(host.get("/api/returns").status, 200);
        let stopped = host.stop();
        stopped.assert_clean();
        let warning = format!(
            "extension {name:?}: host.json names it, but it does not run, because worker extensions are off: set \
             PYTHON_ENABLE_WORKER_EXTENSIONS=1"
        );
        assert!(stopped.stderr.contains(&warning), "{}", stopped.stderr);
    }
}

#[test]
fn code_that_imports_a_strict_extension_is_not_served_without_it() {
    for lines in [
        "from funcdock.extensions import strict_trouble",
        // The code cannot choose to be served without it.
        "try:\n    from funcdock.extensions import strict_trouble\nexcept ImportError:\n    pass",
    ] {
        let stopped = scripted(&[], &script(lines)).env(ENABLE, "0").start_fails();
        let expected = "worker extensions are off, and the app must not run without this one";
        assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
    }
    // The operator can.
    let required = ("strict-trouble", json!({ "required": false }));
    let lines = "from funcdock.extensions import strict_trouble";
    let host = scripted(&[required], &script(lines)).env(ENABLE, "0").start();
    assert_eq!(host.get("/api/answer").text(), "answered");
    host.stop().assert_clean();
}

#[test]
fn extensions_in_python_that_are_switched_off_are_named() {
    let lines = "\
from azure.functions import AppExtensionBase


class Audit(AppExtensionBase):
    pass
";
    let stopped = scripted(&[], &script(lines)).env(ENABLE, "0").start().stop();
    stopped.assert_clean();
    let warning =
        "Audit: not called, because worker extensions are off: set PYTHON_ENABLE_WORKER_EXTENSIONS=1";
    assert!(stopped.stderr.contains(warning), "{}", stopped.stderr);
}

#[test]
fn an_extension_that_is_attached_to_no_function_is_named() {
    let attached = "it is attached to no function, so none of its hooks is called";
    let applies = "it applies to no function, so its hooks around calls are never called";
    let import = "from funcdock.extensions import record_function\n";
    let configure = format!("{import}record_function.configure(file=\"record.jsonl\")\n");
    let nowhere = |settings| ("record", fixture_with(settings, json!({ "functions": [] })));
    for (host, name, reason) in [
        (scripted(&[], &script(import)), "record-function", attached),
        (scripted(&[], &script(&configure)), "record-function", attached),
        (app(&[nowhere(recording("app"))]), "record", applies),
    ] {
        let host = host.env(ENABLE, "1").start();
        let report = extension(&host, name);
        assert_eq!(report["state"], "unattached", "{report:#}");
        let message = report["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(reason), "{report:#}");
        host.wait_for_log(&format!("extension {name:?}: {reason}"));
        host.stop().assert_clean();
    }
}

#[test]
fn a_class_that_is_made_for_no_function_is_named() {
    let lines = "\
from azure.functions import FuncExtensionBase


class Token(FuncExtensionBase):
    def __init__(self, file_path):
        super().__init__(file_path)
";
    let stopped = scripted(&[], &script(lines)).env(ENABLE, "1").start().stop();
    stopped.assert_clean();
    let warning = "the extension Token is imported, and attached to no function";
    assert!(stopped.stderr.contains(warning), "{}", stopped.stderr);
    // One that is attached is not.
    let attached = format!("{lines}\n\nToken(__file__)\n");
    let stopped = scripted(&[], &script(&attached)).env(ENABLE, "1").start().stop();
    assert!(
        !stopped.stderr.contains("attached to no function"),
        "{}",
        stopped.stderr
    );
}

#[test]
fn attributes_that_hide_each_other_are_named_once() {
    let host = |second: &str| {
        let extensions = [
            ("record", fixture(recording("first"))),
            (second, fixture(recording("second"))),
        ];
        app(&extensions).start()
    };
    let warning = "the extensions record and record-again both set the attribute \"recorded\" of the context: functions \
                   get that of record-again";
    let served = host("record-again");
    for _ in 0..3 {
        assert_eq!(served.get("/api/returns").status, 200);
    }
    let stopped = served.stop();
    assert_eq!(stopped.stderr.matches(warning).count(), 1, "{}", stopped.stderr);
    // That of a function-level extension wins as well, for its functions.
    let served = host("record-function");
    assert_eq!(served.get("/api/returns").status, 200);
    let stopped = served.stop();
    assert!(
        stopped.stderr.contains("functions get that of record-function"),
        "{}",
        stopped.stderr
    );
}

/// A flush that fails, in a worker of several.
#[test]
fn a_flush_that_fails_says_where() {
    let fail = |hook: &str| -> Host {
        let fixtures = [
            ("fail", fixture(json!({ "hook": hook }))),
            ("record", fixture(recording("app"))),
        ];
        app(&fixtures).arg("--workers").arg("2").start()
    };
    let host = fail("flush");
    let answer = host.post("/admin/extensions/flush", "");
    assert_eq!(answer.status, 500, "{}", answer.text());
    for worker in 0..2 {
        let expected = format!("worker {worker}: extension \"fail\": flush failed: no flush today\n");
        assert!(answer.text().contains(&expected), "{}", answer.text());
    }
    host.stop().assert_clean();
    let host = fail("none");
    assert_eq!(host.post("/admin/extensions/flush", "").status, 204);
    host.stop().assert_clean();
}
