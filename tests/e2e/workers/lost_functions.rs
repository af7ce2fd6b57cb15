//! Functions that cannot be loaded any more: a successor without them takes no good worker's place, and a restarted worker
//! serves the others until one can load them all.

use std::fs;

use funcdock_tests::{App, Host, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{get, pid, successor_of};

const SERVES: &str = "import os\n\n\ndef main(req):\n    return str(os.getpid())\n";

/// Needs a file of the app at its import.
const NEEDS: &str = "\
import pathlib

text = pathlib.Path(__file__).parents[1].joinpath('needed').read_text()


def main(req):
    return text
";

const BROKEN: &str = "raise RuntimeError('broken')\n";

fn app() -> App {
    App::without_functions()
        .function("pid", SERVES)
        .function("needs", NEEDS)
        .function("never", BROKEN)
        .file("needed", "here")
}

fn status_of(host: &Host, path: &str) -> Option<u16> {
    Some(get(host, path)?.0)
}

/// Returns what the status of the host says of functions.
fn errors(host: &Host) -> Vec<String> {
    let status = host.get("/admin/host/status").json();
    let errors = status["errors"].as_array().expect("a list").iter();
    errors
        .map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}

#[test]
fn the_status_names_functions_that_could_not_be_loaded() {
    let host = app().start();
    let errors = errors(&host);
    assert_eq!(errors.len(), 1, "{errors:?}");
    for expected in ["function \"never\": ", "RuntimeError: broken"] {
        assert!(errors[0].contains(expected), "{errors:?}");
    }
    assert_eq!(status_of(&host, "/api/never"), Some(500));
    assert_eq!(host.get("/api/needs").text(), "here");
    // It was never there, so nothing waits for it.
    assert!(!host.stderr().contains("an earlier one"), "{}", host.output());
    host.stop().assert_clean();
}

#[test]
fn a_successor_that_loses_a_function_does_not_replace_a_worker() {
    let host = app().start();
    let folder = host.app().path().to_owned();
    let worker = pid(&host, "/api/pid").expect("a process id");
    fs::remove_file(folder.join("needed")).expect("it was there");
    host.signal(Signal::SIGHUP);
    host.wait_for_log("worker 0 did not start: load of function \"needs\" failed");
    host.wait_for_log("the app is served as it was before");
    assert_eq!(host.get("/api/needs").text(), "here");
    assert_eq!(pid(&host, "/api/pid"), Some(worker));
    // One that is removed is not lost, and one that is new and broken was not there.
    fs::remove_dir_all(folder.join("needs")).expect("removed");
    let declaration = fs::read_to_string(folder.join("pid/function.json")).expect("it is there");
    fs::create_dir(folder.join("new")).expect("made");
    fs::write(folder.join("new/function.json"), declaration).expect("written");
    fs::write(folder.join("new/__init__.py"), BROKEN).expect("written");
    host.signal(Signal::SIGHUP);
    successor_of(&host, "/api/pid", worker);
    assert_eq!(status_of(&host, "/api/needs"), Some(404));
    assert_eq!(status_of(&host, "/api/new"), Some(500));
    assert_eq!(errors(&host).len(), 2, "{:?}", errors(&host));
    host.stop().assert_clean();
}

#[test]
fn a_successor_for_a_limit_that_loses_a_function_does_not_replace_a_worker() {
    let host = app().arg("--max-requests=8").arg("--max-jitter=0").start();
    fs::remove_file(host.app().path().join("needed")).expect("it was there");
    let ended = wait_for(|| {
        assert_eq!(get(&host, "/api/needs"), Some((200, "here".to_owned())));
        host.stderr().contains("the next attempt is in 60s").then_some(())
    });
    assert!(ended.is_some(), "{}", host.output());
    assert_eq!(get(&host, "/api/needs"), Some((200, "here".to_owned())));
    host.stop().assert_clean();
}

#[test]
fn a_restarted_worker_serves_what_it_can_until_one_can_load_all() {
    let host = app().start();
    let needed = host.app().path().join("needed");
    let worker = pid(&host, "/api/pid").expect("a process id");
    fs::remove_file(&needed).expect("it was there");
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("it runs");
    host.wait_for_log(
        "worker 0 has not loaded what an earlier one had: \"needs\"; another worker starts in 1s",
    );
    let degraded = successor_of(&host, "/api/pid", worker);
    assert_eq!(status_of(&host, "/api/needs"), Some(500));
    assert_eq!(errors(&host).len(), 2, "{:?}", errors(&host));
    host.wait_for_log("the next attempt is in 2s");
    assert_eq!(pid(&host, "/api/pid"), Some(degraded), "it serves");
    fs::write(&needed, "back").expect("written");
    let mended = wait_for(|| (get(&host, "/api/needs")? == (200, "back".to_owned())).then_some(()));
    assert!(mended.is_some(), "{}", host.output());
    host.wait_for_log("worker 0 is replaced, as its successor could load all functions");
    assert_eq!(errors(&host).len(), 1, "{:?}", errors(&host));
    host.stop().assert_clean();
}
