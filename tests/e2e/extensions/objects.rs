//! The attributes that extensions put on the Python `context`: plain values, and objects that Python calls. What
//! function code does with them is in the app's `shared_code/objects.py`, a function a scenario.

use funcdock_tests::{App, Host};
use serde_json::{Value as Json, json};

use crate::extensions::support::{ENABLE, app, fixture, lines, recording};

fn with_objects() -> App {
    app(&[
        ("record", fixture(recording("first"))),
        ("object", fixture(json!({}))),
    ])
}

/// What a scenario returns in a synchronous and in an asynchronous function.
fn both(host: &Host, scenario: &str) -> [Json; 2] {
    ["objects", "objects_async"].map(|function| {
        let answer = host.get(&format!("/api/{function}/{scenario}"));
        serde_json::from_slice(&answer.body)
            .unwrap_or_else(|error| panic!("{function}/{scenario}: {error}\n{}", host.output()))
    })
}

fn assert_scenarios(host: &Host, cases: &[(&str, Json)]) {
    for (scenario, expected) in cases {
        for found in both(host, scenario) {
            assert_eq!(found, *expected, "{scenario}");
        }
    }
}

#[test]
fn plain_values_are_attributes_like_others() {
    let host = with_objects().start();
    let value = json!({ "label": "first", "numbers": [1, 2.5, null, true], "bytes": [0, 255] });
    let cases = [
        (
            "plain",
            json!({ "value": value, "types": ["dict", "str", "list", "bytes"], "same": true }),
        ),
        (
            "missing",
            json!({
                "error": "AttributeError: 'Context' object has no attribute 'missing' (extensions offer recorded, \
                          counter, counters)",
                "hasattr": false,
                "default": "default",
            }),
        ),
        (
            "overwritten",
            json!({
                "changed": "mine", "overwritten": "overwritten", "own": "mine", "deleted": false,
                "fixed": "AttributeError",
            }),
        ),
        ("identity", json!([true, true, true, false])),
    ];
    assert_scenarios(&host, &cases);
}

#[test]
fn a_missing_attribute_says_that_extensions_are_off() {
    let app = with_objects();
    let expected = "AttributeError: 'Context' object has no attribute 'missing' (no extension has set any: is \
                    PYTHON_ENABLE_WORKER_EXTENSIONS=1 set, and the extension enabled in host.json's \
                    workerExtensions, or imported if it is written in Python?)";
    let host = app.env(ENABLE, "0").start();
    for found in both(&host, "missing") {
        assert_eq!(found["error"], expected);
    }
}

#[test]
fn objects_have_attributes_and_methods() {
    let host = with_objects().start();
    let cases = [
        ("counts", json!([1, 6, 4, 4])),
        ("nested", json!(["second", 1, "third", 0])),
        ("children", json!(["child", 2, 2])),
        ("threads", json!(4000)),
        (
            "shown",
            json!({
                "repr": "<Counter>",
                "method": "<method increment>",
                "dir": ["child", "echo", "fail", "increment", "panic"],
            }),
        ),
        (
            "attributes",
            json!({
                "before": "first",
                "after": "renamed",
                "wrong type": "TypeError: expected str, found int",
                "unsupported type": "TypeError: an extension takes None, bool, int, float, str, bytes, list, tuple \
                                     or dict, not object",
                "not settable": "AttributeError: Counter has no attribute count to set",
                "method": "AttributeError: Counter has no attribute increment to set",
                "deleted": "AttributeError: can't delete attribute",
                "missing": "AttributeError: 'Counter' object has no attribute 'missing'",
                "faulty": "ValueError: faulty on purpose",
                "hasattr": false,
            }),
        ),
    ];
    assert_scenarios(&host, &cases);
}

#[test]
fn errors_and_panics_of_methods_are_exceptions() {
    let host = with_objects().start();
    let cases = [
        (
            "errors",
            json!([
                "RuntimeError: failed on purpose",
                "TypeError: fail() failed on purpose",
                "ValueError: failed on purpose",
                "AttributeError: failed on purpose",
            ]),
        ),
        (
            "arguments",
            json!({
                "too many": "TypeError: increment() takes 1 argument but 2 were given",
                "twice": "TypeError: increment() got multiple values for argument \"by\"",
                "unknown": "TypeError: increment() got an unexpected keyword argument \"to\" (takes by)",
                "missing": "TypeError: fail() missing argument kind",
                "wrong type": "TypeError: increment() argument by must be int, not str",
                "untouched": 0,
            }),
        ),
    ];
    assert_scenarios(&host, &cases);
    for found in both(&host, "panics") {
        let error = found["error"].as_str().unwrap_or_default();
        let place =
            "RuntimeError: Counter.panic() panicked: on purpose (at tests/fixtures/hooks/src/object.rs:";
        assert!(error.starts_with(place), "{error}");
        assert_eq!(found["goes on"], 1, "the object is as good as before");
    }
}

