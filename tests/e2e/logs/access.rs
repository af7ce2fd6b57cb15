//! The line of each request: `--access-log`.

use std::io::Write as _;
use std::net::TcpStream;

use funcdock_tests::{App, Gate, Host, Raw, wait_for};
use serde_json::Value;
use ureq::http::Request;

/// Waits until stdout has a line with this text, and returns it.
#[track_caller]
fn line(host: &Host, text: &str) -> String {
    let found = wait_for(|| {
        let stdout = host.stdout();
        // The list of functions is there, too.
        let mut lines = stdout.lines().filter(|line| !line.starts_with('\t'));
        lines.find(|line| line.contains(text)).map(str::to_owned)
    });
    found.unwrap_or_else(|| panic!("no line has {text:?}\n{}", host.output()))
}

#[track_caller]
fn record(host: &Host, text: &str) -> Value {
    serde_json::from_str(&line(host, text)).expect("a line is a JSON object")
}

#[test]
fn a_request_is_a_line_in_the_common_format() {
    let app = App::without_functions().function("hello", "def main(req):\n    return 'five!'\n");
    let host = app.arg("--access-log").start();
    host.get("/api/hello?name=Ada&code=secret");
    let text = line(&host, "/api/hello");
    let (before, after) = text.split_once(" - - [").expect("nobody is known by name");
    assert_eq!(before, "127.0.0.1");
    let (time, request) = after.split_once("] ").expect("a time");
    assert_eq!((time.len(), &time[20..]), (26, " +0000"), "{time}");
    assert_eq!(request, r#""GET /api/hello?name=Ada&code=*** HTTP/1.1" 200 5"#);

    host.post("/api/none", "");
    assert!(line(&host, "/api/none").contains("\"POST /api/none HTTP/1.1\" 404 "));
    let proxied = Request::get(host.url_of("/api/hello?proxied")).header("x-forwarded-for", "203.0.113.7");
    host.send(proxied.body(Vec::new()).expect("valid"));
    assert!(line(&host, "?proxied").starts_with("203.0.113.7 - - ["));
    // The server refuses it before anybody knows a request.
    let mut raw = Raw::connect(&host);
    raw.send("GET /api/a\x01b HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(raw.answer().status, 400);
    host.stop().assert_clean();
}

#[test]
fn json_names_the_call_and_how_long_it_took() {
    let code = "
import time


def main(req, context):
    time.sleep(0.05)
    return context.invocation_id
";
    let host = App::without_functions()
        .function("slow", code)
        .arg("--access-log=json")
        .start();
    let id = host.get("/api/slow").text();
    let found = record(&host, "/api/slow");
    assert_eq!(found["invocation_id"], id.as_str());
    assert_eq!(found["function"], "slow");
    assert_eq!(
        (&found["status"], &found["bytes"]),
        (&200.into(), &id.len().into())
    );
    assert_eq!(found["host"], host.address());
    assert!(
        found["duration_ms"].as_f64().is_some_and(|took| took >= 50.0),
        "{found}"
    );
    host.get("/admin/host/ping");
    assert!(record(&host, "/admin/host/ping").get("function").is_none());
}

#[test]
fn a_streamed_response_is_logged_when_it_ends_and_a_lost_client_too() {
    let web = "
import asyncio
import azure.functions as func


async def web(scope, receive, send):
    if scope['type'] == 'lifespan':
        return
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    for _ in range(3):
        await asyncio.sleep(0.02)
        await send({'type': 'http.response.body', 'body': b'x' * 1000, 'more_body': True})
    await send({'type': 'http.response.body', 'body': b''})


app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
";
    let app = App::without_functions().file("function_app.py", web);
    let host = app.arg("--access-log=json").start();
    host.get("/api/streamed");
    let found = record(&host, "/api/streamed");
    assert_eq!((&found["status"], &found["bytes"]), (&200.into(), &3000.into()));
    assert!(
        found["duration_ms"].as_f64().is_some_and(|took| took >= 60.0),
        "{found}"
    );

    let host = App::case("gates").arg("--access-log=json").start();
    let mut client = TcpStream::connect(host.address()).expect("connected");
    client
        .write_all(b"GET /api/wait?gate=gone HTTP/1.1\r\nHost: h\r\n\r\n")
        .expect("sent");
    let gate = Gate::new(&host, "gone");
    gate.wait_until_entered();
    // Unread bytes make the close a reset.
    client.write_all(b"GET ").expect("sent");
    socket2::SockRef::from(&client)
        .set_linger(Some(std::time::Duration::ZERO))
        .expect("a socket");
    drop(client);
    assert_eq!(record(&host, "gate=gone")["status"], 499);
    gate.open();
    host.stop().assert_clean();
}

#[test]
fn without_the_option_nothing_is_written() {
    let app = App::without_functions().function("hello", "def main(req):\n    return 'hello'\n");
    let host = app.start();
    host.get("/api/hello");
    let stopped = host.stop();
    assert!(!stopped.stdout.contains("GET /api/hello"), "{}", stopped.stdout);
}
