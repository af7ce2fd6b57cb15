//! Calls that do not end when their time is over: the worker says what they do, and is replaced.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use funcdock_tests::{App, wait_for};

use super::{get, pid, successor_of};

fn stalls() -> App {
    App::case("stalls").arg("--drain-timeout").arg("3")
}

#[test]
fn a_worker_whose_call_never_ends_is_replaced_and_says_what_the_call_does() {
    let cases = [
        (
            "sleeps",
            "function \"sleeps\" does not end",
            "in sleeps\n      time.sleep(1000)",
        ),
        (
            "deadlocks",
            "function \"deadlocks\" does not end",
            "in deadlocks\n      lock.acquire()",
        ),
        (
            "blocks",
            "function \"blocks\" blocks it",
            "in blocks\n      time.sleep(1000)",
        ),
        // The stack is read without the GIL, which has no lines of code.
        (
            "holds-gil",
            "function \"holds_gil\" does not end",
            "in holds_gil\n",
        ),
        (
            "holds-gil-async",
            "no Python code has run for",
            "in holds_gil_async\n",
        ),
    ];
    for (path, reason, place) in cases {
        let host = stalls().start();
        let worker = pid(&host, "/pid").expect("a process id");
        let (status, _) = get(&host, &format!("/{path}")).expect("an answer");
        assert_eq!(status, 504, "{path}\n{}", host.output());
        successor_of(&host, "/pid-async", worker);
        host.wait_for_log(reason);
        host.wait_for_log(place);
        host.wait_for_log("worker 0 is replaced: pid ");
    }
}

#[test]
fn a_stream_that_hangs_is_a_call_that_never_ends() {
    let host = stalls().start();
    let worker = pid(&host, "/pid").expect("a process id");
    let mut client = TcpStream::connect(host.address()).expect("the port is open");
    let request = b"GET /streams HTTP/1.1\r\nHost: h\r\n\r\n";
    client.write_all(request).expect("sent");
    assert!(
        client.read(&mut [0; 64]).is_ok_and(|read| read > 0),
        "the response begins"
    );
    // The client leaves before its time is over. What makes the response must still end in time.
    drop(client);
    successor_of(&host, "/pid-async", worker);
    host.wait_for_log("function \"streams\" does not end");
}

#[test]
fn more_calls_that_hang_than_threads_leave_threads_for_others() {
    let host = stalls().env("PYTHON_THREADPOOL_THREAD_COUNT", "3").start();
    let worker = pid(&host, "/pid").expect("a process id");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(get(&host, "/sleeps").map(|answer| answer.0), Some(504)));
        }
    });
    // Each lost thread has got a substitute, also while the worker is not replaced yet.
    let (status, _) = get(&host, "/pid").expect("an answer");
    assert_eq!(status, 200, "{}", host.output());
    successor_of(&host, "/pid-async", worker);
}

#[test]
fn a_call_that_ends_late_costs_no_worker() {
    let host = stalls().start();
    let worker = pid(&host, "/pid").expect("a process id");
    for _ in 0..3 {
        assert_eq!(get(&host, "/late").map(|answer| answer.0), Some(504));
    }
    let status = host.get("/admin/host/status");
    assert_eq!((status.status, &status.json()["state"]), (200, &"Running".into()));
    assert_eq!(pid(&host, "/pid"), Some(worker), "{}", host.output());
}

#[test]
fn a_worker_that_is_to_be_replaced_says_that_it_is_unhealthy() {
    // Its successor does not start, as long as the app is broken.
    let host = stalls().start();
    let script = host.app().path().join("function_app.py");
    let works = std::fs::read_to_string(&script).expect("read");
    std::fs::write(&script, "raise RuntimeError('broken')\n").expect("written");
    let worker = pid(&host, "/pid").expect("a process id");
    assert_eq!(get(&host, "/sleeps").map(|answer| answer.0), Some(504));
    host.wait_for_log("the next attempt is in 10s");
    let status = host.get("/admin/host/status");
    let report = status.json();
    assert_eq!(
        (status.status, &report["state"]),
        (503, &"Unhealthy".into()),
        "{report}"
    );
    let reason = report["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("\"sleeps\" does not end"), "{report}");
    assert_eq!(pid(&host, "/pid"), Some(worker), "it serves on");
    std::fs::write(&script, works).expect("written");
    // Sooner than the next attempt.
    host.signal(nix::sys::signal::Signal::SIGHUP);
    successor_of(&host, "/pid-async", worker);
}

#[test]
fn a_worker_whose_serving_thread_cannot_go_on_is_replaced() {
    for what in ["anon_inode:[eventpoll]", "socket:"] {
        let host = stalls().arg("--heartbeat-timeout").arg("2").start();
        let worker = pid(&host, "/pid").expect("a process id");
        // The connection may be among what is closed.
        let _ = get(&host, &format!("/close-descriptors?what={what}"));
        let back = wait_for(|| {
            let alive = host.workers().into_iter().any(|pid| pid != worker);
            alive.then_some(())
        });
        assert!(
            back.is_some(),
            "{what}: nothing has replaced it\n{}",
            host.output()
        );
        successor_of(&host, "/pid-async", worker);
    }
}

#[test]
fn a_worker_that_shows_no_sign_of_life_is_replaced() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    let host = stalls().arg("--heartbeat-timeout").arg("1").start();
    let worker = pid(&host, "/pid").expect("a process id");
    kill(Pid::from_raw(worker), Signal::SIGSTOP).expect("it runs");
    host.wait_for_log("has shown no sign of life for 1 s and was killed; starting another one");
    successor_of(&host, "/pid-async", worker);
}

#[test]
fn a_worker_that_hangs_does_not_outlive_its_supervisor() {
    let host = stalls().start();
    let worker = pid(&host, "/pid").expect("a process id");
    assert_eq!(get(&host, "/holds-gil-async").map(|answer| answer.0), Some(504));
    successor_of(&host, "/pid-async", worker);
    // It has drained, and its interpreter does not end.
    assert!(is_alive(worker), "{}", host.output());
    host.signal(nix::sys::signal::Signal::SIGKILL);
    let gone = wait_for(|| (!is_alive(worker)).then_some(()));
    assert!(gone.is_some(), "it runs on\n{}", host.output());
}

fn is_alive(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("\nState:\tZ")
}
