//! Each record begins a line, and nothing in it looks like another record.

use funcdock_tests::App;
use serde_json::Value;

/// What would look like a record of its own, and clear a terminal.
const FORGED: &str =
    "\r\n2026-01-01T00:00:00.000000Z  INFO funcdock: all is well\u{2028}\u{85}\x1b[2J\u{9b}2J\x7f";

/// The characters that must not be in a log.
fn is_control(c: char) -> bool {
    (c.is_control() && c != '\n') || "\u{2028}\u{2029}".contains(c)
}

#[test]
fn nothing_in_a_record_looks_like_another_one() {
    let host = App::case("log_trouble").start();
    assert_eq!(host.post("/api/forges", FORGED).status, 500);
    host.wait_for_log("the function raised ValueError");
    let stopped = host.stop();
    stopped.assert_clean();
    let log = &stopped.stderr;
    assert!(!log.contains(is_control), "{log:?}");
    for line in log.lines() {
        let is_record = line.len() > 27 && line.starts_with("20") && &line[26..27] == "Z";
        assert!(is_record || line.starts_with("  "), "{line:?}");
        assert!(!line.starts_with("2026-01-01T00:00:00.000000Z"), "{line:?}");
    }
    for expected in [
        "root: of a request: \\r invocation=",
        "\n  2026-01-01T00:00:00.000000Z  INFO funcdock: all is well\\u2028\\x85\\x1b[2J\\x9b2J\\x7f\n",
        " INFO logger\\r\\n2026-01-01T00:00:00.000000Z  INFO funcdock: all is well\\u2028\\x85\\x1b[2J\\x9b2J\\x7f: of a logger",
        "root: of an exception invocation=",
        "\n  KeyError: '\\r\\n2026-01-01",
        "the function raised ValueError: \\r function=forges invocation=",
        "\n  ValueError: \\r\n  2026-01-01T",
    ] {
        assert!(log.contains(expected), "{expected:?} is missing in\n{log}");
    }
}

#[test]
fn a_record_of_json_is_one_line_for_every_reader() {
    let host = App::case("log_trouble")
        .env("FUNCDOCK_LOG_FORMAT", "json")
        .start();
    assert_eq!(host.post("/api/forges", FORGED).status, 500);
    host.wait_for_log("the function raised ValueError");
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(!stopped.stderr.contains(is_control), "{:?}", stopped.stderr);
    let records: Vec<Value> = stopped
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let has = |key: &str, text: String| records.iter().any(|record| record[key] == *text);
    assert!(has("message", format!("of a request: {FORGED}")), "{records:?}");
    assert!(has("logger", format!("logger{FORGED}")), "{records:?}");
    assert!(
        has("message", format!("the function raised ValueError: {FORGED}")),
        "{records:?}"
    );
}

#[test]
fn an_error_at_the_start_cannot_look_like_a_record() {
    let script = format!("raise ValueError({FORGED:?}.encode().decode())\n");
    let script = script.replace("\\u{2028}", "\\u2028").replace("\\u{85}", "\\x85");
    let script = script
        .replace("\\u{1b}", "\\x1b")
        .replace("\\u{9b}", "\\x9b")
        .replace("\\u{7f}", "\\x7f");
    let stopped = App::case("log_trouble")
        .file("forges/__init__.py", &script)
        .arg("--strict")
        .start_fails();
    let error = &stopped.stderr;
    assert!(!error.contains(is_control), "{error:?}");
    let (_, error) = error.split_once("error: ").expect("an error");
    assert!(error.contains("\n  2026-01-01T00:00:00.000000Z"), "{error}");
    assert!(
        error.lines().skip(1).all(|line| line.starts_with("  ")),
        "{error}"
    );
}
