//! Hooks that wait: the results of their futures, and what ends calls whose hooks wait.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use funcdock_tests::{App, Host, at_once};
use nix::sys::signal::Signal;
use serde_json::{Value as Json, json};

use crate::extensions::support::{
    app_of, counts, extension, fixture, fixture_with, leave, lines, open_gate, recording, records_of, send,
    wait_for_lines, wait_for_records,
};

/// An extension that waits, between two that record.
fn app(members: &str, wait: Json) -> App {
    let extensions = [
        ("record", fixture(recording("before"))),
        ("wait", wait),
        ("record-again", fixture(recording("behind"))),
    ];
    app_of("answers", members, &extensions)
}

/// Calls a function that returns the attribute that the future sets. `comes_to` is the result of the future.
fn call(host: &Host, comes_to: &str) -> (u16, String) {
    let answer = send(host, "/api/kinds/attribute", &[("x-wait", comes_to)]);
    (answer.status, answer.text())
}

const COUNTS: [&str; 5] = ["calls", "errors", "panics", "answers", "refusals"];

#[test]
fn many_hooks_wait_at_the_same_time() {
    const CALLS: u32 = 200;
    const EACH: Duration = Duration::from_millis(200);
    let host = app("", fixture(json!({ "comes_to": "continue", "after_ms": 200 }))).start();
    let start = Instant::now();
    at_once(CALLS as usize, |_| {
        let begin = Instant::now();
        let answer = host.get("/api/kinds_async/attribute");
        assert_eq!((answer.status, answer.text().as_str()), (200, "for this"));
        assert_eq!(
            answer.header("x-state"),
            "waited",
            "the future's state reaches the post hook"
        );
        assert!(begin.elapsed() >= EACH, "it was waited for");
    });
    let took = start.elapsed();
    // One after the other they would take 40 seconds; a busy machine may need a while for 200 clients.
    assert!(took < CALLS * EACH / 8, "{took:?}");
    host.stop().assert_clean();
}

/// The invocation of the call that the recorder before the waiting extension saw last.
fn last_invocation(host: &Host) -> String {
    let pre = records_of(host.app(), "pre_invocation");
    let before = pre.iter().rfind(|record| record["label"] == "before");
    let invocation = before.and_then(|record| record["invocation"].as_str());
    format!("invocation={}", invocation.expect("it saw a call"))
}

#[test]
fn the_future_of_a_pre_hook_decides() {
    let host = app("", fixture(json!({ "after_ms": 10 }))).start();
    let on = (200, "for this".to_owned());
    let before = (200, "not set".to_owned());
    for (comes_to, answer, logged, outcome) in [
        ("continue", on.clone(), "it is time", "Returned"),
        (
            "respond",
            (418, "answered after a while".to_owned()),
            "it is time",
            "Answered",
        ),
        (
            "fail",
            (500, String::new()),
            "refused the call: refused after a while",
            "Refused",
        ),
        (
            "error",
            on.clone(),
            "pre_invocation failed: failed after a while",
            "Returned",
        ),
        (
            "panic",
            on.clone(),
            "pre_invocation failed: panicked: after a while (at tests",
            "Returned",
        ),
        (
            "twice",
            before.clone(),
            "pre_invocation failed: this hook waits already",
            "Returned",
        ),
        (
            "again",
            on.clone(),
            "pre_invocation failed: only a hook can call wait_for",
            "Returned",
        ),
        (
            "nested",
            on,
            "returned Flow::wait: await the second future in the first",
            "Returned",
        ),
        (
            "error_at_once",
            before,
            "pre_invocation failed: failed at once",
            "Returned",
        ),
    ] {
        assert_eq!(call(&host, comes_to), answer, "{comes_to}");
        let invocation = last_invocation(&host);
        wait_for_lines(&host, &[logged, &invocation], 1);
        let posts = records_of(host.app(), "post_invocation");
        let last = posts.iter().rfind(|record| record["label"] == "before");
        assert_eq!(last.expect("it ran")["outcome"], outcome, "{comes_to}");
    }
    assert_eq!(
        send(&host, "/api/kinds/str", &[]).header("x-state"),
        "did not wait"
    );
    // The extension behind saw the calls that continued.
    let behind = records_of(host.app(), "pre_invocation");
    assert_eq!(
        behind.iter().filter(|record| record["label"] == "behind").count(),
        8
    );
    let wait = extension(&host, "wait");
    assert_eq!(counts(&wait, "pre_invocation", COUNTS), [10, 5, 1, 1, 1]);
    assert_eq!(counts(&wait, "post_invocation", COUNTS), [2, 0, 0, 0, 0]);
    let mean = wait["hooks"]["pre_invocation"]["mean_ns"]
        .as_u64()
        .expect("a number");
    assert!(
        mean < 10_000_000,
        "{mean} ns: what a hook waits for is not its own time"
    );
    host.stop().assert_clean();
}

