//! Functions that fail in many ways: the client gets a response, the log says why, and the worker keeps running.

use funcdock_tests::{App, Gate, Host, at_once, python, wait_for};

const HTTP: &str = r#"{ "bindings": [
    { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
    { "type": "http", "direction": "out", "name": "$return" } ] }"#;

fn pid(host: &Host) -> String {
    host.get("/api/raises?what=nothing").text()
}

/// The number of log records with this level.
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
            "\n  Traceback (most recent call last):\n    File \"{}\", line ",
            script.display()
        );
        for (what, expected) in [
            ("value", "ValueError: a value is wrong"),
            ("own", "__app__.raises.OwnError: with 🐍\n  and a second line"),
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
        "the host's own frames are not shown\n{}",
        host.stderr()
    );
    assert_eq!(pid(&host), before, "the worker survived all of it");
    host.stop().assert_clean();
}

#[test]
fn a_call_that_cancels_itself_fails() {
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
    assert_eq!(host.get("/api/loop").status, 200, "the event loop still runs");
    assert_eq!(pid(&host), before);
    host.stop().assert_clean();
}

#[test]
fn a_worker_that_a_function_ends_is_replaced() {
    let host = App::case("python").start();
    let before = pid(&host);
    for function in ["raises", "raises_async"] {
        let request = ureq::http::Request::get(host.url_of(&format!("/api/{function}?what=die")));
        let lost = host.try_send(request.body(Vec::new()).expect("a valid request"));
        assert!(lost.is_err(), "{lost:?}");
        // The connection waits in the backlog for the next worker.
        assert_ne!(pid(&host), before);
    }
    host.wait_for_log("exited with status 3; starting another one");
    host.stop().assert_clean();
}

#[test]
fn a_call_that_takes_too_long_times_out() {
    let host = App::case("gates")
        .env("AzureFunctionsJobHost__functionTimeout", "00:00:01")
        .start();
    for path in ["/api/wait?gate=a", "/api/wait_sync?gate=b"] {
        let answer = host.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (504, ""));
    }
    host.wait_for_log("timed out after 1s (functionTimeout in host.json)");
    assert_eq!(host.get("/api/pid").status, 200, "other calls are served");
    // The blocked thread would delay the host's shutdown.
    Gate::new(&host, "b").open();
    host.stop().assert_clean();
}

#[test]
fn an_asynchronous_call_that_takes_too_long_is_cancelled() {
    let waits = r#"
import asyncio
import logging

ended = []


async def part(name):
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        logging.info("cancelled: %s", name)
        raise


async def main(req):
    what = req.params.get("what")
    if what == "ended":
        return " ".join(ended)
    try:
        await asyncio.gather(part(f"{what} one"), part(f"{what} two"))
    except asyncio.CancelledError:
        if what == "stubborn":
            # Nothing stops it.
            await asyncio.sleep(0.05)
            return "late"
        raise
    finally:
        ended.append(what)
"#;
    let host = App::empty()
        .file(
            "host.json",
            r#"{ "version": "2.0", "functionTimeout": "00:00:01" }"#,
        )
        .file("waits/function.json", HTTP)
        .file("waits/__init__.py", waits)
        .start();
    let calls = ["a", "b", "stubborn"];
    let statuses = at_once(calls.len(), |call| {
        host.get(&format!("/api/waits?what={}", calls[call])).status
    });
    assert_eq!(statuses, [504; 3]);
    let ended = wait_for(|| {
        let ended = host.get("/api/waits?what=ended").text();
        (ended.split_whitespace().count() == calls.len()).then_some(ended)
    });
    assert!(ended.is_some(), "they are not cancelled\n{}", host.output());
    for call in calls {
        for part in ["one", "two"] {
            host.wait_for_log(&format!("cancelled: {call} {part}"));
        }
    }
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(
        stopped.stderr.matches("cancelled: ").count(),
        6,
        "once each\n{}",
        stopped.stderr
    );
    assert_eq!(
        stopped.stderr.matches(" ERROR ").count(),
        3,
        "one record each\n{}",
        stopped.stderr
    );
}

/// The loop is blocked until two calls wait for it, so both become tasks before either runs its first step. From CPython
/// 3.12 on a call runs its first step at once.
#[test]
fn a_call_that_another_one_cancels_before_it_begins_fails() {
    let blocks = r#"
import time

from shared_code import gate


async def main(req):
    gate.enter("loop")
    while not gate.is_open("loop"):
        time.sleep(0.005)
    return ""
"#;
    let cancels = r#"
import asyncio


async def main(req):
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    return ""
"#;
    let host = App::case("gates")
        .file(
            "host.json",
            r#"{ "version": "2.0", "workerExtensions": { "server-timing": {} } }"#,
        )
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .file("blocks/function.json", HTTP)
        .file("blocks/__init__.py", blocks)
        .file("cancels/function.json", HTTP)
        .file("cancels/__init__.py", cancels)
        .python(python::oldest_and_newest().remove(0).1)
        .start();
    let gate = Gate::new(&host, "loop");
    let called = || {
        let report = host.get("/admin/extensions").json();
        report["workers"][0]["extensions"][0]["hooks"]["pre_invocation"]["calls"].as_u64()
    };
    let mut statuses = std::thread::scope(|scope| {
        let blocked = scope.spawn(|| host.get("/api/blocks").status);
        gate.wait_until_entered();
        let calls = [(); 2].map(|()| scope.spawn(|| host.get("/api/cancels").status));
        let waiting = wait_for(|| (called() == Some(3)).then_some(()));
        gate.open();
        assert!(waiting.is_some(), "the calls do not arrive\n{}", host.output());
        assert_eq!(blocked.join().expect("an answer"), 200);
        calls.map(|call| call.join().expect("an answer"))
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 500]);
    host.wait_for_log("the task was cancelled before it began");
    host.stop().assert_clean();
}
