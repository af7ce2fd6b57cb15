//! `/metrics` has the host's own numbers, without any extension.

use funcdock_tests::openmetrics::Samples;
use funcdock_tests::{App, Gate, Host, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::send;

fn metrics(host: &Host) -> Samples {
    let answer = send(host, "GET /metrics", &[("connection", "close")], "");
    assert_eq!(answer.status, 200);
    Samples::parse(&answer.text())
}

#[test]
fn calls_and_responses_are_counted() {
    let raising = "def main(req):\n    raise ValueError('on purpose')\n";
    let host = App::case("access").function("raise", raising).start();
    for (path, times) in [("/api/open", 3), ("/api/raise", 2), ("/api/none", 1)] {
        for _ in 0..times {
            host.get(path);
        }
    }
    let samples = metrics(&host);
    for (function, outcome, expected) in [
        ("open", "returned", 3.0),
        ("open", "raised", 0.0),
        ("raise", "raised", 2.0),
        ("raise", "returned", 0.0),
        ("hello", "returned", 0.0),
        ("nightly", "returned", 0.0),
    ] {
        let labels = [("function", function), ("outcome", outcome), ("worker", "0")];
        assert_eq!(
            samples.one("funcdock_calls_total", &labels).value,
            expected,
            "{labels:?}"
        );
    }
    let open = [("function", "open"), ("worker", "0")];
    assert_eq!(
        samples.one("funcdock_call_duration_seconds_count", &open).value,
        3.0
    );
    let seconds = samples.one("funcdock_call_duration_seconds_sum", &open).value;
    assert!(seconds > 0.0 && seconds < 30.0, "{seconds}");
    assert_eq!(samples.one("funcdock_calls_in_flight", &open).value, 0.0);
    for (code, expected) in [("2xx", 3.0), ("4xx", 1.0), ("5xx", 2.0)] {
        assert_eq!(
            samples
                .one("funcdock_http_responses_total", &[("code", code)])
                .value,
            expected,
            "{code}"
        );
    }
    let memory = samples
        .one("funcdock_worker_resident_memory_bytes", &[("worker", "0")])
        .value;
    assert!(memory > 1e6 && memory < 1e10, "{memory}");
    assert_eq!(
        samples
            .one("funcdock_log_records_dropped_total", &[("worker", "0")])
            .value,
        0.0
    );
}

#[test]
fn what_runs_and_waits_is_seen_and_so_is_a_restart() {
    let host = App::case("gates")
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
        .start();
    let gate = Gate::new(&host, "slow");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| host.get("/api/wait_sync?gate=slow"));
        }
        gate.wait_until_entered();
        let seen = wait_for(|| {
            let samples = metrics(&host);
            let in_flight = samples
                .one("funcdock_calls_in_flight", &[("function", "wait_sync")])
                .value;
            let waiting = samples.one("funcdock_calls_waiting", &[("worker", "0")]).value;
            (in_flight == 3.0 && waiting == 2.0).then_some(())
        });
        assert!(seen.is_some(), "{}", host.get("/metrics").text());
        gate.open();
    });
    // The first one began at once; the others waited while this test looked.
    let samples = metrics(&host);
    let waits = |name: &str, labels: &[(&str, &str)]| samples.one(name, labels).value;
    let of = ("function", "wait_sync");
    let waited = waits("funcdock_call_wait_seconds_sum", &[of]);
    let took = waits("funcdock_call_duration_seconds_sum", &[of]);
    assert!(waited > 0.0 && waited < took, "{waited} of {took}");
    assert_eq!(waits("funcdock_call_wait_seconds_count", &[of]), 3.0);
    let restarts = |host: &Host| {
        metrics(host)
            .one("funcdock_worker_restarts_total", &[("worker", "0")])
            .value
    };
    assert_eq!(restarts(&host), 0.0);
    kill(Pid::from_raw(host.workers()[0]), Signal::SIGKILL).expect("the worker is there");
    host.wait_for_log("worker 0 is back");
    assert_eq!(restarts(&host), 1.0);
}
