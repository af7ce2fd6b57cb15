//! Requests and responses that are larger than anybody needs.

use funcdock_tests::{App, Raw};

#[test]
fn a_response_with_too_many_headers_is_an_error_of_its_function() {
    let host = App::case("protocol").start();
    let mut raw = Raw::connect(&host);
    for app in ["plain", "asgi", "wsgi"] {
        for (count, status) in [(23_000, 200), (24_577, 500), (40_000, 500)] {
            raw.send(format!("GET /api/{app}?many={count} HTTP/1.1\r\nHost: h\r\n\r\n"));
            let answer = raw.answer();
            assert_eq!(answer.status, status, "{app}: {count}");
            assert_eq!(answer.headers.len() > 20_000, status == 200, "{app}: {count}");
        }
        host.wait_for_log("a response has at most 24000 headers");
    }
    // Also for a client of HTTP/1.0, to which the server adds a header.
    raw.send("GET /api/plain?many=23998 HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(raw.answer().status, 200);
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(!stopped.stderr.contains("panicked"), "{}", stopped.stderr);
}

#[test]
fn a_query_has_at_most_a_thousand_parameters() {
    let host = App::case("protocol").start();
    let mut raw = Raw::connect(&host);
    let mut get = |app: &str, query: String| {
        raw.send(format!("GET /api/{app}?seen&{query} HTTP/1.1\r\nHost: h\r\n\r\n"));
        raw.answer()
    };
    let answer = get("plain", ["a=1"; 999].join("&"));
    assert_eq!(answer.json()["params"]["a"], ["1"; 999].join(","));
    for app in ["plain", "asgi", "wsgi"] {
        let distinct: Vec<_> = (0..999).map(|number| format!("p{number}=")).collect();
        assert_eq!(get(app, distinct.join("&")).status, 200, "{app}");
        let answer = get(app, "a&".repeat(32_000));
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (400, "the query has more than 1000 parameters\n"),
            "{app}"
        );
        assert_eq!(get(app, "a&".repeat(1_000)).status, 400, "{app}");
    }
    host.stop().assert_clean();
}
