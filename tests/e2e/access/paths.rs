//! The host's own paths.

use funcdock_tests::{App, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ureq::http::Request;

use super::send;

#[test]
fn a_page_says_that_the_app_runs() {
    let host = App::case("access").start();
    let answer = host.get("/");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert!(answer.text().contains("up and running"), "{}", answer.text());
    let host = App::case("access")
        .env("AzureWebJobsDisableHomepage", "true")
        .start();
    assert_eq!(host.get("/").status, 404);
    let prefix = r#"{ "version": "2.0", "extensions": { "http": { "routePrefix": "" } } }"#;
    let host = App::case("access").file("host.json", prefix).start();
    assert_eq!(host.get("/").status, 404, "routes of functions may be there");
}

#[test]
fn functions_are_listed_and_described() {
    let host = App::case("access").start();
    let all = host.get("/admin/functions").json();
    let names: Vec<_> = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["name"].as_str())
        .collect();
    let expected = [
        "boss", "hello", "nightly", "open", "other", "plain", "unsaid", "warm",
    ]
    .map(Some);
    assert_eq!(names, expected);
    let hello = host.get("/admin/functions/HELLO").json();
    assert_eq!(hello["invoke_url_template"], host.url_of("/api/hello"));
    assert_eq!(hello["config"]["bindings"][0]["authLevel"], "function");
    assert_eq!(hello["language"], "python");
    let nightly = host.get("/admin/functions/nightly").json();
    assert_eq!(nightly["config"]["bindings"][0]["schedule"], "0 0 3 * * *");
    assert!(nightly["invoke_url_template"].is_null());
    assert_eq!(host.get("/admin/functions/none").status, 404);
}

#[test]
fn an_operator_runs_any_function() {
    let host = App::case("access").start();
    for (body, expected) in [
        ("", "nightly: the schedule is past due: False"),
        (r#"{"input": "test"}"#, "nightly: the schedule is past due: False"),
        (r#"{"input": [1]}"#, "nightly: the schedule is past due: False"),
        (
            r#"{"input": {"IsPastDue": true}}"#,
            "nightly: the schedule is past due: True",
        ),
    ] {
        let seen = host.stderr().len();
        let answer = send(&host, "POST /admin/functions/nightly", &[], body);
        assert_eq!(answer.status, 202, "{answer:?}");
        host.wait_for_log_from(seen, expected);
    }
    let answer = send(
        &host,
        "POST /admin/functions/plain",
        &[],
        r#"{"input": "some text"}"#,
    );
    assert_eq!(answer.status, 202, "{answer:?}");
    host.wait_for_log("plain got 'some text'");
    let exact = r#"{"input": {"z": 12345678901234567890123, "a": 1.0}}"#;
    assert_eq!(send(&host, "POST /admin/functions/plain", &[], exact).status, 202);
    host.wait_for_log(r#"plain got '{"z": 12345678901234567890123, "a": 1.0}'"#);
    assert_eq!(send(&host, "POST /admin/functions/hello", &[], "").status, 202);
    assert_eq!(send(&host, "POST /admin/functions/none", &[], "").status, 404);
    assert_eq!(
        send(&host, "POST /admin/functions/nightly", &[], "now").status,
        400
    );
    let answer = send(&host, "POST /admin/warmup", &[], "");
    assert_eq!(answer.status, 200);
    host.wait_for_log("warm got ");
    assert_eq!(host.post("/admin/host/ping", "").status, 200);
}

/// Whether all threads of a process are stopped.
fn is_stopped(pid: Pid) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process is there");
    let stat = |thread: std::io::Result<std::fs::DirEntry>| {
        let stat = thread.expect("an entry").path().join("stat");
        std::fs::read_to_string(stat).unwrap_or_default()
    };
    // The state comes after the name, which is in parentheses.
    threads
        .map(stat)
        .all(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
}

#[test]
fn the_host_is_ready_when_all_workers_are() {
    let host = App::case("access").arg("--workers").arg("2").start();
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        assert_eq!(
            send(&host, &format!("GET {path}"), &[("connection", "close")], "").text(),
            text
        );
    }
    let stopped = Pid::from_raw(host.workers()[1]);
    kill(stopped, Signal::SIGSTOP).expect("the worker is there");
    // Until its last thread has stopped, it may accept a connection, which nobody would answer then.
    wait_for(|| is_stopped(stopped).then_some(())).expect("it stops");
    // Each request is a new connection, which the worker that stands still does not accept.
    let ready = || send(&host, "GET /readyz", &[("connection", "close")], "");
    let seen = wait_for(|| {
        let answer = ready();
        (answer.status == 503).then(|| answer.text())
    });
    kill(stopped, Signal::SIGCONT).expect("the worker is there");
    let seen = seen.unwrap_or_else(|| panic!("never unready\n{}", host.output()));
    assert!(
        seen.starts_with("worker 1: it is not ready, or does not answer"),
        "{seen}"
    );
    let ready = wait_for(|| (ready().status == 200).then_some(()));
    assert!(ready.is_some(), "ready again\n{}", host.output());
}

#[test]
fn operators_may_have_an_address_of_their_own() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let address = port.expect("a free port").to_string();
    let app = App::case("access")
        .arg("--workers")
        .arg("2")
        .arg("--address")
        .arg("0.0.0.0");
    let host = app.arg("--admin-address").arg(&address).start();
    host.wait_for_log(&format!(
        "/admin and /metrics are at http://{}",
        address.replace("127.0.0.1", "localhost")
    ));
    let ask = |path: &str| {
        let request = Request::get(format!("http://{address}{path}")).header("connection", "close");
        host.send(request.body(Vec::new()).expect("a valid request"))
            .status
    };
    for path in [
        "/admin/host/status",
        "/metrics",
        "/admin/functions",
        "/admin/host/keys",
    ] {
        // No key is needed there, and none helps here.
        assert_eq!(ask(path), 200, "{path}");
        assert_eq!(host.get(path).status, 404, "{path}");
    }
    for path in ["/healthz", "/readyz", "/admin/host/ping"] {
        assert_eq!((ask(path), host.get(path).status), (200, 200), "{path}");
    }
    assert_eq!((ask("/api/open"), host.get("/api/open").status), (404, 200));
    assert_eq!(host.get("/api/hello").status, 401, "functions still need keys");
    host.stop().assert_clean();

    let app = || App::case("access").arg("--admin-address");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken
        .local_addr()
        .map(|address| (taken, address.to_string()))
        .expect("bound");
    let stopped = app().arg(&taken.1).start_fails();
    let expected = format!("the address {} for operators (--admin-address): ", taken.1);
    assert!(stopped.stderr.contains(&expected), "{}", stopped.stderr);
    let stopped = app().arg("7072").start_fails();
    assert!(
        stopped
            .stderr
            .contains("expected an IP address and a port, such as 127.0.0.1:7072"),
        "{}",
        stopped.stderr
    );
}
