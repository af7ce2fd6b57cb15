//! Workers that die and hosts that stop: what clients see, and that no process is left behind.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use funcdock_tests::{App, DEADLINE, Gate, Host, Raw, under_load, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Returns the process id of the worker that answers a new connection; `None` when the connection was lost. Panics
/// when the connection is refused.
fn worker(host: &Host) -> Option<i32> {
    let mut stream = TcpStream::connect(host.address()).expect("the port stays open");
    stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
    // A connection that is lost during the write fails at the read below.
    let _ = stream.write_all(b"GET /api/pid HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        Ok(_) if !answer.is_empty() => {
            let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
            assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
            Some(body.parse().expect("a process id"))
        }
        Ok(_) => None,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
            None
        }
    }
}

fn kill_hard(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it runs");
}

/// Whether the process is alive; a zombie is not.
fn is_alive(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("\nState:\tZ") && !status.contains("\nState:\tX")
}

#[track_caller]
fn assert_gone(pids: &[i32]) {
    let gone = wait_for(|| (!pids.iter().any(|pid| is_alive(*pid))).then_some(()));
    assert!(gone.is_some(), "a worker is left behind: {pids:?}");
}

#[test]
fn a_killed_worker_loses_its_calls_and_nothing_else() {
    const CLIENTS: usize = 4;
    let host = App::case("gates").start();
    let first = worker(&host).expect("an answer");
    assert_eq!(host.workers(), [first]);
    let (lost, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let call = || {
        let counter = if worker(&host).is_some() { &answered } else { &lost };
        counter.fetch_add(1, Ordering::Relaxed);
    };
    let back = under_load(CLIENTS, call, || {
        let busy = wait_for(|| (answered.load(Ordering::Relaxed) > 100).then_some(()));
        assert!(busy.is_some(), "no load");
        let killed = Instant::now();
        kill_hard(first);
        let successor = wait_for(|| worker(&host).filter(|pid| *pid != first));
        let back = killed.elapsed();
        assert!(successor.is_some(), "no worker came back\n{}", host.output());
        let before = answered.load(Ordering::Relaxed);
        let busy = wait_for(|| (answered.load(Ordering::Relaxed) > before + 100).then_some(()));
        assert!(busy.is_some(), "no load");
        back
    });
    assert!(back < Duration::from_secs(2), "{back:?}");
    // Each client has one call at a time. Connections in the backlog, not accepted yet, are not lost.
    let lost = lost.into_inner();
    assert!(lost <= CLIENTS, "{lost}");
    host.wait_for_log(&format!(
        "worker 0 (pid {first}) was killed by signal 9 (SIGKILL); starting another one"
    ));
    host.wait_for_log("worker 0 is back");
    host.stop().assert_clean();
}

/// Returns the processes of the workers that run, by a report of the host's status.
fn processes(status: &serde_json::Value) -> BTreeSet<i32> {
    let workers = status["workers"].as_array().expect("a list");
    let running = workers.iter().enumerate().filter(|(index, worker)| {
        assert_eq!(worker["index"], *index, "{status:#}");
        worker["state"] == "Running"
    });
    let pids = running.map(|(_, worker)| worker["pid"].as_i64().expect("a pid") as i32);
    pids.collect()
}

#[test]
fn the_command_line_of_a_worker_is_short() {
    let host = App::case("http").start();
    let status = host.get("/admin/host/status").json();
    let pid = processes(&status).pop_first().expect("a worker");
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).expect("it runs");
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    assert!(line.contains("funcdock_python") && line.len() < 400, "{line}");
}

