//! What is shown: of all processes, as the host writes it, and chosen by number, level and function.

use funcdock_tests::{App, python, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;
use ureq::http::Request;

use super::{Following, app, logs, logs_with};

#[test]
fn all_that_the_supervisor_and_workers_log_and_print_is_shown_and_followed() {
    for (_, python) in python::oldest_and_newest() {
        let host = app().python(python).arg("--access-log").start();
        host.get("/api/talk?text=one");
        let log = logs_with(&host, &[], "GET /api/talk?text=one");
        for worker in host.workers() {
            assert!(log.contains(&format!("imported by {worker}\n")), "{log}");
        }
        for expected in [
            "\nprinted one\n",
            "\nto stderr: one\n",
            "root: info of one",
            "\ttalk: ",
        ] {
            assert!(log.contains(expected), "{expected:?} is not in:\n{log}");
        }
        // What stderr has is there, record by record. The first record follows what was printed without the end of a line.
        for line in host.stderr().lines().filter(|line| !line.contains("to stderr")) {
            assert!(log.contains(&format!("{line}\n")), "{line:?} is not in:\n{log}");
        }

        let (first, second) = (Following::of(&host, &[]), Following::of(&host, &[]));
        host.get("/api/talk?text=two");
        for following in [&first, &second] {
            following.wait_for("printed two\n");
            following.wait_for("warning of two");
        }
        // A reader that goes away.
        drop(second);
        // What only the supervisor says; and the workers that follow the others log, too.
        host.signal(Signal::SIGHUP);
        first.wait_for("reading the app again");
        first.wait_for("all workers serve the app as it is now");
        for worker in host.workers() {
            first.wait_for(&format!("imported by {worker}\n"));
        }
        host.get("/api/talk?text=three");
        first.wait_for("printed three\n");
        let stopped = host.stop();
        stopped.assert_clean();
        let (status, stdout, stderr) = first.ended();
        assert!(status.success(), "{stderr}");
        assert_eq!(stderr, "");
        for text in ["one", "two", "three"] {
            assert_eq!(
                stdout.matches(&format!("printed {text}\n")).count(),
                1,
                "{stdout}"
            );
        }
        let of_stderr = |text: &str| text.lines().filter(|line| line.contains(" root: ")).count();
        assert_eq!(of_stderr(&stdout), of_stderr(&stopped.stderr), "{stdout}");
    }
}

#[test]
fn unbuffered_output_is_shown_too() {
    let host = app().env("PYTHONUNBUFFERED", "1").start();
    host.get("/api/talk?text=x");
    let log = logs_with(&host, &[], "to stderr: x\n");
    assert!(log.contains("\nprinted x\n"), "{log}");
    host.wait_for_stdout("printed x\n");
}

#[test]
fn records_are_chosen_by_number_level_and_function() {
    let coroutine = "
import asyncio


async def main(req):
    print('async ', end='')
    await asyncio.sleep(0)
    print('printed', end='')
    raise ValueError('on purpose')
";
    let host = app().function("coroutine", coroutine).start();
    for text in ["one", "two"] {
        host.get(&format!("/api/talk?text={text}"));
        host.get(&format!("/api/other?text=other-{text}"));
    }
    host.get("/api/coroutine");
    logs_with(&host, &[], "on purpose");
    let warnings = logs(&host, &["--level", "warn", "--function", "TALK"]);
    let lines: Vec<_> = warnings.lines().collect();
    assert_eq!(lines.len(), 2, "{warnings}");
    assert!(lines[0].contains(" WARN root: warning of one") && lines[1].contains("warning of two"));
    let last = logs(&host, &["-n", "1", "--function", "talk"]);
    assert_eq!(last, "to stderr: two\n");
    assert_eq!(logs(&host, &["--lines", "0"]), "");
    // A record keeps its lines, and what a coroutine prints is its own.
    let errors = logs(&host, &["--tail", "1", "--level", "Error"]);
    assert!(
        errors.contains("on purpose") && errors.contains("\n  Traceback"),
        "{errors}"
    );
    let of_coroutine = logs(&host, &["--function", "coroutine"]);
    assert!(of_coroutine.starts_with("async printed\n"), "{of_coroutine}");
    let following = Following::start(super::command(
        &host,
        &["-f", "-n", "1", "--function", "talk", "--level", "warning"],
    ));
    following.wait_for("warning of two");
    host.get("/api/other?text=unwanted");
    host.get("/api/talk?text=wanted");
    following.wait_for("warning of wanted");
    host.stop().assert_clean();
    let (status, stdout, _) = following.ended();
    assert!(status.success());
    assert_eq!(stdout.lines().count(), 2, "{stdout}");
}

#[test]
fn a_log_of_json_has_only_objects() {
    let host = app()
        .arg("--log-format")
        .arg("json")
        .arg("--access-log=json")
        .start();
    let text = "a%1b[31m%E2%80%A8b";
    host.get(&format!("/api/talk?text={text}"));
    let log = logs_with(&host, &[], "\"status\":200");
    let records: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let printed = records
        .iter()
        .find(|record| record["logger"] == "stdout" && record["function"] == "talk");
    let printed = printed.unwrap_or_else(|| panic!("nothing printed in:\n{log}"));
    assert_eq!(printed["message"], "printed a\u{1b}[31m\u{2028}b");
    assert_eq!(printed["level"], "INFO");
    assert!(printed["timestamp"].is_string());
    let warned = records.iter().find(|record| record["level"] == "WARN");
    assert_eq!(warned.map(|record| &record["function"]), Some(&"talk".into()));
}

#[test]
fn what_is_printed_does_not_steer_the_terminal_of_the_reader() {
    let host = app().start();
    host.get("/api/talk?text=a%1b[31mb");
    let log = logs_with(&host, &[], "printed a");
    assert!(log.contains("printed a\\x1b[31mb\n"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[test]
fn the_path_is_for_operators_alone() {
    let host = App::case("access").arg("--cors").arg("*").start();
    let ask = |path: &str, origin: Option<&str>| {
        let mut request = Request::get(host.url_of(path));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        host.send(request.body(Vec::new()).expect("a valid request"))
    };
    let own = host.url().to_owned();
    for (path, origin, status) in [
        ("/admin/host/logs", None, 200),
        ("/admin/host/logs", Some("https://evil.example"), 403),
        ("/admin/host/logs", Some(own.as_str()), 200),
        ("/admin/host/logs?lines=some", None, 400),
        ("/admin/host/logs?level=loud", None, 400),
        ("/admin/host/logs?after=1-2-3", None, 410),
    ] {
        let answer = ask(path, origin);
        assert_eq!(answer.status, status, "{path} {origin:?}: {}", answer.text());
    }
    let answer = ask("/admin/host/logs?lines=1", None);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let line: Value = serde_json::from_str(answer.text().trim_end()).expect("one line of JSON");
    assert_eq!(line["records"].as_array().map(Vec::len), Some(1), "{line}");
    let place = line["next"].as_str().expect("a place");
    host.post("/admin/functions/plain", r#"{"input": "x"}"#);
    let next = wait_for(|| {
        let text = ask(&format!("/admin/host/logs?after={place}"), None).text();
        let line: Value = serde_json::from_str(text.trim_end()).expect("one line of JSON");
        (!line["records"].as_array()?.is_empty()).then_some(line)
    });
    assert_eq!(
        next.map(|line| line["lost"].is_null()),
        Some(true),
        "none is lost"
    );
}
