//! With several workers, a request to one of them is answered for all.

use std::time::{Duration, Instant};

use funcdock_tests::openmetrics::Samples;
use funcdock_tests::{Host, Raw, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{app_of, fixture, recording, records_of, send, wait_for_records};

const WORKERS: usize = 3;
const CALLS: &str = "funcdock_extension_hook_calls_total";
/// A connection of its own for each request, which any worker may accept.
const CLOSE: (&str, &str) = ("connection", "close");
const PRE: (&str, &str) = ("hook", "pre_invocation");

/// A host whose workers all run.
fn start(extensions: &[(&str, Json)]) -> Host {
    let host = app_of("answers", "", extensions)
        .arg("--workers")
        .arg(WORKERS.to_string())
        .start();
    wait_until_reported(&host, &[0, 1, 2]);
    host
}

/// Returns the indexes of the workers in the report.
fn reported_workers(host: &Host) -> Vec<u64> {
    let report = send(host, "/admin/extensions", &[CLOSE]).json();
    let workers = report["workers"].as_array().expect("a list");
    let index = |worker: &Json| worker["worker"].as_u64().expect("a number");
    workers.iter().map(index).collect()
}

fn wait_until_reported(host: &Host, workers: &[u64]) {
    let reported = wait_for(|| (reported_workers(host) == workers).then_some(()));
    assert!(
        reported.is_some(),
        "{workers:?}: {:?}\n{}",
        reported_workers(host),
        host.output()
    );
}

fn signal(worker: i32, signal: Signal) {
    kill(Pid::from_raw(worker), signal).expect("it runs");
}

/// Stops a worker's process, and waits until it has stopped: until then it may still accept a connection.
fn freeze(worker: i32) {
    signal(worker, Signal::SIGSTOP);
    let is_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{worker}/stat")).expect("it runs");
        // The state follows the name, which is in parentheses.
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('T'))
    };
    assert!(
        wait_for(|| is_stopped().then_some(())).is_some(),
        "it does not stop"
    );
}

#[test]
fn metrics_and_reports_are_of_all_workers() {
    let host = start(&[("noop", fixture(json!({})))]);
    for _ in 0..30 {
        assert_eq!(send(&host, "/api/kinds_async/str", &[CLOSE]).status, 200);
    }
    for _ in 0..5 {
        // The parser refuses a family that is there twice.
        let samples = Samples::parse(&host.get("/metrics").text());
        assert_eq!(samples.sum(CALLS, &[("extension", "noop"), PRE]), 30.0);
        for worker in ["0", "1", "2"] {
            samples.one(CALLS, &[("extension", "noop"), PRE, ("worker", worker)]);
        }
        let report = host.get("/admin/extensions").json();
        let calls = |worker: &Json| worker["extensions"][0]["hooks"]["pre_invocation"]["calls"].as_u64();
        let workers = report["workers"].as_array().expect("a list");
        assert_eq!(workers.len(), WORKERS);
        assert_eq!(workers.iter().filter_map(calls).sum::<u64>(), 30);
    }
    host.stop().assert_clean();
}

fn flush(host: &Host) -> u16 {
    let request = Request::post(host.url_of("/admin/extensions/flush")).header(CLOSE.0, CLOSE.1);
    host.send(request.body(Vec::new()).expect("a request")).status
}

#[test]
fn all_workers_flush() {
    let host = start(&[("record", fixture(recording("app")))]);
    for round in 1..=2 {
        assert_eq!(flush(&host), 204);
        let flushed = records_of(host.app(), "flush").len();
        assert_eq!(flushed, round * WORKERS, "all, before the answer");
    }
    host.stop().assert_clean();
}

#[test]
fn a_worker_that_is_stuck_is_left_out() {
    let host = start(&[("record", fixture(recording("app")))]);
    let stuck = host.workers()[0];
    freeze(stuck);
    let begin = Instant::now();
    assert_eq!(reported_workers(&host).len(), WORKERS - 1);
    assert!(begin.elapsed() >= Duration::from_secs(2), "it was waited for");
    host.wait_for_log("1 of 2 other workers have answered within 2s");
    assert_eq!(flush(&host), 504, "not all have flushed");
    assert_eq!(records_of(host.app(), "flush").len(), WORKERS - 1);
    signal(stuck, Signal::SIGCONT);
    wait_until_reported(&host, &[0, 1, 2]);
    host.stop().assert_clean();
}

#[test]
fn a_worker_that_is_restarted_counts_anew() {
    let host = start(&[("noop", fixture(json!({})))]);
    let counts = || {
        let samples = Samples::parse(&send(&host, "/metrics", &[CLOSE]).text());
        let count = |worker| samples.sum(CALLS, &[("extension", "noop"), PRE, ("worker", worker)]);
        ["0", "1", "2"].map(count)
    };
    let all_have_some = wait_for(|| {
        assert_eq!(send(&host, "/api/kinds_async/str", &[CLOSE]).status, 200);
        counts().iter().all(|count| *count > 0.0).then(counts)
    });
    let before = all_have_some.unwrap_or_else(|| panic!("{:?}\n{}", counts(), host.output()));
    signal(host.workers()[0], Signal::SIGKILL);
    host.wait_for_log("is back");
    wait_until_reported(&host, &[0, 1, 2]);
    let after = counts();
    assert_eq!(
        after.iter().filter(|count| **count == 0.0).count(),
        1,
        "{before:?} {after:?}"
    );
    let kept = (0..WORKERS).filter(|worker| after[*worker] == before[*worker]);
    assert_eq!(kept.count(), WORKERS - 1, "{before:?} {after:?}");
    host.stop().assert_clean();
}

#[test]
fn a_request_to_a_stuck_worker_does_not_delay_the_shutdown() {
    let host = start(&[("record", fixture(recording("app")))]);
    let stuck = host.workers()[0];
    freeze(stuck);
    std::thread::scope(|scope| {
        let request = scope.spawn(|| flush(&host));
        wait_for_records(&host, "flush", WORKERS - 1);
        let begin = Instant::now();
        host.signal(Signal::SIGTERM);
        assert_eq!(request.join().expect("an answer"), 504);
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    });
    signal(stuck, Signal::SIGCONT);
    host.wait().assert_clean();
}

#[test]
fn clients_that_go_away_leave_nothing_behind() {
    let host = start(&[("noop", fixture(json!({})))]);
    let threads = || -> usize {
        let of = |worker: &i32| std::fs::read_dir(format!("/proc/{worker}/task")).map_or(0, Iterator::count);
        host.workers().iter().map(of).sum()
    };
    // Threads for what blocks are kept for a while, up to one in each worker.
    let before = threads() + WORKERS;
    for _ in 0..200 {
        let mut raw = Raw::connect(&host);
        raw.send("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
        drop(raw);
    }
    wait_until_reported(&host, &[0, 1, 2]);
    let ended = wait_for(|| (threads() <= before).then_some(()));
    assert!(ended.is_some(), "{before} threads, then {}", threads());
    host.stop().assert_clean();
}
