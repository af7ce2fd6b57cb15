//! Limits of workers: one that has reached its own is replaced, without a lost request.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use funcdock_tests::{App, Host, Raw, under_load, wait_for};
use nix::sys::signal::Signal;

use super::{get, pid, successor_of};

/// Calls the app with eight clients at a time until `enough`, given the process ids that have answered. Half of them keep
/// their connections until the host says that it closes them. No request may fail.
fn call_until(host: &Host, enough: impl Fn(&BTreeSet<i32>) -> bool) -> BTreeSet<i32> {
    let pids = Mutex::new(BTreeSet::new());
    let answered = |status: u16, body: &str| {
        assert_eq!(status, 200, "{body}");
        let pid = body.parse().expect("a process id");
        pids.lock().expect("no panic").insert(pid);
    };
    let numbers = AtomicUsize::new(0);
    let call = || {
        if numbers.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            let (status, body) = get(host, "/api/pid").expect("no request is lost");
            answered(status, &body);
            return;
        }
        let mut connection = Raw::connect(host);
        for _ in 0..20 {
            connection.send("GET /api/pid HTTP/1.1\r\nHost: h\r\n\r\n");
            let answer = connection.answer();
            answered(answer.status, &answer.text());
            if answer.header("connection") == "close" {
                connection.assert_closed();
                return;
            }
        }
    };
    under_load(8, call, || {
        let done = wait_for(|| enough(&pids.lock().expect("no panic")).then_some(()));
        assert!(done.is_some(), "{pids:?}\n{}", host.output());
    });
    pids.into_inner().expect("no panic")
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn workers_that_have_answered_enough_requests_are_replaced_under_load() {
    let host = App::case("gates")
        .arg("--workers=2")
        .arg("--max-requests=100")
        .start();
    let first: BTreeSet<i32> = host.workers().into_iter().collect();
    let pids = call_until(&host, |pids| pids.len() >= 4);
    assert!(first.is_subset(&pids), "{first:?} {pids:?}");
    // At the same time as a reload.
    host.signal(Signal::SIGHUP);
    call_until(&host, |_| {
        host.stderr().contains("all workers serve the app as it is now")
    });
    for worker in 0..2 {
        host.wait_for_log(&format!("worker {worker} is replaced, as it has answered "));
    }
    let stopped = host.stop();
    stopped.assert_clean();
    let log = &stopped.stderr;
    // Each draws its own limit, of 90 to 100.
    for line in log.lines().filter(|line| line.contains("is replaced, as it")) {
        let number = line
            .split("has answered ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let number: u64 = number.and_then(|text| text.parse().ok()).expect("a number");
        assert!((90..=100).contains(&number), "{line}");
        assert!(
            line.contains("INFO") && line.contains("(--max-requests)"),
            "{line}"
        );
    }
}

#[test]
fn a_limit_that_is_reached_again_at_once_is_a_warning_and_no_loop() {
    let host = App::case("gates").arg("--max-requests=5").start();
    call_until(&host, |_| host.stderr().contains("raise the limit"));
    let stopped = host.stop();
    stopped.assert_clean();
    let log = &stopped.stderr;
    assert_eq!(count(log, "is replaced"), 1, "{log}");
    assert_eq!(count(log, "raise the limit"), 1, "{log}");
}

#[test]
fn a_worker_is_replaced_after_its_time_and_so_is_one_of_a_reload() {
    let host = App::case("gates")
        .arg("--max-lifetime=2")
        .env("FUNCDOCK_MAX_JITTER", "50")
        .start();
    call_until(&host, |pids| pids.len() >= 3);
    let seen = host.stderr().len();
    host.signal(Signal::SIGHUP);
    host.wait_for_log_from(seen, "all workers serve the app as it is now");
    let seen = host.stderr().len();
    call_until(&host, |_| host.stderr()[seen..].contains("(--max-lifetime)"));
    host.stop().assert_clean();
}

/// An app whose import takes a second.
fn slow_to_start() -> App {
    let app = App::case("gates");
    let script = std::fs::read_to_string(app.path().join("pid/__init__.py")).expect("it is there");
    app.file(
        "pid/__init__.py",
        &format!("import time\n{script}\ntime.sleep(1)\n"),
    )
}

#[test]
fn one_worker_at_a_time_is_replaced_for_a_limit() {
    let host = slow_to_start()
        .arg("--workers=3")
        .arg("--max-lifetime=1")
        .arg("--max-jitter=0")
        .start();
    let text = "is replaced, as it has served for 1 s (--max-lifetime)";
    assert!(
        wait_for(|| (count(&host.stderr(), text) >= 3).then_some(())).is_some(),
        "{}",
        host.output()
    );
    let log = host.stderr();
    // "2026-11-30T15:58:25.877253Z": no successor starts before the former one is ready.
    let lines = log.lines().filter(|line| line.contains(text));
    let times: Vec<f64> = lines
        .map(|line| {
            let number = |part: &str| part.parse::<f64>().expect("a number");
            number(&line[11..13]) * 3600.0 + number(&line[14..16]) * 60.0 + number(&line[17..26])
        })
        .collect();
    for pair in times.windows(2) {
        let apart = (pair[1] - pair[0]).rem_euclid(86_400.0);
        assert!(apart >= 1.0, "{times:?}\n{log}");
    }
    host.stop().assert_clean();
}

#[test]
fn a_host_that_stops_while_a_successor_starts_ends_both() {
    let host = slow_to_start().arg("--max-lifetime=1").start();
    let starts = wait_for(|| (host.workers().len() == 2).then_some(()));
    assert!(starts.is_some(), "{}", host.output());
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(!stopped.stderr.contains("ERROR"), "{}", stopped.stderr);
}

#[test]
fn a_worker_that_grows_is_replaced() {
    let grow = "\
import os

kept = []


def main(req):
    kept.append(b\"x\" * (250 << 20))
    return str(os.getpid())
";
    let host = App::case("gates")
        .function("grow", grow)
        .arg("--max-rss=250")
        .start();
    let worker = pid(&host, "/api/pid").expect("a process id");
    assert_eq!(pid(&host, "/api/grow"), Some(worker));
    let successor = successor_of(&host, "/api/pid", worker);
    let log = host.stderr();
    assert!(
        log.contains("worker 0 is replaced, as it has ") && log.contains("(--max-rss 250)"),
        "{log}"
    );
    assert!(!log.contains("raise the limit"), "{log}");
    let alone = wait_for(|| (host.workers() == [successor]).then_some(()));
    assert!(alone.is_some(), "{:?}\n{}", host.workers(), host.output());
    host.stop().assert_clean();
}

#[test]
fn an_app_that_is_too_large_when_it_starts_is_a_warning_and_is_served() {
    let host = App::case("gates").arg("--max-rss=1").start();
    let worker = pid(&host, "/api/pid").expect("a process id");
    host.wait_for_log("raise the limit if the app needs it");
    assert_eq!(pid(&host, "/api/pid"), Some(worker), "it serves");
    host.wait_for_log("is replaced, as it has");
    // The successor is as large, and stays twice as long.
    host.wait_for_log("it serves for 20s, and its successor for 40s");
    assert_eq!(count(&host.stderr(), "is replaced"), 1, "{}", host.output());
    host.stop().assert_clean();
}

#[test]
fn a_successor_that_cannot_start_leaves_the_worker_in_its_place() {
    let script = "\
import os
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(\"pid\")
def pid(req):
    return str(os.getpid())
";
    let host = App::without_functions()
        .file("function_app.py", script)
        .arg("--max-requests=20")
        .start();
    let worker = pid(&host, "/api/pid").expect("a process id");
    let file = host.app().path().join("function_app.py");
    std::fs::write(file, "raise RuntimeError(\"broken\")\n").expect("written");
    call_until(&host, |_| host.stderr().contains("RuntimeError: broken"));
    host.wait_for_log("the next attempt is in 60s");
    assert_eq!(pid(&host, "/api/pid"), Some(worker), "it serves");
    host.stop().assert_clean();
}

#[test]
fn bad_limits_are_named() {
    for (option, value, expected) in [
        ("--max-requests", "0", "expected a whole number from 1"),
        ("--max-requests", "many", "expected a whole number from 1"),
        ("--max-lifetime", "0.5", "expected a number of seconds from 1"),
        ("--max-rss", "-1", "expected a whole number from 1"),
        ("--max-jitter", "51", "expected a whole number from 0 to 50"),
    ] {
        let stopped = App::case("gates").arg(format!("{option}={value}")).start_fails();
        let log = &stopped.stderr;
        assert!(
            !stopped.status.success() && log.contains(option) && log.contains(expected),
            "{log}"
        );
    }
}

#[test]
fn a_reload_that_fails_does_not_lose_the_limit() {
    let code = "import time\n\ntime.sleep(1)\n\n\ndef main(req):\n    return 'served'\n";
    let host = App::without_functions()
        .function("slow", code)
        .arg("--max-requests=3")
        .arg("--max-jitter=0")
        .arg("--strict")
        .start();
    for _ in 0..3 {
        assert_eq!(host.get("/api/slow").text(), "served");
    }
    // Its successor starts now. The one of the reload takes its place, and fails.
    let started = wait_for(|| (host.workers().len() == 2).then_some(()));
    assert!(started.is_some(), "{}", host.output());
    let script = host.app().path().join("slow/__init__.py");
    std::fs::write(script, "raise RuntimeError('half of an edit')\n").expect("written");
    host.signal(Signal::SIGHUP);
    host.wait_for_log("the app is served as it was before");
    host.wait_for_log("the next attempt is in 60s");
    assert_eq!(host.get("/api/slow").text(), "served");
}
