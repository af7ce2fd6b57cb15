//! Functions that fail, each in its own way: the call is answered, the log says why, and the worker lives on.

use funcdock_tests::{App, Host};

fn pid(host: &Host) -> String {
    host.get("/api/raises?what=nothing").text()
}

/// The records of the log that begin with this level.
fn records(host: &Host, level: &str) -> usize {
    host.stderr().matches(&format!(" {level} ")).count()
}

#[test]
fn an_exception_is_one_record_that_starts_in_the_apps_code() {
    let host = App::case("python").start();
    let before = pid(&host);
    let script = host
        .app()
        .path()
        .canonicalize()
        .expect("the app")
        .join("raises/__init__.py");
    for function in ["raises", "raises_async"] {
        let start = format!(
            "\nTraceback (most recent call last):\n  File \"{}\", line ",
            script.display()
        );
        for (what, expected) in [
            ("value", "ValueError: a value is wrong"),
            ("own", "__app__.raises.OwnError: with 🐍\nand a second line"),
            ("unprintable", "__app__.raises.Unprintable: <"),
            ("recursion", "RecursionError: maximum recursion depth exceeded"),
            ("exit", "SystemExit: 3"),
            ("interrupt", "KeyboardInterrupt"),
            ("base", "BaseException: base"),
            ("generator", "GeneratorExit"),
        ] {
            let (errors, length) = (records(&host, "ERROR"), host.stderr().len());
            let answer = host.get(&format!("/api/{function}?what={what}"));
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (500, ""),
                "{function} {what}"
            );
            host.wait_for_log_from(length, &format!(" function={function} invocation="));
            host.wait_for_log_from(length, &start);
            host.wait_for_log_from(length, expected);
            let log = host.stderr()[length..].to_owned();
            assert!(log.contains(&start), "{start}\nis missing in\n{log}");
            assert!(log.contains(expected), "{expected}\nis missing in\n{log}");
            assert_eq!(records(&host, "ERROR"), errors + 1, "{function} {what}\n{log}");
        }
        let length = host.stderr().len();
        assert_eq!(host.get(&format!("/api/{function}?what=chained")).status, 500);
        host.wait_for_log_from(
            length,
            "The above exception was the direct cause of the following exception:",
        );
    }
    assert!(
        !host.stderr().contains("<funcdock>"),
        "our own frames are of no use\n{}",
        host.stderr()
    );
    assert_eq!(pid(&host), before, "the worker has lived through all of it");
    host.stop().assert_clean();
}

#[test]
fn a_call_that_cancels_itself_has_failed() {
    let host = App::case("python").start();
    assert_eq!(host.get("/api/cancels").status, 500);
    host.wait_for_log("CancelledError");
    host.stop().assert_clean();
}

#[test]
fn background_tasks_do_not_end_the_worker() {
    let host = App::case("python").start();
    let before = pid(&host);
    for (what, expected) in [
        ("exit", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt"),
        ("value", "ValueError: in the background"),
    ] {
        assert_eq!(
            host.get(&format!("/api/background?what={what}")).text(),
            "started",
            "{}",
            host.output()
        );
        host.wait_for_log(expected);
    }
    assert_eq!(host.get("/api/loop").status, 200, "the loop goes on");
    assert_eq!(pid(&host), before);
    host.stop().assert_clean();
}

#[test]
fn a_worker_that_is_ended_by_a_function_is_replaced() {
    let host = App::case("python").start();
    let before = pid(&host);
    for function in ["raises", "raises_async"] {
        let request = ureq::http::Request::get(host.url_of(&format!("/api/{function}?what=die")));
        let lost = host.try_send(request.body(Vec::new()).expect("a valid request"));
        assert!(lost.is_err(), "{lost:?}");
        // It waits in the backlog for the worker's successor.
        assert_ne!(pid(&host), before);
    }
    host.wait_for_log("exited with status 3; starting another one");
    host.stop().assert_clean();
}

#[test]
fn a_call_that_takes_too_long_is_given_up() {
    let host = App::case("gates")
        .env("AzureFunctionsJobHost__functionTimeout", "00:00:01")
        .start();
    for path in ["/api/wait?gate=a", "/api/wait_sync?gate=b"] {
        let answer = host.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (504, ""));
    }
    host.wait_for_log("timed out after 1s (functionTimeout in host.json)");
    assert_eq!(host.get("/api/pid").status, 200, "others are served");
    for gate in ["a", "b"] {
        // Or they would hold up the end of the host.
        funcdock_tests::Gate::new(&host, gate).open();
    }
    host.stop().assert_clean();
}