#[test]
fn workers_share_the_load_and_replace_each_other() {
    let host = App::case("gates").arg("--workers").arg("2").start();
    let both = || {
        let mut seen = BTreeSet::new();
        let both = wait_for(|| {
            seen.extend(worker(&host));
            (seen.len() >= 2).then(|| seen.clone())
        });
        both.unwrap_or_else(|| panic!("one worker does it all\n{}", host.output()))
    };
    let first = both();
    assert_eq!(first, host.workers().into_iter().collect());
    let mut seen = BTreeSet::new();
    let all = wait_for(|| {
        // A connection each: a worker keeps those that it has.
        let mut raw = Raw::connect(&host);
        raw.send("GET /admin/host/status HTTP/1.1\r\nHost: h\r\n\r\n");
        let status = raw.answer().json();
        assert_eq!(processes(&status), first, "{status:#}");
        seen.insert(status["worker"].as_u64());
        (seen.len() == 2).then_some(())
    });
    assert!(
        all.is_some() && seen.contains(&Some(0)) && seen.contains(&Some(1)),
        "{seen:?}"
    );

    // A suspended worker delays only the connections that it has accepted; the other workers serve the rest.
    let victim = *first.first().expect("two");
    kill_hard(victim);
    let second = both();
    assert!(
        !second.contains(&victim) && first.intersection(&second).count() == 1,
        "{first:?} {second:?}"
    );
    let stopped = host.stop();
    stopped.assert_clean();
    assert_gone(&second.into_iter().collect::<Vec<_>>());
    assert_eq!(
        stopped.stdout.matches("Functions:").count(),
        1,
        "{}",
        stopped.stdout
    );
}

#[test]
fn a_worker_that_is_stopped_keeps_no_new_connections_waiting() {
    let host = App::case("gates").arg("--workers").arg("2").start();
    let [stopped, lives] = host.workers()[..] else {
        panic!("two workers: {:?}", host.workers())
    };
    kill(Pid::from_raw(stopped), Signal::SIGSTOP).expect("it runs");
    // Until then it may accept a connection.
    let is_stopped = || {
        fs::read_to_string(format!("/proc/{stopped}/status"))
            .is_ok_and(|status| status.contains("\nState:\tT"))
    };
    assert!(
        wait_for(|| is_stopped().then_some(())).is_some(),
        "it does not stop"
    );
    for _ in 0..30 {
        assert_eq!(worker(&host), Some(lives), "{}", host.output());
    }
    kill(Pid::from_raw(stopped), Signal::SIGCONT).expect("it runs");
    host.stop().assert_clean();
}

#[test]
fn calls_finish_while_the_host_stops() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let host = App::case("gates").start();
        let workers = host.workers();
        let (slow, slower) = (Gate::new(&host, "slow"), Gate::new(&host, "slower"));
        let mut idle = Raw::connect(&host);
        idle.send("GET /api/pid HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(idle.answer().status, 200);
        std::thread::scope(|scope| {
            let calls = ["/api/wait?gate=slow", "/api/wait_sync?gate=slower"].map(|path| {
                let host = &host;
                scope.spawn(move || host.get(path))
            });
            slow.wait_until_entered();
            slower.wait_until_entered();
            // A terminal signals the whole process group, too.
            for pid in workers.iter().filter(|_| signal == Signal::SIGINT) {
                kill(Pid::from_raw(*pid), signal).expect("it runs");
            }
            host.signal(signal);
            host.wait_until_refused();
            // Connections without a request are closed at once.
            idle.assert_closed();
            slow.open();
            slower.open();
            for call in calls {
                let answer = call.join().expect("an answer");
                assert_eq!((answer.status, answer.header("connection")), (200, "close"));
            }
        });
        let stopped = host.wait();
        stopped.assert_clean();
        assert_gone(&workers);
    }
}

