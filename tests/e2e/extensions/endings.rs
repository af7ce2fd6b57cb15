//! Post hooks of calls that end early or late: the client disconnects, the timeout is over, the host stops.

use std::io::Write;
use std::net::TcpStream;

use funcdock_tests::{App, Host};
use nix::sys::signal::Signal;
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{
    app_with, assert_paired, fixture, leave, lines, open_gate, order, recording, records_of, wait_for_lines,
    wait_for_records,
};

const WAITING: [&str; 2] = ["waits", "waits_async"];

/// The app with a recorder at both levels.
fn recorded(members: &str) -> App {
    let extensions = [
        ("record", fixture(recording("app"))),
        ("record-function", fixture(recording("function"))),
    ];
    app_with(members, &extensions)
}

/// Asserts that each waiting function was called once, with two post hooks that saw this outcome and status.
fn assert_ended(app: &App, outcome: &str, status: u16) {
    let posts = records_of(app, "post_invocation");
    let of = |function: &str| {
        posts
            .iter()
            .filter(|post| post["function"] == function)
            .map(|post| [&post["label"], &post["outcome"], &post["status"]])
            .collect::<Vec<_>>()
    };
    let (outcome, status) = (json!(outcome), json!(status));
    let expected = [
        [&json!("function"), &outcome, &status],
        [&json!("app"), &outcome, &status],
    ];
    for function in WAITING {
        assert_eq!(of(function), expected, "{function}");
    }
    assert_paired(app);
}

#[test]
fn a_client_that_leaves_does_not_end_the_call() {
    let host = recorded("").arg("--verbose").start();
    for (number, path) in WAITING.into_iter().enumerate() {
        let mut client = TcpStream::connect(host.address()).expect("the host listens");
        write!(client, "GET /api/{path} HTTP/1.1\r\nhost: test\r\n\r\n").expect("sent");
        wait_for_records(&host, "function", number + 1);
        leave(&host, client);
    }
    assert_eq!(
        records_of(host.app(), "post_invocation").len(),
        0,
        "the functions still run"
    );
    open_gate(host.app().path());
    wait_for_records(&host, "post_invocation", 4);
    assert_ended(host.app(), "Returned", 200);
    host.stop().assert_clean();
}

#[test]
fn a_call_beyond_function_timeout_is_504() {
    let host = recorded(r#""functionTimeout": "00:00:01","#).start();
    std::thread::scope(|scope| {
        for path in WAITING {
            let host = &host;
            scope.spawn(move || {
                let answer = host.get(&format!("/api/{path}"));
                assert_eq!((answer.status, answer.text().as_str()), (504, ""), "{path}");
            });
        }
    });
    assert_ended(host.app(), "TimedOut", 504);
    for path in WAITING {
        let function = format!("function={path} ");
        wait_for_lines(
            &host,
            &["ERROR", "timed out after 1s", &function, "invocation="],
            1,
        );
    }
    // The functions end later (the asynchronous one because it is cancelled): that changes nothing.
    wait_for_records(&host, "cancelled", 1);
    open_gate(host.app().path());
    wait_for_records(&host, "waited", 1);
    assert_eq!(host.get("/api/returns").text(), "returned");
    assert_eq!(records_of(host.app(), "post_invocation").len(), 2 * 2 + 2);
    assert_ended(host.app(), "TimedOut", 504);
    host.stop().assert_clean();
}

/// Calls both waiting functions, stops the host while they wait, and calls `meanwhile` once it is stopping.
/// Returns the status and text of each answer; `None` where the connection was closed instead.
fn stopped(host: &Host, meanwhile: impl FnOnce()) -> Vec<Option<(u16, String)>> {
    std::thread::scope(|scope| {
        let calls = WAITING.map(|path| {
            let request = Request::get(host.url_of(&format!("/api/{path}"))).body(Vec::new());
            scope.spawn(move || host.try_send(request.expect("a valid request")))
        });
        wait_for_records(host, "function", 2);
        host.signal(Signal::SIGTERM);
        host.wait_for_log("stopping");
        meanwhile();
        let answers = calls.map(|call| call.join().expect("no panic"));
        answers
            .into_iter()
            .map(|answer| answer.ok().map(|answer| (answer.status, answer.text())))
            .collect()
    })
}

#[test]
fn calls_end_before_the_host_stops() {
    let host = recorded("").start();
    let answers = stopped(&host, || open_gate(host.app().path()));
    assert_eq!(answers, [(); 2].map(|()| Some((200, "waited".to_owned()))));
    let stopped = host.wait();
    stopped.assert_clean();
    assert_ended(&stopped.app, "Returned", 200);
    assert_eq!(
        shutdowns(&stopped.app),
        1 + 8,
        "after the calls:\n{:#?}",
        order(&stopped.app)
    );
}

#[test]
fn calls_that_do_not_end_in_time_are_given_up() {
    let host = recorded("").arg("--drain-timeout").arg("1").start();
    let answers = stopped(&host, || {});
    // A synchronous function cannot be cancelled: its connection is closed.
    assert_eq!(answers, [None, Some((503, String::new()))]);
    let stopped = host.wait();
    assert_eq!(stopped.status.code(), Some(1), "not clean\n{}", stopped.stderr);
    assert_ended(&stopped.app, "Cancelled", 503);
    for path in WAITING {
        let function = format!("function={path} ");
        let logged = lines(&stopped.stderr, &["WARN", "given up", &function, "invocation="]);
        assert_eq!(logged.len(), 1, "{}", stopped.stderr);
    }
    assert_eq!(shutdowns(&stopped.app), 1 + 8);
    let at_exit = records_of(&stopped.app, "atexit").len();
    assert_eq!(
        at_exit, 1,
        "what the app registered for the end of the process runs"
    );
}

/// Returns the number of instances that were shut down. Panics unless all calls had ended by then.
fn shutdowns(app: &App) -> usize {
    let hooks: Vec<Json> = crate::extensions::support::records(app)
        .into_iter()
        .map(|record| record["hook"].clone())
        .collect();
    let last_call = hooks.iter().rposition(|hook| hook == "post_invocation");
    let first_shutdown = hooks.iter().position(|hook| hook == "shutdown");
    assert!(last_call < first_shutdown, "{hooks:?}");
    hooks.iter().filter(|hook| *hook == "shutdown").count()
}
