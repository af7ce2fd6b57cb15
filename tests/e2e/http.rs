//! HTTP as clients see it: routes, framing, limits, and clients that misbehave.

use funcdock_tests::{Answer, App, Gate, Host, Raw, at_once};
use serde_json::{Value, json};
use ureq::http::Request;

/// Sends a request with this method and asserts the status of the response.
#[track_caller]
fn ask(host: &Host, method: &str, path: &str, status: u16) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(host.url_of(path))
        .body(Vec::new());
    let answer = host.send(request.expect("a valid request"));
    assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    answer
}

/// Returns what the echo function at this path received.
#[track_caller]
fn echo(host: &Host, path: &str) -> Value {
    ask(host, "GET", path, 200).json()
}

#[test]
fn requests_find_the_most_specific_route() {
    let host = App::case("http").start();
    for (path, function, params) in [
        ("/api/echo", "echo", json!({})),
        ("/api/echo/", "echo", json!({})),
        ("/API/Echo", "echo", json!({})),
        ("/api/items/42", "item_by_number", json!({"id": "42"})),
        ("/api/items/new", "item_new", json!({})),
        ("/api/items/newer", "item_by_name", json!({"name": "newer"})),
        ("/api/items/4%2F2", "item_by_name", json!({"name": "4/2"})),
        ("/api/pages", "page", json!({})),
        ("/api/pages/7", "page", json!({"number": "7"})),
        (
            "/api/files/a/b%20c/%C3%A9%2Fd.txt",
            "files",
            json!({"path": "a/b c/é/d.txt"}),
        ),
        (
            "/api/photos/1999-Ada.jpg",
            "photo",
            json!({"year": "1999", "name": "Ada"}),
        ),
    ] {
        let seen = echo(&host, path);
        assert_eq!(
            (&seen["function"], &seen["route_params"]),
            (&json!(function), &params),
            "{path}"
        );
    }
    for path in [
        "/api",
        "/echo",
        "/api/echo/more",
        "/api/pages/x",
        "/api/photos/1899-Ada.jpg",
        "/api/items/1/2",
        "/admin/unknown",
    ] {
        let answer = ask(&host, "GET", path, 404);
        assert_eq!(answer.text(), "no function has this route\n", "{path}");
    }
    host.stop().assert_clean();

    let host = App::case("http")
        .env("AzureFunctionsJobHost__extensions__http__routePrefix", "")
        .start();
    assert_eq!(echo(&host, "/items/42")["route_params"], json!({"id": "42"}));
    ask(&host, "GET", "/api/echo", 404);
    assert_eq!(
        ask(&host, "GET", "/admin/host/status", 200).json()["state"],
        "Running"
    );
}

#[test]
fn only_the_functions_methods_are_allowed() {
    let host = App::case("http").start();
    let function = |method| ask(&host, method, "/api/things", 200).json()["function"].clone();
    assert_eq!(function("GET"), "things_read");
    assert_eq!(function("POST"), "things_read");
    assert_eq!(function("DELETE"), "things_delete");
    let refused = ask(&host, "PUT", "/api/things", 405);
    assert_eq!(refused.header("allow"), "DELETE, GET, HEAD, POST");
    let refused = ask(&host, "POST", "/api/items/42", 405);
    assert_eq!(refused.header("allow"), "GET, HEAD");

    // A function that names no methods takes all of them.
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        assert_eq!(ask(&host, method, "/api/echo", 200).json()["method"], method);
    }
    let mut raw = Raw::connect(&host);
    raw.send("PURGE /api/echo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(
        raw.answer().json()["method"],
        "PURGE",
        "a method that HTTP does not define"
    );

    // The response to HEAD is that to GET without the body; the function sees which one it is.
    raw.send("HEAD /api/large?size=4096 HTTP/1.1\r\nHost: h\r\n\r\n");
    let head = raw.answer_to_head();
    assert_eq!((head.status, head.header("content-length")), (200, "4096"));
    raw.send("GET /api/echo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(
        raw.answer().status,
        200,
        "there is nothing between the two responses"
    );
    raw.send("HEAD /api/nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(raw.answer_to_head().status, 404);
}

