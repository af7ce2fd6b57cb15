//! The end of extensions, and what they log in their lives.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::extensions::support::{app, fixture, fixture_for, lines, recording, records_of};

fn three() -> [(&'static str, serde_json::Value); 3] {
    [
        ("record", fixture(recording("first"))),
        (
            "record-function",
            fixture_for(&["returns", "raises"], recording("function")),
        ),
        ("record-again", fixture(recording("last"))),
    ]
}

#[test]
fn extensions_end_in_reverse_order_each_once_with_a_deadline() {
    let host = app(&three()).arg("--drain-timeout").arg("5").start();
    assert_eq!(host.get("/api/returns").text(), "returned");
    let stopped = host.stop();
    stopped.assert_clean();
    let shutdowns = records_of(&stopped.app, "shutdown");
    let labels: Vec<&str> = shutdowns
        .iter()
        .filter_map(|record| record["label"].as_str())
        .collect();
    assert_eq!(labels, ["last", "function", "function", "first"]);
    for record in shutdowns {
        let deadline = record["deadline_ms"].as_u64().expect("a number");
        assert!((1..=5000).contains(&deadline), "{deadline}");
    }
}

#[test]
fn every_worker_ends_its_own_extensions() {
    let host = app(&three()[..1]).arg("--workers").arg("2").start();
    let stopped = host.stop();
    stopped.assert_clean();
    let mut workers: Vec<_> = records_of(&stopped.app, "init")
        .iter()
        .map(|record| record["worker"].as_u64())
        .collect();
    workers.sort_unstable();
    assert_eq!(workers, [Some(0), Some(1)]);
    assert_eq!(records_of(&stopped.app, "shutdown").len(), 2);
}

#[test]
fn a_shutdown_that_blocks_is_named_and_left_behind() {
    let extensions = [
        ("record", fixture(recording("first"))),
        ("block", fixture(json!({}))),
    ];
    let host = app(&extensions).arg("--drain-timeout").arg("1").start();
    let start = Instant::now();
    let stopped = host.stop();
    let took = start.elapsed();
    stopped.assert_clean();
    assert!(
        took >= Duration::from_secs(1),
        "{took:?} is less than it may take"
    );
    let named = lines(
        &stopped.stderr,
        &[
            "ERROR",
            "shutdown did not return within",
            "extension=block",
            "left behind",
        ],
    );
    assert_eq!(named.len(), 1, "{}", stopped.stderr);
    assert_eq!(
        records_of(&stopped.app, "shutdown").len(),
        1,
        "the others end all the same"
    );
}

/// The worker stops, as it needs that extension. It shuts down the extensions that have started first.
#[test]
fn extensions_end_when_another_cannot_be_started() {
    let extensions = [
        ("record", fixture(recording("first"))),
        ("record-again", fixture(recording("second"))),
        ("fail", fixture(json!({ "hook": "init" }))),
    ];
    let stopped = app(&extensions).start_fails();
    assert!(stopped.stderr.contains("no init today"), "{}", stopped.stderr);
    let shutdowns = records_of(&stopped.app, "shutdown");
    let labels: Vec<_> = shutdowns.iter().map(|record| &record["label"]).collect();
    assert_eq!(labels, ["second", "first"]);
}

/// As service managers do it: the signal goes to every process of the service.
#[test]
fn a_signal_to_all_processes_ends_extensions_in_order() {
    let host = app(&three()).start();
    // Answered by the event loop, so the worker has come to the end of its start.
    assert_eq!(host.get("/api/returns_async").text(), "returned");
    for worker in host.workers() {
        kill(Pid::from_raw(worker), Signal::SIGTERM).expect("a worker of the host");
    }
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(records_of(&stopped.app, "shutdown").len(), 4);
}

#[test]
fn extensions_log_through_the_host() {
    let extensions = [
        ("record", fixture(recording("first"))),
        ("object", fixture(json!({}))),
    ];
    for verbose in [false, true] {
        let mut app = app(&extensions);
        if verbose {
            app = app.arg("--verbose");
        }
        let host = app.start();
        host.get("/api/returns");
        let stopped = host.stop();
        let pre = records_of(&stopped.app, "pre_invocation").remove(0);
        let invocation = format!("invocation={}", pre["invocation"].as_str().unwrap_or("none"));
        let texts = [
            "INFO fixture_hooks::record: recorded label=\"first\"",
            &invocation,
        ];
        assert_eq!(lines(&stopped.stderr, &texts).len(), 1, "{}", stopped.stderr);
        let debug = lines(&stopped.stderr, &["DEBUG", "a counter is dropped"]).len();
        assert_eq!(debug, if verbose { 3 } else { 0 }, "{}", stopped.stderr);
    }
}