#[test]
fn values_go_to_an_extension_and_back() {
    let host = with_objects().start();
    let refused = |name: &str| {
        format!(
            "TypeError: echo() argument 1: an extension takes None, bool, int, float, str, bytes, list, tuple or dict, \
             not {name}"
        )
    };
    let overflow = "OverflowError: echo() argument 1: an int beyond 64 bits";
    let too_deep = "TypeError: echo() argument 1: a value nested more than 32 deep";
    let cases = [
        ("echoed", json!([])),
        ("deep", json!(true)),
        (
            "unsupported",
            json!({
                "object": refused("object"),
                "set": refused("set"),
                "complex": refused("complex"),
                "bytearray": refused("bytearray"),
                "function": refused("function"),
                "counter": refused("ExtensionObject"),
                "inside": refused("Trouble"),
                "key": "TypeError: echo() argument 1: a dict key that is not str",
                "keyword": refused("set").replace("argument 1", "argument value"),
                "surrogate": "UnicodeEncodeError: 'utf-8' codec can't encode character '\\ud800' in position 0: \
                              surrogates not allowed",
                "beyond 64 bits": overflow,
                "below 64 bits": overflow,
                "deep": too_deep,
                "endless": too_deep,
            }),
        ),
    ];
    assert_scenarios(&host, &cases);
}

#[test]
fn objects_are_context_managers() {
    let host = with_objects().start();
    let cases = [
        ("with_well", json!({ "same": true, "ended": "well" })),
        ("with_another", json!({ "label": "entered", "ended": "well" })),
        ("with_closed", json!("ValueError: closed on purpose")),
        ("with_swallowed", json!(["swallowed", "KeyError: 'b'"])),
    ];
    assert_scenarios(&host, &cases);
    for found in both(&host, "with_raised") {
        assert_eq!(found["error"], "Trouble: in the block");
        let seen = &found["ended"];
        assert_eq!(seen["type"], "__app__.shared_code.objects.Trouble");
        assert_eq!(seen["message"], "in the block");
        let traceback = seen["traceback"].as_str().unwrap_or_default();
        assert!(
            traceback.contains("raise Trouble(\"in the block\")")
                && traceback.ends_with("Trouble: in the block"),
            "{traceback}"
        );
    }
}

#[test]
fn an_object_outlives_its_call_and_the_extension() {
    let host = with_objects().arg("--verbose").start();
    assert_eq!(host.get("/api/objects/keep").text(), "1");
    for expected in ["2", "3"] {
        assert_eq!(host.get("/api/objects_async/use_kept").text(), expected);
    }
    let stopped = host.stop();
    stopped.assert_clean();
    let dropped = lines(&stopped.stderr, &["a counter is dropped"]).len();
    // Three calls with three counters each. The kept child may go with the process.
    assert!((9..=10).contains(&dropped), "{dropped}\n{}", stopped.stderr);
}

/// A function that returns whether each attribute exists, two reads of "made", and the errors for missing ones.
const READS_ATTRIBUTES: &str = "import json
def main(req, context):
    if 'idle' in req.params:
        return '[]'
    names = ['made', 'kept', 'fails', 'nothing']
    said = []
    for name in ['unknown', 'fails']:
        try:
            getattr(context, name)
        except AttributeError as error:
            said.append(str(error))
    first = [hasattr(context, name) for name in names]
    return json.dumps([first, context.made, context.made, context.kept, context.invocation_id, said])
";

#[test]
fn attributes_are_made_when_they_are_asked_for() {
    let binding = r#"{ "bindings": [ { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
        { "type": "http", "direction": "out", "name": "$return" } ] }"#;
    let host = app(&[("attribute", fixture(json!({})))])
        .file("reads/function.json", binding)
        .file("reads/__init__.py", READS_ATTRIBUTES)
        .start();
    for _ in 0..3 {
        assert_eq!(
            host.get("/api/reads?idle").text(),
            "[]",
            "an attribute that nobody reads is not made"
        );
    }
    for number in 1..=2 {
        let reply: Json = serde_json::from_str(&host.get("/api/reads").text()).expect("JSON");
        let made = json!([number, reply[4]]);
        assert_eq!(reply[0], json!([true, true, false, false]));
        assert_eq!((&reply[1], &reply[2]), (&made, &made), "once for a call");
        assert_eq!(reply[3], "as it was set", "what a hook sets is not made");
        let missing = "'Context' object has no attribute";
        let said = json!([
            format!("{missing} 'unknown' (extensions offer kept, made, fails, nothing)"),
            format!("{missing} 'fails' (an extension offers it, and has none for this call: see the log)"),
        ]);
        assert_eq!(reply[5], said);
    }
    host.wait_for_log("the attribute \"fails\" cannot be made: fails cannot be made");
}