#[test]
fn functions_see_requests_as_they_were_sent() {
    let host = App::case("http").start();
    let seen = echo(
        &host,
        "/api/echo?a=1&b=x%20y+z&a=2&empty=&flag&%C3%BC=%F0%9F%90%8D",
    );
    assert_eq!(
        seen["params"],
        json!({"a": "1,2", "b": "x y z", "empty": "", "flag": "", "ü": "🐍"})
    );
    let url = format!(
        "{}/api/echo?a=1&b=x%20y+z&a=2&empty=&flag&%C3%BC=%F0%9F%90%8D",
        host.url()
    );
    assert_eq!(seen["url"], url);

    let mut raw = Raw::connect(&host);
    raw.send(
        "POST /api/echo HTTP/1.1\r\nHost: example.org\r\nX-Many: one\r\nx-many: two\r\nX-Forwarded-Proto: https\r\n\
         X-Text: caf\u{e9}\r\nContent-Length: 5\r\n\r\nh\u{e9}llo"
            .chars()
            // One byte per character.
            .map(|character| character as u8)
            .collect::<Vec<_>>(),
    );
    let seen = raw.answer().json();
    assert_eq!(seen["headers"]["x-many"], "one,two");
    assert_eq!(seen["headers"]["x-text"], "café");
    assert_eq!(seen["url"], "https://example.org/api/echo");
    assert_eq!(seen["body"], "héllo");

    raw.send("POST /api/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nHello\r\n");
    raw.send("7\r\n, world\r\n0\r\nX-Trailer: ignored\r\n\r\n");
    assert_eq!(raw.answer().json()["body"], "Hello, world");

    raw.send("GET http://example.org/api/echo?a=1 HTTP/1.1\r\nHost: other\r\n\r\n");
    let seen = raw.answer().json();
    assert_eq!(
        seen["url"], "http://example.org/api/echo?a=1",
        "the target's host wins"
    );
    assert_eq!(seen["params"], json!({"a": "1"}));
}

#[test]
fn every_response_has_the_custom_headers() {
    let host = App::case("http").start();
    for (method, path, status) in [
        ("GET", "/api/echo", 200),
        ("GET", "/api/nothing", 404),
        ("PUT", "/api/things", 405),
        ("GET", "/admin/host/status", 200),
        ("GET", "/api/large?size=none", 500),
    ] {
        let answer = ask(&host, method, path, status);
        assert_eq!(
            (answer.header("x-frame-options"), answer.header("x-served-by")),
            ("DENY", "funcdock"),
            "{path}"
        );
    }
}

#[test]
fn large_bodies_arrive_complete() {
    let host = App::case("http")
        .env(
            "AzureFunctionsJobHost__extensions__http__maxRequestBodySize",
            "104857600",
        )
        .start();
    let size = 16 << 20;
    let expected: Vec<u8> = (0..=255).cycle().take(size).collect();
    let bodies = at_once(4, |_| host.get(&format!("/api/large?size={size}")).body);
    assert!(bodies.iter().all(|body| *body == expected));
    let bodies = at_once(2, |_| host.post("/api/large", expected.clone()).body);
    assert!(bodies.iter().all(|body| *body == expected));
}

#[test]
fn the_status_describes_the_worker() {
    let host = App::case("http").start();
    let status = ask(&host, "GET", "/admin/host/status", 200);
    assert_eq!(status.header("content-type"), "application/json");
    let status = status.json();
    for (key, expected) in [
        ("state", json!("Running")),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("worker", json!(0)),
        (
            "workers",
            json!([{ "index": 0, "pid": host.workers()[0], "state": "Running" }]),
        ),
        ("extensions", json!([])),
        ("errors", json!([])),
    ] {
        assert_eq!(status[key], expected, "{key} of {status}");
    }
    assert!(status["processUptime"].is_u64(), "{status}");
}

#[test]
fn requests_beyond_the_outstanding_limit_get_429() {
    let host = App::case("gates")
        .env(
            "AzureFunctionsJobHost__extensions__http__maxOutstandingRequests",
            "2",
        )
        .start();
    let gate = Gate::new(&host, "g");
    std::thread::scope(|scope| {
        let calls = ["/api/wait?gate=g", "/api/wait_sync?gate=h"].map(|path| {
            let host = &host;
            scope.spawn(move || host.get(path).status)
        });
        gate.wait_until_entered();
        Gate::new(&host, "h").wait_until_entered();
        let refused = ask(&host, "GET", "/api/pid", 429);
        assert_eq!(refused.header("retry-after"), "1");
        ask(&host, "GET", "/admin/host/status", 200);
        gate.open();
        Gate::new(&host, "h").open();
        assert_eq!(calls.map(|call| call.join().expect("an answer")), [200, 200]);
    });
    ask(&host, "GET", "/api/pid", 200);
}

#[test]
fn calls_beyond_the_concurrency_limit_wait() {
    let most = |limit: &str| {
        let host = App::case("gates")
            .env(
                "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests",
                limit,
            )
            .env("PYTHON_THREADPOOL_THREAD_COUNT", "8")
            .start();
        let seen = at_once(16, |_| host.get("/api/overlap").text().parse::<u32>());
        seen.into_iter().flatten().max().expect("there are calls")
    };
    assert_eq!(most("1"), 1);
    assert!(most("3") <= 3);
    assert!(most("-1") > 1, "calls overlap without the limit");
}
