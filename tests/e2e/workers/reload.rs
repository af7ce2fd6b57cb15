//! SIGHUP: the app is read again, and workers are replaced without a lost request.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use funcdock_tests::{App, Gate, Host, under_load, wait_for};
use nix::sys::signal::Signal;

use super::{get, pid, successor_of};

const SCRIPT: &str = "\
import os
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(\"answer\")
def answer(req):
    return \"VERSION\"
";

fn versioned(version: &str) -> App {
    App::empty()
        .file("host.json", r#"{ "version": "2.0" }"#)
        .file("function_app.py", &SCRIPT.replace("VERSION", version))
}

fn answer(host: &Host) -> String {
    get(host, "/api/answer").expect("an answer").1
}

#[test]
fn a_reload_serves_the_app_as_it_is_now_and_loses_no_request() {
    let host = versioned("old").arg("--workers").arg("2").start();
    let answers = AtomicUsize::new(0);
    let call = || {
        let (status, body) = get(&host, "/api/answer").expect("no request is lost");
        assert_eq!(status, 200, "{body}");
        answers.fetch_add(1, Ordering::Relaxed);
    };
    under_load(4, call, || {
        let busy = |than: usize| wait_for(|| (answers.load(Ordering::Relaxed) > than).then_some(()));
        assert!(busy(50).is_some(), "no load");
        // Of different lengths: Python takes a module from its cached bytecode if its length is the same and it was changed
        // in the same second.
        for version in ["newer", "the newest"] {
            let (seen, before) = (host.stderr().len(), host.workers());
            let script = SCRIPT.replace("VERSION", version);
            fs::write(host.app().path().join("function_app.py"), script).expect("written");
            host.signal(Signal::SIGHUP);
            host.wait_for_log_from(seen, "all workers serve the app as it is now");
            // Predecessors may still have connections, which they close.
            let gone = wait_for(|| {
                let now = host.workers();
                (now.len() == 2 && !now.iter().any(|pid| before.contains(pid))).then_some(())
            });
            assert!(
                gone.is_some(),
                "{before:?} {:?}\n{}",
                host.workers(),
                host.output()
            );
            assert_eq!(answer(&host), version);
        }
        let than = answers.load(Ordering::Relaxed);
        assert!(busy(than + 50).is_some(), "no load");
    });
    host.stop().assert_clean();
}

#[test]
fn a_reload_of_a_broken_app_says_why_and_the_app_is_served_as_it_was() {
    for (file, content, reason) in [
        (
            "function_app.py",
            "raise RuntimeError('broken')\n",
            "RuntimeError: broken",
        ),
        ("host.json", "{", "host.json"),
    ] {
        let host = versioned("old").arg("--workers").arg("2").start();
        let before = host.workers();
        fs::write(host.app().path().join(file), content).expect("written");
        host.signal(Signal::SIGHUP);
        host.wait_for_log(reason);
        host.wait_for_log("the app is served as it was before");
        assert_eq!(host.workers(), before, "{}", host.output());
        assert_eq!(answer(&host), "old");
        host.stop().assert_clean();
    }
}

#[test]
fn calls_that_run_finish_on_the_worker_that_began_them() {
    let host = App::case("gates").start();
    let worker = pid(&host, "/api/pid").expect("a process id");
    let gate = Gate::new(&host, "slow");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| pid(&host, "/api/wait?gate=slow"));
        gate.wait_until_entered();
        host.signal(Signal::SIGHUP);
        let successor = successor_of(&host, "/api/pid", worker);
        assert!(host.workers().contains(&worker), "it finishes its call");
        gate.open();
        assert_eq!(call.join().expect("an answer"), Some(worker));
        let alone = wait_for(|| (host.workers() == [successor]).then_some(()));
        assert!(alone.is_some(), "{:?}\n{}", host.workers(), host.output());
    });
    host.stop().assert_clean();
}

#[test]
fn sigquit_stops_the_host_like_sigterm() {
    let host = App::case("gates").start();
    let gate = Gate::new(&host, "slow");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| get(&host, "/api/wait?gate=slow"));
        gate.wait_until_entered();
        host.signal(Signal::SIGQUIT);
        host.wait_for_log("stopping; a second signal stops at once");
        gate.open();
        assert_eq!(call.join().expect("an answer").map(|answer| answer.0), Some(200));
    });
    host.wait().assert_clean();
}
