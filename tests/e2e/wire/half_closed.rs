//! Clients that end their side of the connection, and wait for the answer or are gone.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use funcdock_tests::{App, DEADLINE, Host, at_once, wait_for};
use socket2::SockRef;

/// Sends these bytes, ends the client's side, and reads everything.
fn ask(host: &Host, bytes: &str) -> String {
    let mut stream = TcpStream::connect(host.address()).expect("the port is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
    stream.write_all(bytes.as_bytes()).expect("sent");
    stream.shutdown(Shutdown::Write).expect("half-closed");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("an answer, then the end");
    answer
}

#[test]
fn a_client_that_has_ended_its_side_gets_its_answer() {
    let host = App::case("protocol").start();
    let get = |path: &str| format!("GET /api/{path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let post = "POST /api/length?sleep=0.3 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345";
    let chunked = "POST /api/length?sleep=0.3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n";
    let requests = [
        (get("plain?parts=answer&sleep=0.3"), "answer"),
        (get("asgi?parts=answer&sleep=0.3"), "answer"),
        (
            get("asgi?parts=slow,answer&sleep=0.3&pause=0.3"),
            "6\r\nanswer\r\n0\r\n\r\n",
        ),
        (get("wsgi?parts=answer&sleep=0.3"), "answer"),
        (
            get("generator?parts=slow,answer&pause=0.3"),
            "6\r\nanswer\r\n0\r\n\r\n",
        ),
        (post.to_owned(), "\r\n\r\n5"),
        (chunked.to_owned(), "\r\n\r\n5"),
        // Also all of several requests.
        (
            get("plain?parts=one&sleep=0.3") + post + &get("plain?parts=three"),
            "three",
        ),
        // More than the system buffers.
        (get(&format!("plain?parts={}", "x".repeat(60_000))), "x"),
    ];
    at_once(requests.len(), |number| {
        let (request, end) = &requests[number];
        let answer = ask(&host, request);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{number}: {answer}");
        assert!(answer.ends_with(end), "{number}: {answer}");
        let answers = answer.matches("HTTP/1.1 200 OK\r\n").count();
        assert_eq!(
            answers,
            request.matches("HTTP/1.1\r\n").count(),
            "{number}: {answer}"
        );
    });
    // Half a request gets none.
    assert_eq!(ask(&host, "GET /api/plain HTTP/1.1\r\n"), "");
    assert_eq!(ask(&host, ""), "");
    host.stop().assert_clean();
}

#[test]
fn an_app_that_asks_learns_that_its_client_is_gone_and_may_answer_anyway() {
    let host = App::case("protocol").start();
    let answer = ask(
        &host,
        "GET /api/asgi?gone&parts=anyway HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert!(answer.ends_with("\r\n\r\nanyway"), "{answer}");
    // A client that resets the connection is gone at once.
    let stream = TcpStream::connect(host.address()).expect("the port is open");
    let request = b"GET /api/asgi?gone HTTP/1.1\r\nHost: h\r\n\r\n";
    (&stream).write_all(request).expect("sent");
    let resets = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    resets.expect("a TCP socket");
    drop(stream);
    let gone = wait_for(|| {
        let record = fs::read_to_string(host.app().path().join("record")).unwrap_or_default();
        (record == "http.disconnect\nhttp.disconnect\n").then_some(())
    });
    assert!(gone.is_some(), "{}", host.output());
    host.stop().assert_clean();
}
