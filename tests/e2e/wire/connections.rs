//! Connections and bodies, and clients that are slow, disconnect, or do not speak HTTP.

use funcdock_tests::{App, Gate, Raw, at_once};

#[test]
fn connections_are_kept_and_responses_come_in_order() {
    let host = App::case("gates").start();
    let gate = Gate::new(&host, "first");
    let mut raw = Raw::connect(&host);
    raw.send(
        "GET /api/wait?gate=first HTTP/1.1\r\nHost: h\r\n\r\nGET /api/nothing HTTP/1.1\r\nHost: h\r\n\r\n\
         GET /admin/host/status HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    );
    gate.wait_until_entered();
    gate.open();
    assert_eq!(raw.answer().status, 200);
    assert_eq!(raw.answer().status, 404);
    let last = raw.answer();
    assert_eq!((last.status, last.header("connection")), (200, "close"));
    raw.assert_closed();

    // HTTP/1.0 closes unless the client asks to keep the connection.
    let mut raw = Raw::connect(&host);
    raw.send("GET /api/pid HTTP/1.0\r\n\r\n");
    assert_eq!(raw.answer().status, 200);
    raw.assert_closed();
    let mut raw = Raw::connect(&host);
    for _ in 0..2 {
        raw.send("GET /api/pid HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let answer = raw.answer();
        assert_eq!((answer.status, answer.header("connection")), (200, "keep-alive"));
    }
}

#[test]
fn expected_bodies_are_requested_with_100_continue() {
    let host = App::case("http").start();
    let head = |path: &str, length: usize| {
        format!("PUT {path} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n")
    };
    let mut raw = Raw::connect(&host);
    for body in ["first", "second"] {
        raw.send(head("/api/echo", body.len()));
        let interim = raw.answer();
        assert_eq!((interim.status, interim.headers.len()), (100, 0));
        raw.send(body);
        assert_eq!(raw.answer().json()["body"], body);
    }
    // Otherwise the first response is final and the connection closes, as the client may or may not send the body.
    for (path, length, status) in [
        ("/api/echo", 1001, 413),
        ("/api/nothing", 5, 404),
        ("/api/large", 5, 405),
    ] {
        let mut raw = Raw::connect(&host);
        raw.send(head(path, length));
        let answer = raw.answer();
        assert_eq!(
            (answer.status, answer.header("connection")),
            (status, "close"),
            "{path}"
        );
        raw.assert_closed();
    }
}

#[test]
fn bodies_beyond_the_limit_are_refused() {
    let host = App::case("http")
        .env(
            "AzureFunctionsJobHost__extensions__http__clientTimeout",
            "00:00:01",
        )
        .start();
    let sized = |length: usize| {
        let body = "x".repeat(length);
        format!("POST /api/echo HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let chunked = |chunks: usize| {
        let chunks = format!("64\r\n{}\r\n", "x".repeat(100)).repeat(chunks);
        format!("POST /api/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
    };
    let mut raw = Raw::connect(&host);
    raw.send(sized(1000));
    assert_eq!(raw.answer().status, 200, "the limit itself is allowed");
    raw.send(chunked(10) + "0\r\n\r\n");
    assert_eq!(raw.answer().status, 200, "the limit itself is allowed");
    // The second body never ends: the host refuses it at the limit, then waits a while for the client.
    for request in [sized(1001), chunked(11)] {
        let mut raw = Raw::connect(&host);
        raw.send(request);
        let answer = raw.answer();
        assert_eq!(
            (answer.status, answer.text().as_str(), answer.header("connection")),
            (413, "the request's body is too large\n", "close")
        );
        raw.assert_closed();
    }
    // A client that sends everything before it reads gets its response too.
    assert_eq!(host.post("/api/echo", vec![b'x'; 20 << 20]).status, 413);
    assert_eq!(host.post("/api/nothing", vec![b'x'; 20 << 20]).status, 404);
    assert_eq!(
        host.post("/api/echo", "fine").json()["body"],
        "fine",
        "other clients are served"
    );
}

#[test]
fn malformed_requests_get_400_and_the_host_keeps_serving() {
    let host = App::case("http").start();
    for (request, reason) in [
        ("nonsense\r\n\r\n", "no request line"),
        ("GET /api/echo HTTP/9.9\r\n\r\n", "a version from the future"),
        (
            "GET /api/ec ho HTTP/1.1\r\nHost: h\r\n\r\n",
            "a space in the target",
        ),
        (
            "GET /api/echo HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
            "a header without a colon",
        ),
        (
            "GET /api/echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
            "a negative length",
        ),
        (
            "POST /api/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "two lengths",
        ),
        (
            "POST /api/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "a chunk length that is not a number",
        ),
        ("GET /api/echo HTTP/1.1\r\n\r\n", "no Host"),
        (
            "GET /api/echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "two Hosts",
        ),
    ] {
        let mut raw = Raw::connect(&host);
        raw.send(request);
        println!("{reason}");
        assert_eq!(raw.answer().status, 400, "{reason}");
        raw.assert_closed();
    }
    // A TLS client, and one that disconnects in the middle of a request.
    let mut raw = Raw::connect(&host);
    raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
    assert_eq!(raw.answer().status, 400);
    Raw::connect(&host).send("POST /api/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
    let mut raw = Raw::connect(&host);
    raw.send(format!(
        "GET /api/echo HTTP/1.1\r\nHost: h\r\nX-Long: {}\r\n\r\n",
        "x".repeat(1 << 20)
    ));
    assert_eq!(raw.answer().status, 431, "a head of a megabyte");
    assert_eq!(host.get("/api/echo").status, 200);
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(
        !stopped.stderr.contains("ERROR"),
        "clients' errors are not logged as errors of the host\n{}",
        stopped.stderr
    );
}

#[test]
fn slow_clients_are_disconnected() {
    let host = App::case("http")
        .env(
            "AzureFunctionsJobHost__extensions__http__clientTimeout",
            "00:00:01",
        )
        .start();
    at_once(4, |case| {
        let mut raw = Raw::connect(&host);
        match case {
            0 => {
                // A head that arrives byte by byte, each in time.
                raw.send("GET /api/echo HTTP/1.1\r\nHost: h\r\nX-Slow: ");
                let sent = (0..1000).find(|_| {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                    raw.try_send("x").is_err()
                });
                assert!(sent.is_some(), "the head as a whole has no time limit");
            }
            1 => {
                raw.send("GET /api/echo HTTP/1.1\r\nHost: h\r\n");
                raw.assert_closed();
            }
            2 => {
                raw.send("POST /api/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
                let answer = raw.answer();
                assert_eq!((answer.status, answer.header("connection")), (408, "close"));
                raw.assert_closed();
            }
            _ => {
                raw.send("GET /api/echo HTTP/1.1\r\nHost: h\r\n\r\n");
                assert_eq!(raw.answer().status, 200);
                raw.assert_closed();
            }
        }
    });
    assert_eq!(host.get("/api/echo").status, 200, "other clients are served");
}

#[test]
fn a_slow_function_does_not_make_its_client_slow() {
    let host = App::case("gates")
        .env(
            "AzureFunctionsJobHost__extensions__http__clientTimeout",
            "00:00:01",
        )
        .start();
    let gate = Gate::new(&host, "g");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| host.get("/api/wait?gate=g"));
        gate.wait_until_entered();
        // A client that is disconnected meanwhile shows that the time has passed.
        Raw::connect(&host).assert_closed();
        gate.open();
        assert_eq!(call.join().expect("an answer").status, 200);
    });
}

#[test]
fn a_function_finishes_even_if_its_client_disconnects() {
    let host = App::case("gates").start();
    for (path, name) in [("wait", "loop"), ("wait_sync", "pool")] {
        let gate = Gate::new(&host, name);
        let mut raw = Raw::connect(&host);
        raw.send(format!("GET /api/{path}?gate={name} HTTP/1.1\r\nHost: h\r\n\r\n"));
        gate.wait_until_entered();
        drop(raw);
        // The host serves this after it has seen the end of the connection.
        assert_eq!(host.get("/api/pid").status, 200);
        gate.open();
        gate.wait_until_left();
    }
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(!stopped.stderr.contains("WARN"), "{}", stopped.stderr);
}
