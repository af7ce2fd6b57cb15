//! Methods with a meaning of their own, and headers that belong to the connection.

use funcdock_tests::{Answer, App, Raw};

/// Asks for the head at this path; asserts that there is nothing behind the head.
fn head(raw: &mut Raw, path: &str) -> Answer {
    raw.send(format!("HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let head = raw.answer_to_head();
    raw.send("GET /api/plain?parts=next HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(raw.answer().text(), "next", "{path}");
    head
}

#[test]
fn the_response_to_head_has_the_length_that_get_would_have() {
    let host = App::case("protocol").start();
    let mut raw = Raw::connect(&host);
    for (path, length, reason) in [
        ("plain?parts=12345", "5", "that of the body"),
        ("plain?header=content-length:4096", "4096", "the function's"),
        (
            "plain?parts=12345&header=content-length:4096",
            "5",
            "the body is there",
        ),
        ("plain?header=content-length:x", "", "not a length"),
        ("plain?status=204&header=content-length:5", "", "no body at all"),
        ("asgi?parts=12345", "5", "that of the body"),
        ("asgi?header=content-length:4096", "4096", "the app's"),
        (
            "asgi?header=content-length:4096,content-length:4096",
            "4096",
            "one",
        ),
        (
            "asgi?header=content-length:4096,content-length:4097",
            "",
            "which?",
        ),
        ("asgi?parts=12,345&header=content-length:5", "5", "of a stream"),
        ("asgi?parts=12,345", "", "of a stream that does not say"),
        ("wsgi?parts=12345", "5", "that of the body"),
        ("wsgi?header=content-length:4096", "4096", "the app's"),
        ("wsgi?parts=12,345&header=content-length:5", "5", "of a stream"),
        (
            "wsgi?status=304&header=content-length:4096",
            "4096",
            "that of what is not modified",
        ),
        ("generator?parts=12,345", "", "of a stream that does not say"),
    ] {
        let answer = head(&mut raw, &format!("/api/{path}"));
        assert_eq!(answer.header("content-length"), length, "{path}: {reason}");
        assert_eq!(answer.header("transfer-encoding"), "", "{path}");
    }
    host.stop().assert_clean();
}

#[test]
fn requests_about_other_things_than_resources_never_reach_a_function() {
    let host = App::case("protocol").start();
    let mut raw = Raw::connect(&host);
    raw.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    let answer = raw.answer();
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("allow"),
        "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    );
    for (request, status) in [
        ("CONNECT example.org:443", 405),
        ("CONNECT /api/plain", 405),
        ("GET *", 400),
        ("GET example.org:80", 400),
    ] {
        let mut raw = Raw::connect(&host);
        raw.send(format!("{request} HTTP/1.1\r\nHost: example.org\r\n\r\n"));
        let answer = raw.answer();
        assert_eq!(
            (answer.status, answer.header("connection")),
            (status, "close"),
            "{request}"
        );
        raw.assert_closed();
    }
    assert!(
        !host.app().path().join("record").exists(),
        "a function was called"
    );
    host.stop().assert_clean();
}

#[test]
fn several_cookies_are_one_text() {
    let host = App::case("protocol").start();
    let mut raw = Raw::connect(&host);
    let mut seen = |path: &str| {
        raw.send(format!(
            "GET /api/{path}?seen HTTP/1.1\r\nHost: h\r\nCookie: a=1\r\nX-Other: 1\r\ncookie: b=2; c=3\r\nX-Other: 2\r\n\r\n"
        ));
        raw.answer().json()
    };
    let plain = seen("plain");
    assert_eq!(plain["headers"]["cookie"], "a=1; b=2; c=3");
    assert_eq!(plain["headers"]["x-other"], "1,2");
    assert_eq!(seen("wsgi")["HTTP_COOKIE"], "a=1; b=2; c=3");
    // By the protocol, each header is as the client sent it.
    let headers = seen("asgi")["headers"].clone();
    let cookies: Vec<_> = headers
        .as_array()
        .expect("pairs")
        .iter()
        .filter(|pair| pair[0] == "cookie")
        .map(|pair| pair[1].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(cookies, ["a=1", "b=2; c=3"]);
    host.stop().assert_clean();
}

#[test]
fn headers_of_the_connection_are_the_servers() {
    let host = App::case("protocol").start();
    let mut raw = Raw::connect(&host);
    let given =
        "keep-alive:timeout=9,upgrade:h2c,connection:upgrade,te:trailers,transfer-encoding:gzip,x-own:kept";
    for app in ["plain", "asgi", "wsgi"] {
        raw.send(format!(
            "GET /api/{app}?parts=body&header={given} HTTP/1.1\r\nHost: h\r\n\r\n"
        ));
        let answer = raw.answer();
        let names: Vec<_> = answer.headers.keys().map(String::as_str).collect();
        let expected = match app {
            "plain" => vec!["content-length", "content-type", "date", "x-own"],
            _ => vec!["content-length", "date", "x-own"],
        };
        assert_eq!((answer.text().as_str(), names), ("body", expected), "{app}");
    }
    raw.send("GET /api/plain?header=connection:Close HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(raw.answer().header("connection"), "close", "the function closes");
    raw.assert_closed();
    host.stop().assert_clean();
}
