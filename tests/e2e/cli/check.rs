//! `funcdock extension check`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use funcdock_tests::{golden, library};
use serde_json::{Value as Json, json};

use crate::cli::support::{Done, extension};

fn check(file: &Path, name: &str, settings: &Json) -> Command {
    let settings = settings.to_string();
    // A busy machine must not make a hook slow.
    let arguments = [
        "check",
        "--name",
        name,
        "--settings",
        &settings,
        "--budget-ms",
        "0",
    ];
    let mut command = extension(arguments);
    command.arg(file);
    command
}

/// Checks an extension of the fixture crate.
pub(crate) fn fixture(name: &str, settings: &Json) -> Done {
    Done::of(&mut check(&library("fixture-hooks"), name, settings))
}

/// Returns the output with placeholders for what differs between machines and builds.
pub(crate) fn normalised(done: &Done) -> String {
    let target = funcdock_tests::binary();
    let target = target.parent().expect("target/<profile>").display().to_string();
    let text = format!("{}---\n{}", done.stdout, done.stderr).replace(&target, "<target>");
    let lines = text
        .lines()
        .map(|line| match (line.split_once("(API "), line.find(".rs:")) {
            // The host's version of the API, and positions in the fixtures' source.
            (Some((before, after)), _) => {
                let (_, rest) = after.split_once(';').expect("the version ends");
                format!("{before}(API <version>;{rest}\n")
            }
            (None, Some(end)) => format!("{}.rs:<position>)\n", &line[..end]),
            (None, None) => format!("{line}\n"),
        });
    lines.collect()
}

#[test]
fn a_good_extension_passes_every_step() {
    let done = fixture("noop", &json!({}));
    assert_eq!(done.code, Some(0), "{}", done.output());
    golden::check("extension/check_good", &normalised(&done));

    let record = tempfile::NamedTempFile::new().expect("a file");
    let done = fixture("record-function", &json!({ "file": record.path() }));
    assert_eq!(done.code, Some(0), "{}", done.output());
    let text = std::fs::read_to_string(record.path()).expect("the record was written");
    let records: Vec<Json> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let hooks: Vec<&str> = records
        .iter()
        .filter_map(|record| record["hook"].as_str())
        .collect();
    assert_eq!(
        hooks,
        [
            "init",
            "post_function_load",
            "pre_invocation",
            "post_invocation",
            "stream_ended",
            // A call that raises.
            "pre_invocation",
            "on_exception",
            "post_invocation",
            "flush",
            "shutdown"
        ]
    );
    let get = |index: usize, key: &str| records[index][key].clone();
    assert_eq!(get(3, "state"), get(2, "invocation"), "the state came back");
    assert_eq!(get(3, "outcome"), "Returned");
    let ended = ["state", "end", "bytes"].map(|key| get(4, key));
    assert_eq!(ended, [get(2, "invocation"), json!("Complete"), json!(5)]);
}

#[test]
fn the_shipped_extensions_pass() {
    for (name, scope, settings) in [
        ("opencensus", "app", "{}"),
        ("rate-limit", "function", r#"{ "per_second": 1 }"#),
        ("memory-profile", "function", "{}"),
        ("server-timing", "app", "{}"),
    ] {
        let library = library(&format!("funcdock-{name}"));
        let done = Done::of(extension(["check", "--json", "--settings", settings]).arg(library));
        assert_eq!(done.code, Some(0), "{}", done.output());
        let report = done.json();
        assert_eq!(report["ok"], true);
        assert_eq!(report["extensions"][0]["name"], name);
        assert_eq!(report["extensions"][0]["scope"], scope);
    }
}

#[test]
fn all_extensions_of_a_library_are_checked() {
    let arguments = ["check", "--json", "--timeout", "1", "--settings", "{}"];
    let done = Done::of(extension(arguments).arg(library("fixture-hooks")));
    assert_eq!(done.code, Some(1), "{}", done.output());
    let report = done.json();
    let names: Vec<&str> = report["extensions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|extension| extension["name"].as_str())
        .collect();
    // "block" hangs, and the test does not wait for the ones after it.
    assert_eq!(
        (names[0], names.last()),
        ("2nd-metrics", Some(&"block")),
        "{names:?}"
    );
    assert_eq!(
        report["extensions"][0]["steps"][0],
        json!({ "step": "configure", "ok": true })
    );
}

#[test]
fn failed_steps_say_why() {
    for (case, name, settings) in [
        ("check_settings", "noop", json!({ "level": 1 })),
        ("check_init", "panic", json!({ "hook": "init" })),
        ("check_panic", "panic", json!({ "hook": "pre_invocation" })),
        ("check_shutdown", "fail", json!({ "hook": "shutdown" })),
        ("check_attribute", "attribute", json!({})),
        ("check_native", "with-companion", json!({ "number": -1 })),
    ] {
        let done = fixture(name, &settings);
        assert_eq!(done.code, Some(1), "{case}\n{}", done.output());
        golden::check(&format!("extension/{case}"), &normalised(&done));
    }
}

#[test]
fn a_name_that_the_library_does_not_have_is_an_error() {
    let done = fixture("nope", &json!({}));
    assert_eq!(done.code, Some(1), "{}", done.output());
    assert!(
        done.stdout
            .ends_with("✗ select\nno extension checked: the library cannot be opened\n"),
        "{}",
        done.output()
    );
    assert!(
        done.stderr.contains("has no extension of that name"),
        "{}",
        done.output()
    );
}

#[test]
fn a_process_that_ends_is_an_error() {
    for (case, settings) in [
        ("check_abort", json!({ "way": "abort" })),
        ("check_exit", json!({ "way": "exit", "in_init": true })),
    ] {
        let done = fixture("crash", &settings);
        assert_eq!(done.code, Some(1), "{case}\n{}", done.output());
        golden::check(&format!("extension/{case}"), &normalised(&done));
    }
}

#[test]
fn a_library_that_does_not_return_times_out() {
    let start = Instant::now();
    let settings = json!({ "way": "loop" });
    let mut command = check(&library("fixture-hooks"), "crash", &settings);
    let done = Done::of(command.args(["--timeout", "1.5"]));
    let took = start.elapsed();
    assert_eq!(done.code, Some(1), "{}", done.output());
    assert!(took >= Duration::from_millis(1500), "{took:?}");
    assert!(
        took < Duration::from_secs(10),
        "--timeout replaces the default: {took:?}"
    );
    golden::check("extension/check_loop", &normalised(&done));
}

#[test]
fn wrong_arguments_are_refused() {
    for (arguments, expected) in [
        (["--settings", "[]"], "expected a JSON object"),
        (["--settings", "{"], "expected a JSON object"),
        (["--timeout", "soon"], "expected a number of seconds"),
    ] {
        let done = Done::of(extension(["check"]).args(arguments).arg("x.so"));
        assert_eq!(done.code, Some(2), "{}", done.output());
        assert!(done.stderr.contains(expected), "{}", done.output());
    }
}
