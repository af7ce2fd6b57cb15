//! Companions: Python that native extensions bring with them.

use funcdock_tests::{App, python};
use serde_json::json;

use crate::extensions::support::{ENABLE, fixture, fixture_with, host_json, status};

/// What the function of this app returns.
const MAIN: &str = "def main(req, context):\n    \
     return ' '.join([context.greeter.greet('Ada'), *map(str, getattr(context, 'companion', []))])\n";

fn greeting(number: i64) -> App {
    App::empty()
        .file(
            "host.json",
            &host_json("", &[("with-companion", fixture(json!({ "number": number })))]),
        )
        .file(
            "greet/function.json",
            r#"{ "bindings": [ { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
                 { "type": "http", "direction": "out", "name": "$return" } ] }"#,
        )
        .file("greet/__init__.py", MAIN)
        .env(ENABLE, "1")
}

#[test]
fn a_companion_wraps_attributes_and_has_hooks() {
    let asynchronous = format!("async {MAIN}");
    for (version, python) in python::oldest_and_newest() {
        let host = greeting(7)
            .file(
                "later/function.json",
                &std::fs::read_to_string(greeting(7).path().join("greet/function.json"))
                    .expect("a file of ours"),
            )
            .file("later/__init__.py", &asynchronous)
            .python(python)
            .start();
        for function in ["greet", "later"] {
            let answer = host.get(&format!("/api/{function}"));
            assert_eq!(
                answer.text(),
                "Hello, Ada! 7 pre 7",
                "{version}\n{}",
                host.output()
            );
            host.wait_for_log(&format!("companion: post of {function}: Hello, Ada! 7 pre 7"));
        }
        host.stop().assert_clean();
    }
}

#[test]
fn a_companion_does_not_need_azure_functions() {
    let host = greeting(7).python(python::without_packages()).start();
    assert_eq!(
        host.get("/api/greet").text(),
        "Hello, Ada! 7 pre 7",
        "{}",
        host.output()
    );
}

#[test]
fn a_companion_that_raises_stops_the_start_and_shows_where() {
    let stopped = greeting(0).start_fails();
    assert!(
        stopped
            .stderr
            .contains("start of the extension \"with-companion\", in its companion,"),
        "{}",
        stopped.stderr
    );
    for line in [
        "<with-companion>/companion.py",
        "raise ValueError(\"zero is not a number to greet with\")",
        "ValueError: zero is not a number to greet with",
    ] {
        assert!(stopped.stderr.contains(line), "{line}\n{}", stopped.stderr);
    }
}

#[test]
fn an_extension_without_a_value_for_its_companion_fails_to_start() {
    let stopped = greeting(-1).start_fails();
    assert!(
        stopped.stderr.contains(
            "extension \"with-companion\": native failed\n    found: it has nothing for its companion"
        ),
        "{}",
        stopped.stderr
    );
    // Not required: the app runs without it, and that means without its hooks, which set the attribute.
    let optional = fixture_with(json!({ "number": -1 }), json!({ "required": false }));
    let app = greeting(-1)
        .file("host.json", &host_json("", &[("with-companion", optional)]))
        .file(
            "greet/__init__.py",
            "def main(req, context):\n    return str(hasattr(context, 'greeter'))\n",
        );
    let host = app.start();
    host.wait_for_log("it has nothing for its companion");
    assert_eq!(host.get("/api/greet").text(), "False");
    assert_eq!(status(&host, "with-companion")["state"], "failed");
}
