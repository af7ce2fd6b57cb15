//! What synchronous functions see of their context and their thread.

use funcdock_tests::{App, at_once, python, wait_for};
use serde_json::json;

#[test]
fn each_call_has_a_context_of_its_own_that_begins_as_the_imports_left_it() {
    for (_, python) in python::oldest_and_newest() {
        let app = App::case("contexts").python(python);
        let host = app.env("PYTHON_THREADPOOL_THREAD_COUNT", "1").start();
        for user in ["alice", "bob"] {
            let seen = host.get(&format!("/set?user={user}")).json();
            let expected = json!({ "user": "nobody", "at_import": "kept", "precision": 28 });
            assert_eq!(seen, expected, "{user}\n{}", host.output());
        }
        for user in ["alice", "bob"] {
            let body = host.get(&format!("/stream?user={user}"));
            assert_eq!(body.text(), format!("nobody {user}"), "{}", host.output());
        }
        host.stop().assert_clean();
    }
}

#[test]
fn records_keep_the_ids_of_the_call_in_its_own_loop_and_the_threads_of_that() {
    let host = App::case("contexts").arg("--log-format").arg("json").start();
    assert_eq!(host.get("/threads").text(), "done");
    let stopped = host.stop();
    let records = stopped.stderr.lines().filter_map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).ok()?;
        (record["logger"] == "contexts").then_some(record)
    });
    let records: Vec<_> = records.collect();
    assert_eq!(records.len(), 2, "{}", stopped.stderr);
    assert_eq!(records[0]["function"], "threads");
    assert!(records[0]["invocation_id"].is_string(), "{records:?}");
    assert_eq!(records[0]["invocation_id"], records[1]["invocation_id"]);
}

#[test]
fn functions_run_on_threads_of_pythons_own() {
    for python in python::SUPPORTED.into_iter().filter_map(python::with_packages) {
        let host = App::case("contexts")
            .python(python)
            .env("TRACE_THREADS", "1")
            .start();
        let seen = host.get("/thread").json();
        assert_eq!(seen["is_thread"], true, "{seen}");
        assert_eq!(seen["is_dummy"], false, "{seen}");
        assert_eq!(seen["name"], "function-0", "{seen}");
        assert_eq!(seen["is_listed"], true, "{seen}");
        assert_eq!(seen["children_are_daemons"], false, "{seen}");
        // What `threading.settrace` has set sees the calls.
        assert_eq!(seen["traced"], json!(["thread"]), "{seen}");
        assert_eq!(host.get("/recursion").text(), "5000", "{}", host.output());
        host.stop().assert_clean();
    }
}

#[test]
fn threads_start_when_they_are_needed() {
    let app = App::case("contexts").env("PYTHON_THREADPOOL_THREAD_COUNT", "10000");
    let host = app.start();
    let count = || host.get("/thread").json()["count"].as_u64().expect("a number");
    assert!(count() <= 2, "{}", host.output());
    // Threads that Python does not see, too.
    let tasks = std::fs::read_dir(format!("/proc/{}/task", host.workers()[0]));
    let tasks = tasks.expect("the worker runs").count();
    assert!(tasks < 100, "{tasks}");
    at_once(8, |_| host.get("/threads"));
    assert!(count() <= 9 + 1, "one more than calls at once: {}", count());
    host.stop().assert_clean();
}

#[test]
fn a_thread_that_a_function_starts_finishes_its_work_when_the_host_stops() {
    let host = App::case("contexts").start();
    assert_eq!(host.get("/send-later").text(), "accepted");
    let folder = host.app().path().to_owned();
    host.signal(nix::sys::signal::Signal::SIGTERM);
    let refused = wait_for(|| {
        std::net::TcpStream::connect(host.address())
            .is_err()
            .then_some(())
    });
    assert!(refused.is_some(), "{}", host.output());
    std::fs::write(folder.join("stopping"), "").expect("written");
    let stopped = host.wait();
    stopped.assert_clean();
    assert!(folder.join("sent").exists(), "{}", stopped.stderr);
}
