//! `funcdock start` with real processes and signals. The workers are fake (`fake_worker.py`): they speak the control
//! protocol themselves, so that these tests cover only the processes.

mod bootstrap;
mod host;

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use host::{Host, ask, command};

#[track_caller]
fn assert_printed(output: &str, expected: &[&str]) {
    for text in expected {
        assert!(output.contains(text), "{text:?} is missing in:\n{output}");
    }
}

#[test]
fn a_ready_worker_is_listed_serves_and_drains() {
    let mut host = Host::start("", &["--verbose", "--drain-timeout", "7"]);
    let seen = host.wait_for("worker {");
    let seen: Value = serde_json::from_str(seen.trim_start_matches("worker ")).expect("JSON");
    let address = host.wait_until_ready();
    assert!(ask(address).is_some());

    let root = host
        .app
        .path()
        .canonicalize()
        .expect("the app")
        .to_str()
        .expect("UTF-8")
        .to_owned();
    assert_eq!(seen["cwd"], root);
    assert_eq!(seen["environment"]["AzureWebJobsScriptRoot"], root);
    assert_eq!(seen["environment"]["FUNCTIONS_WORKER_RUNTIME"], "python");
    assert_eq!(seen["config"]["workers"], 1);
    assert_eq!(seen["config"]["verbose"], true);

    host.signal(Signal::SIGTERM);
    let (status, output) = host.wait();
    assert_eq!(status.code(), Some(0), "{output}");
    let port = address.port();
    let listing = format!(
        "\nFunctions:\n\n\tHello: [GET,POST] http://localhost:{port}/api/hello/{{name}}\n\tClock: timerTrigger\n\n\
         Worker process started and initialized.\n"
    );
    let extension = "extension tracing 1.2.3: failed, the app runs without it";
    assert_printed(
        &output,
        &[&listing, extension, r#"{"calls":3}"#, "worker 0 has drained"],
    );
    let deadline = output
        .split("\"deadline_ms\": ")
        .nth(1)
        .and_then(|text| text.split('}').next());
    let deadline: u64 = deadline.and_then(|text| text.parse().ok()).expect("a deadline");
    assert!((6_000..=7_000).contains(&deadline), "{deadline}");
}

#[test]
fn a_worker_that_cannot_start_stops_the_host_with_the_reason() {
    for (behaviour, expected) in [
        (
            "fails",
            &[
                "error: worker 0 did not start: import of function Hello failed\n  Traceback:\n  ModuleNotFoundError: nope",
            ][..],
        ),
        (
            "exits at start",
            &[
                "error: worker 0 (pid ",
                ") exited with status 7 before it was ready",
            ],
        ),
        (
            "dies at start",
            &[") was killed by signal 11 (SIGSEGV) before it was ready"],
        ),
        ("hangs at start", &["was not ready after 1 s", "--start-timeout"]),
    ] {
        let (status, output) = Host::start(behaviour, &["--start-timeout", "1"]).wait();
        assert_eq!(status.code(), Some(1), "{output}");
        assert_printed(&output, expected);
        assert!(!output.contains("Functions:"), "{output}");
    }
}

#[test]
fn one_worker_of_several_that_cannot_start_leaves_the_others_serving() {
    let mut host = Host::start("second fails later", &["--workers", "2"]);
    // The first worker is ready by now.
    host.wait_for("Clock: timerTrigger");
    std::fs::write(host.app.path().join("fail"), "").expect("written");
    host.wait_for("worker 1 did not start: second try failed");
    host.wait_for("the other workers serve, and the next attempt is in 60s");
    host.signal(Signal::SIGTERM);
    let (status, output) = host.wait();
    assert_eq!(status.code(), Some(0), "{output}");
    assert_printed(&output, &["worker drains"]);
}

/// Ends the threads of a scope, also if an assertion fails.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_killed_worker_is_replaced_under_load_while_the_port_stays_open() {
    let mut host = Host::start("", &[]);
    let address = host.wait_until_ready();
    let done = AtomicBool::new(false);
    let back = thread::scope(|scope| {
        for _ in 0..4 {
            // `ask` panics if a connection is refused.
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    ask(address);
                }
            });
        }
        let _end = SetAtEnd(&done);
        let first = ask(address).expect("an answer");
        kill(first, Signal::SIGKILL).expect("the worker runs");
        let killed = Instant::now();
        while ask(address).is_none_or(|pid| pid == first) {
            assert!(killed.elapsed() < Duration::from_secs(20), "no worker came back");
        }
        killed.elapsed()
    });
    // Most of this time is the start of the fake worker's interpreter.
    assert!(back < Duration::from_secs(2), "{back:?}");
    host.wait_for("worker 0 is back");
    host.signal(Signal::SIGTERM);
    let (status, output) = host.wait();
    assert_eq!(status.code(), Some(0), "{output}");
    assert_printed(
        &output,
        &["was killed by signal 9 (SIGKILL); starting another one"],
    );
    assert_eq!(output.matches("Functions:").count(), 1, "{output}");
}

