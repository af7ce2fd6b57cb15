//! `--reload`: a change of the app's files replaces the worker, without a lost request and without old answers after new ones.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use funcdock_tests::{App, Host, wait_for};

use super::get;

/// The number of edits under load.
const EDITS: usize = 25;

const CODE: &str = "def main(req):\n    return 'VERSION'\n";

fn write(host: &Host, file: &str, content: &str) {
    fs::write(host.app().path().join(file), content).expect("written");
}

/// Waits until the app answers so.
#[track_caller]
fn answers(host: &Host, expected: &str) {
    let seen = wait_for(|| (get(host, "/api/answer")?.1 == expected).then_some(()));
    assert!(seen.is_some(), "never {expected:?}\n{}", host.output());
}

fn app() -> App {
    App::without_functions().function("answer", &CODE.replace("VERSION", "first"))
}

#[test]
fn a_saved_file_is_served_and_a_broken_one_is_not() {
    let host = app().arg("--reload").start();
    let script = "answer/__init__.py";
    // Of the same length, and within one second.
    for version in ["other", "third", "forth"] {
        write(&host, script, &CODE.replace("VERSION", version));
        answers(&host, version);
    }
    host.wait_for_log("changed: answer/__init__.py");
    let seen = host.stderr().len();
    write(&host, script, "raise RuntimeError('half of an edit')\n");
    host.wait_for_log_from(seen, "half of an edit");
    write(&host, "host.json", "{");
    host.wait_for_log_from(seen, "the app is served as it was before");
    assert_eq!(
        get(&host, "/api/answer").map(|answer| answer.1),
        Some("forth".to_owned())
    );
    write(
        &host,
        "host.json",
        r#"{ "version": "2.0", "extensions": { "http": { "routePrefix": "v1" } } }"#,
    );
    write(&host, script, &CODE.replace("VERSION", "fixed"));
    let fixed = wait_for(|| (get(&host, "/v1/answer")?.1 == "fixed").then_some(()));
    assert!(fixed.is_some(), "never mended\n{}", host.output());
    host.stop().assert_clean();
}

#[test]
fn without_the_option_nothing_is_watched() {
    let host = app().start();
    write(&host, "answer/__init__.py", &CODE.replace("VERSION", "other"));
    host.signal(nix::sys::signal::Signal::SIGHUP);
    host.wait_for_log("all workers serve the app as it is now");
    assert!(!host.stderr().contains("changed: "), "{}", host.stderr());
}

#[test]
fn edits_under_load_lose_no_request_and_no_old_code_answers_after_new() {
    let host = app()
        .function("answer", &CODE.replace("VERSION", "0"))
        .arg("--reload")
        .start();
    let (newest, asked, ends) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let client = || {
        let config = ureq::Agent::config_builder().proxy(None).build();
        let agent: ureq::Agent = config.into();
        while !ends.load(Ordering::Relaxed) {
            // An answer that was there before this request began.
            let before = newest.load(Ordering::SeqCst);
            let mut answer = agent
                .get(host.url_of("/api/answer"))
                .call()
                .expect("no request is lost");
            let text = answer.body_mut().read_to_string().expect("a body");
            let version: usize = text.parse().expect("a version");
            assert!(version >= before, "{version} answers after {before}");
            newest.fetch_max(version, Ordering::SeqCst);
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(client);
        }
        for version in 1..=EDITS {
            write(
                &host,
                "answer/__init__.py",
                &CODE.replace("VERSION", &version.to_string()),
            );
            let seen = wait_for(|| (newest.load(Ordering::SeqCst) >= version).then_some(()));
            if seen.is_none() {
                ends.store(true, Ordering::Relaxed);
                panic!("{version} is never served\n{}", host.output());
            }
        }
        ends.store(true, Ordering::Relaxed);
    });
    assert!(asked.load(Ordering::Relaxed) > 10 * EDITS, "no load");
    host.stop().assert_clean();
}