#[test]
fn the_future_of_a_post_hook_affects_only_its_own_call() {
    let settings = json!({ "hook": "post", "after_ms": 10 });
    let members = r#""functionTimeout": "00:00:01","#;
    let cases = [
        ("continue", "it is time"),
        ("error", "post_invocation failed: failed after a while"),
        ("panic", "post_invocation failed: panicked: after a while"),
        ("twice", "post_invocation failed: this hook waits already"),
        ("again", "post_invocation failed: only a hook can call wait_for"),
        ("error_at_once", "post_invocation failed: failed at once"),
        (
            "never",
            "post_invocation failed: what it waits for did not come in time",
        ),
    ];
    for (policy, failed) in [("continue", 200), ("fail", 500)] {
        let host = app(
            members,
            fixture_with(settings.clone(), json!({ "onError": policy })),
        )
        .start();
        for (comes_to, logged) in cases {
            let expected = if comes_to == "continue" { 200 } else { failed };
            assert_eq!(call(&host, comes_to).0, expected, "{policy}: {comes_to}");
            let invocation = last_invocation(&host);
            wait_for_lines(&host, &[logged, &invocation], 1);
        }
        let wait = extension(&host, "wait");
        assert_eq!(
            counts(&wait, "post_invocation", COUNTS),
            [7, 5, 1, 0, 0],
            "{policy}"
        );
        // The post hooks of the others ran, and those around this one saw how the call ended.
        let posts = records_of(host.app(), "post_invocation");
        let statuses = |label: &str| {
            let of_label = posts.iter().filter(|record| record["label"] == label);
            of_label
                .filter_map(|record| record["status"].as_u64())
                .collect::<Vec<_>>()
        };
        assert_eq!(statuses("behind"), [200; 7]);
        let mut before = [failed; 7];
        before[0] = 200;
        assert_eq!(
            statuses("before"),
            before.iter().map(|status| u64::from(*status)).collect::<Vec<_>>()
        );
        host.stop().assert_clean();
    }
}

#[test]
fn a_post_hook_that_waits_delays_only_its_own_answer() {
    let host = app("", fixture(json!({ "hook": "post", "gate": "gate" }))).start();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| call(&host, "continue"));
        // The post hook of the recorder behind has run, and the waiting one is next.
        wait_for_records(&host, "post_invocation", 1);
        for path in ["/api/kinds/str", "/api/kinds_async/str"] {
            assert_eq!(host.get(path).text(), "text");
        }
        assert!(!waits.is_finished());
        open_gate(host.app().path());
        assert_eq!(waits.join().expect("no panic"), (200, "not set".to_owned()));
    });
    host.stop().assert_clean();
}

#[test]
fn a_pre_hook_that_never_stops_waiting_ends_with_function_timeout() {
    let host = app(r#""functionTimeout": "00:00:01","#, fixture(json!({}))).start();
    assert_eq!(call(&host, "never"), (504, String::new()));
    let invocation = last_invocation(&host);
    for logged in [
        "timed out after 1s",
        "dropped unfinished",
        "pre_invocation failed: what it waits for did not come in time",
    ] {
        wait_for_lines(&host, &[logged, &invocation], 1);
    }
    let posts = records_of(host.app(), "post_invocation");
    let seen: Vec<_> = posts
        .iter()
        .map(|post| [&post["label"], &post["outcome"], &post["status"]])
        .collect();
    assert_eq!(seen, [[&json!("before"), &json!("TimedOut"), &json!(504)]]);
    assert_eq!(
        counts(&extension(&host, "wait"), "pre_invocation", COUNTS),
        [1, 1, 0, 0, 0],
        "a hook that is given up has failed"
    );
    assert_eq!(call(&host, "continue").0, 200, "the next one goes on");
    host.stop().assert_clean();
}

/// Sends a request by hand, so that there is a connection to close; returns it once the call's hook waits.
fn waiting_client(host: &Host) -> TcpStream {
    let mut client = TcpStream::connect(host.address()).expect("the host listens");
    write!(
        client,
        "GET /api/kinds/attribute HTTP/1.1\r\nhost: test\r\nx-wait: continue\r\n\r\n"
    )
    .expect("sent");
    wait_for_records(host, "pre_invocation", 1);
    client
}

#[test]
fn a_client_that_leaves_while_a_hook_waits_does_not_end_the_call() {
    let host = app("", fixture(json!({ "gate": "gate" })))
        .arg("--verbose")
        .start();
    let client = waiting_client(&host);
    leave(&host, client);
    assert_eq!(
        records_of(host.app(), "post_invocation").len(),
        0,
        "the hook still waits"
    );
    open_gate(host.app().path());
    let posts = wait_for_records(&host, "post_invocation", 2);
    for post in &posts {
        assert_eq!(
            (&post["outcome"], &post["status"]),
            (&json!("Returned"), &json!(200))
        );
    }
    host.stop().assert_clean();
}

#[test]
fn a_worker_that_stops_waits_for_hooks_until_its_deadline() {
    for opens in [true, false] {
        let host = app("", fixture(json!({ "gate": "gate" })))
            .arg("--drain-timeout")
            .arg(if opens { "20" } else { "1" })
            .start();
        let _client = waiting_client(&host);
        host.signal(Signal::SIGTERM);
        host.wait_for_log("stopping");
        if opens {
            open_gate(host.app().path());
        }
        let stopped = host.wait();
        let posts = records_of(&stopped.app, "post_invocation");
        let outcomes: Vec<_> = posts
            .iter()
            .map(|post| [&post["label"], &post["outcome"]])
            .collect();
        let log = &stopped.stderr;
        if opens {
            stopped.assert_clean();
            assert_eq!(
                outcomes,
                [
                    [&json!("behind"), &json!("Returned")],
                    [&json!("before"), &json!("Returned")]
                ]
            );
        } else {
            assert_eq!(stopped.status.code(), Some(1), "not clean\n{log}");
            assert_eq!(outcomes, [[&json!("before"), &json!("Cancelled")]], "{log}");
            assert_eq!(lines(log, &["WARN", "given up", "invocation="]).len(), 1, "{log}");
            assert_eq!(
                lines(log, &["dropped unfinished", "invocation="]).len(),
                1,
                "{log}"
            );
        }
        assert_eq!(records_of(&stopped.app, "shutdown").len(), 2, "{log}");
    }
}