#[test]
fn calls_beyond_the_drain_timeout_are_dropped() {
    let host = App::case("gates").arg("--drain-timeout").arg("1").start();
    let workers = host.workers();
    let calls = ["/api/wait?gate=loop", "/api/wait_sync?gate=pool"].map(|path| {
        let mut raw = Raw::connect(&host);
        raw.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        raw
    });
    Gate::new(&host, "loop").wait_until_entered();
    Gate::new(&host, "pool").wait_until_entered();
    host.signal(Signal::SIGTERM);
    let [mut on_loop, on_pool] = calls;
    assert_eq!(on_loop.answer().status, 503, "the call is cancelled");
    on_pool.assert_closed();
    let stopped = host.wait();
    assert_eq!(
        stopped.status.code(),
        Some(1),
        "{}\n{}",
        stopped.status,
        stopped.stderr
    );
    let given_up = "given up: the worker stops and the function still runs";
    assert_eq!(stopped.stderr.matches(given_up).count(), 2, "{}", stopped.stderr);
    assert!(
        stopped.stderr.contains("the time to finish is over"),
        "{}",
        stopped.stderr
    );
    assert_gone(&workers);
}

#[test]
fn a_second_signal_stops_at_once() {
    let host = App::case("gates").start();
    let workers = host.workers();
    let mut raw = Raw::connect(&host);
    raw.send("GET /api/wait_sync?gate=g HTTP/1.1\r\nHost: h\r\n\r\n");
    Gate::new(&host, "g").wait_until_entered();
    host.signal(Signal::SIGTERM);
    host.wait_for_log("stopping; a second signal stops at once");
    host.signal(Signal::SIGINT);
    let stopped = host.wait();
    assert_eq!(stopped.status.code(), Some(128 + 2), "{}", stopped.stderr);
    raw.assert_closed();
    assert_gone(&workers);
}

#[test]
fn no_worker_outlives_its_host() {
    let host = App::case("gates").arg("--workers").arg("2").start();
    let workers = host.workers();
    assert_eq!(workers.len(), 2);
    let mut raw = Raw::connect(&host);
    raw.send("GET /api/wait_sync?gate=g HTTP/1.1\r\nHost: h\r\n\r\n");
    Gate::new(&host, "g").wait_until_entered();
    kill_hard(host.pid());
    assert_gone(&workers);
    assert_eq!(host.wait().status.signal(), Some(9));
}

#[test]
fn the_apps_exit_code_runs() {
    let host = App::case("farewell").start();
    assert_eq!(host.get("/api/hello").text(), "hello");
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(
        stopped.stdout.ends_with("the thread has ended\ngoodbye\n"),
        "{}\n{}",
        stopped.stdout,
        stopped.stderr
    );
}

#[test]
fn a_host_whose_worker_cannot_come_back_for_a_minute_ends() {
    let code = "import os, pathlib\nimport azure.functions as func\n\n\
                started = pathlib.Path(__file__).with_name(\"started\")\n\
                if started.exists():\n    os._exit(8)\nstarted.touch()\n\n\
                app = func.FunctionApp()\n\n\
                @app.route(route=\"hello\", auth_level=\"anonymous\")\n\
                def hello(req: func.HttpRequest) -> str:\n    return \"hello\"\n";
    let host = App::empty()
        .file("host.json", "{\"version\": \"2.0\"}")
        .file("function_app.py", code)
        .start();
    kill_hard(host.workers()[0]);
    let killed = Instant::now();
    for text in [
        "was killed by signal 9 (SIGKILL); starting another one\n",
        "starting another one in 100ms",
        "starting another one in 10s",
    ] {
        host.wait_for_log(text);
    }
    let end = killed + Duration::from_secs(60) + DEADLINE;
    while is_alive(host.pid()) {
        assert!(Instant::now() < end, "{}", host.output());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(killed.elapsed() >= Duration::from_secs(60), "{}", host.output());
    let stopped = host.wait();
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.stderr);
    assert!(
        stopped.stderr.contains("error: worker 0 failed to start again "),
        "{}",
        stopped.stderr
    );
    assert!(
        stopped
            .stderr
            .contains(" times in a row, for a minute; the last time\n"),
        "{}",
        stopped.stderr
    );
    assert!(
        stopped
            .stderr
            .contains(") exited with status 8 before it was ready"),
        "{}",
        stopped.stderr
    );
}
