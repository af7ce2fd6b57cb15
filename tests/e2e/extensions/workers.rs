//! With several workers, what one is asked is answered by all.

use funcdock_tests::openmetrics::Samples;
use funcdock_tests::{Host, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};

use crate::support::{app_of, fixture, recording, records_of, send};

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
    wait_until_told_of(&host, &[0, 1, 2]);
    host
}

/// The workers that a report is of.
fn told_of(host: &Host) -> Vec<u64> {
    let report = send(host, "/admin/extensions", &[CLOSE]).json();
    let workers = report["workers"].as_array().expect("a list");
    let index = |worker: &Json| worker["worker"].as_u64().expect("a number");
    workers.iter().map(index).collect()
}

fn wait_until_told_of(host: &Host, workers: &[u64]) {
    let told = wait_for(|| (told_of(host) == workers).then_some(()));
    assert!(
        told.is_some(),
        "{workers:?}: {:?}\n{}",
        told_of(host),
        host.output()
    );
}

fn signal(worker: i32, signal: Signal) {
    kill(Pid::from_raw(worker), signal).expect("it runs");
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

#[test]
fn all_workers_flush() {
    let host = start(&[("record", fixture(recording("app")))]);
    for round in 1..=2 {
        let url = host.url_of("/admin/extensions/flush");
        let request = ureq::http::Request::post(url)
            .body(Vec::new())
            .expect("a request");
        assert_eq!(host.send(request).status, 204);
        let flushed = records_of(host.app(), "flush").len();
        assert_eq!(flushed, round * WORKERS, "all, before the answer");
    }
    host.stop().assert_clean();
}

#[test]
fn a_worker_that_is_gone_or_stuck_is_left_out() {
    let host = start(&[("noop", fixture(json!({})))]);
    let stuck = host.workers()[0];
    signal(stuck, Signal::SIGSTOP);
    let told = wait_for(|| {
        let told = told_of(&host);
        (told.len() == WORKERS - 1).then_some(told)
    });
    assert!(told.is_some(), "{}", host.output());
    host.wait_for_log("1 of 2 other workers have answered within 2s");
    signal(stuck, Signal::SIGCONT);
    wait_until_told_of(&host, &[0, 1, 2]);

    signal(stuck, Signal::SIGKILL);
    let back = wait_for(|| (!host.workers().contains(&stuck)).then_some(()));
    assert!(back.is_some(), "{}", host.output());
    wait_until_told_of(&host, &[0, 1, 2]);
    let samples = Samples::parse(&host.get("/metrics").text());
    assert_eq!(samples.sum(CALLS, &[("extension", "noop"), PRE]), 0.0);
    host.stop().assert_clean();
}

#[test]
fn a_client_that_goes_away_leaves_nothing_behind() {
    let host = start(&[("noop", fixture(json!({})))]);
    for _ in 0..200 {
        let mut raw = funcdock_tests::Raw::connect(&host);
        raw.send("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
        drop(raw);
    }
    wait_until_told_of(&host, &[0, 1, 2]);
    assert!(host.workers().len() == WORKERS, "{}", host.output());
    host.stop().assert_clean();
}