#[test]
fn several_workers_share_the_port_and_all_drain() {
    let mut host = Host::start("", &["--workers", "3"]);
    let address = host.wait_until_ready();
    let mut pids = BTreeSet::new();
    let deadline = Instant::now() + Duration::from_secs(20);
    while pids.len() < 3 {
        // Suspended workers leave connections to the others.
        let pid = ask(address).expect("an answer");
        if pids.insert(pid) {
            kill(pid, Signal::SIGSTOP).expect("the worker runs");
        }
        assert!(Instant::now() < deadline, "only {} workers answer", pids.len());
        if pids.len() == 3 {
            pids.iter()
                .for_each(|pid| kill(*pid, Signal::SIGCONT).expect("the worker runs"));
        }
    }
    // A terminal signals the workers, too, which must ignore it.
    host.signal_group(Signal::SIGINT);
    let (status, output) = host.wait();
    assert_eq!(status.code(), Some(0), "{output}");
    assert_eq!(output.matches("worker drains").count(), 3, "{output}");
}

#[test]
fn a_worker_that_never_drains_is_killed_and_named() {
    let mut host = Host::start("never drains", &["--drain-timeout", "0.5"]);
    let address = host.wait_until_ready();
    let pid = ask(address).expect("an answer");
    let began = Instant::now();
    host.signal(Signal::SIGTERM);
    let (status, output) = host.wait();
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(
        began.elapsed() >= Duration::from_millis(2_500),
        "the worker had time to drain"
    );
    assert_printed(
        &output,
        &[&format!(
            "worker 0 (pid {pid}) did not finish in time and is killed"
        )],
    );
}

#[test]
fn a_worker_that_fails_while_it_drains_is_named() {
    let mut host = Host::start("fails to drain", &[]);
    host.wait_until_ready();
    host.signal(Signal::SIGINT);
    let (status, output) = host.wait();
    assert_eq!(status.code(), Some(1), "{output}");
    assert_printed(&output, &["exited with status 9 while it drained"]);
}

#[test]
fn a_second_signal_stops_at_once() {
    for (signal, expected) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let mut host = Host::start("never drains", &["--drain-timeout", "600"]);
        host.wait_until_ready();
        host.signal(signal);
        host.wait_for("worker drains");
        host.signal(signal);
        let (status, output) = host.wait();
        assert_eq!(status.code(), Some(expected), "{output}");
    }
}

#[test]
fn the_port_closes_when_draining_begins() {
    // This worker closes its duplicate of the socket and keeps running, so only the host's own may still be open.
    let mut host = Host::start("never drains", &["--drain-timeout", "600"]);
    let address = host.wait_until_ready();
    host.signal(Signal::SIGTERM);
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "the port is still open");
        thread::sleep(Duration::from_millis(5));
    }
    host.wait_for("worker drains");
    host.signal(Signal::SIGTERM);
    let (status, output) = host.wait();
    assert_eq!(status.code(), Some(143), "the host was not draining: {output}");
}

#[test]
fn a_start_can_be_interrupted() {
    let mut host = Host::start("hangs at start", &["--verbose"]);
    host.wait_for("worker 0 starts");
    let began = Instant::now();
    host.signal(Signal::SIGINT);
    let (status, output) = host.wait();
    assert_eq!(status.code(), Some(0), "{output}");
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "the host waited until the worker was ready"
    );
}

#[test]
fn workers_end_when_the_host_is_killed() {
    let mut host = Host::start("", &["--workers", "2"]);
    host.wait_until_ready();
    host.signal(Signal::SIGKILL);
    // Also waits until the workers close their ends of the pipes.
    let (status, output) = host.wait();
    assert_eq!(status.signal(), Some(9));
    assert_eq!(output.matches("the supervisor is gone").count(), 2, "{output}");
}

#[test]
fn a_busy_port_says_what_to_do() {
    let busy = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = busy.local_addr().expect("an address").to_string();
    let port = address.rsplit(':').next().expect("a port").to_owned();
    let (mut command, app) = command("");
    command.args(["--port", &port]);
    let (status, output) = Host::spawn(command, app).wait();
    assert_eq!(status.code(), Some(1), "{output}");
    assert_printed(
        &output,
        &[
            &format!("error: cannot listen on {address}: port {port} is in use"),
            "--port",
        ],
    );
}

#[test]
fn bad_input_is_named() {
    for (variable, value, expected) in [
        (
            "FUNCTIONS_WORKER_PROCESS_COUNT",
            "11",
            "FUNCTIONS_WORKER_PROCESS_COUNT is \"11\" in the environment",
        ),
        ("FUNCDOCK_PORT", "http", "FUNCDOCK_PORT"),
        ("FUNCDOCK_ADDRESS", "example.org", "FUNCDOCK_ADDRESS"),
        ("FUNCDOCK_PYTHON_MODULE", "/nowhere/x.so", "/nowhere/x.so"),
        ("FUNCDOCK_PYTHON", "/nowhere/python", "/nowhere/python"),
    ] {
        let (mut command, app) = command("");
        command.env(variable, value);
        let (status, output) = Host::spawn(command, app).wait();
        assert!(matches!(status.code(), Some(1 | 2)), "{output}");
        assert_printed(&output, &[expected]);
    }
}
