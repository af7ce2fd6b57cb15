//! Concurrent calls: in the thread pool, on the event loop, and in both at once.

use std::{fs, thread};

use funcdock_tests::{App, Gate, Host, at_once, wait_for};

/// Asserts that `count` calls to this function run at once: all are at their gates before any gate opens.
fn assert_concurrent(host: &Host, function: &str, count: usize) {
    let names: Vec<String> = (0..count).map(|number| format!("{function}-{number}")).collect();
    std::thread::scope(|scope| {
        let calls: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(move || host.get(&format!("/api/{function}?gate={name}")).status))
            .collect();
        for name in &names {
            Gate::new(host, name).wait_until_entered();
        }
        for name in &names {
            Gate::new(host, name).open();
        }
        for call in calls {
            assert_eq!(call.join().expect("an answer"), 200);
        }
    });
}

/// Makes `calls` synchronous calls; returns how many ran at once at most.
fn most_at_once(host: &Host, calls: usize) -> usize {
    let seen = at_once(calls, |_| {
        host.get("/api/overlap").text().parse().expect("a number")
    });
    seen.into_iter().max().expect("there are calls")
}

#[test]
fn synchronous_calls_run_concurrently_up_to_the_pools_size() {
    let host = App::case("gates")
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
        .start();
    assert_eq!(most_at_once(&host, 8), 1);

    let settings = r#"{"Values": {"PYTHON_THREADPOOL_THREAD_COUNT": "12"}}"#;
    let host = App::case("gates").file("local.settings.json", settings).start();
    assert_concurrent(&host, "wait_sync", 12);
    assert!(most_at_once(&host, 20) <= 12);

    let host = App::case("gates")
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "many")
        .start();
    host.wait_for_log(
        "app setting PYTHON_THREADPOOL_THREAD_COUNT: expected a number from 1 to 10000, as each thread has a stack and waits \
         for the one GIL; found \"many\" in the environment; the \
         default is used",
    );
    assert_concurrent(&host, "wait_sync", 5);
}

#[test]
fn more_threads_start_while_functions_wait() {
    let host = App::case("gates").start();
    assert_concurrent(&host, "wait_sync", 60);
    // Again, with threads that are there.
    assert_concurrent(&host, "wait_sync", 60);
}

#[test]
fn a_thread_that_the_system_refuses_is_asked_for_again() {
    // What Python raises at the limit of the system, to which tests may not be subject.
    let refuses = r#"
import os, threading

start = threading.Thread.start

def refuse(self):
    if os.path.exists("full") and self.name.startswith("function-"):
        raise RuntimeError("can't start new thread")
    start(self)

threading.Thread.start = refuse

def main(req):
    return "there"
"#;
    let host = App::case("gates")
        .function("refuses", refuses)
        .file("full", "")
        .start();
    let full = host.app().path().join("full");
    let refused = "cannot start a thread for synchronous functions, which go on with ";
    host.wait_for_log(refused);
    thread::scope(|scope| {
        let waits = scope.spawn(|| host.get("/api/refuses").text());
        fs::remove_file(&full).expect("a file");
        assert_eq!(waits.join().expect("an answer"), "there", "the first thread");
    });
    fs::write(&full, "").expect("the app's folder is writable");
    thread::scope(|scope| {
        let call = |gate: &'static str| {
            let host = &host;
            scope.spawn(move || host.get(&format!("/api/wait_sync?gate={gate}")).status)
        };
        let gates = ["a", "b", "c"];
        let calls: Vec<_> = gates.into_iter().map(call).collect();
        let told = wait_for(|| (host.stderr().matches(refused).count() == 2).then_some(()));
        assert!(told.is_some(), "{}", host.output());
        fs::remove_file(&full).expect("a file");
        for gate in gates {
            Gate::new(&host, gate).wait_until_entered();
        }
        for gate in gates {
            Gate::new(&host, gate).open();
        }
        for call in calls {
            assert_eq!(call.join().expect("an answer"), 200);
        }
    });
    assert_eq!(host.stderr().matches(refused).count(), 2, "{}", host.output());
}

#[test]
fn functions_that_compute_get_no_more_threads_than_usual() {
    let host = App::case("gates").start();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let usual = (cores + 4).min(32);
    let seen = at_once(usual + 8, |_| {
        host.get("/api/compute")
            .text()
            .parse::<usize>()
            .expect("a number")
    });
    let most = seen.into_iter().max().expect("there are calls");
    // A thread may take a free GIL for a sign that functions wait, now and then.
    assert!(most <= usual + 2, "{most} ran at once");
}

#[test]
fn asynchronous_calls_run_concurrently_without_a_limit() {
    let host = App::case("gates").start();
    assert_concurrent(&host, "wait", 100);
}

#[test]
fn a_blocked_pool_does_not_delay_asynchronous_calls() {
    let host = App::case("gates")
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
        .start();
    let gate = Gate::new(&host, "pool");
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| host.get("/api/wait_sync?gate=pool").status);
        gate.wait_until_entered();
        assert_concurrent(&host, "wait", 3);
        assert_eq!(host.get("/admin/host/status").status, 200);
        gate.open();
        assert_eq!(blocked.join().expect("an answer"), 200);
    });
}

/// With one thread, and one in its place, the third call waits until all have timed out. Then it never runs.
#[test]
fn a_call_that_timed_out_in_the_queue_never_runs() {
    let binding = r#"{ "bindings": [ { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
        { "type": "http", "direction": "out", "name": "$return" } ] }"#;
    let script = "import time\n\ndef main(req):\n    with open('made', 'a') as made:\n        made.write('one ')\n    \
                  time.sleep(4)\n";
    let host = App::empty()
        .file(
            "host.json",
            r#"{ "version": "2.0", "functionTimeout": "00:00:01" }"#,
        )
        .file("waits/function.json", binding)
        .file("waits/__init__.py", script)
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
        .start();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(host.get("/api/waits").status, 504));
        }
    });
    // One has the thread, and another one may have got the thread that takes its place. The third never has one.
    let made = std::fs::read_to_string(host.app().path().join("made")).expect("a call has run");
    assert!((1..=2).contains(&made.matches("one").count()), "{made}");
}
