//! Flask behind a WsgiFunctionApp.

use serde_json::json;

use super::{FORM, JSON, Streamed, ask, assert_framework_listed, request, send, start};

#[test]
fn flask_answers() {
    let host = start("flask_app");
    assert_framework_listed(&host, "/api");

    let anonymous = ask(&host, "GET /api/account", 401);
    assert_eq!(anonymous.json(), json!({"code": 401, "error": "Unauthorized"}));
    let form = "user=ada&theme=dark";
    let login = Streamed::send(&host, request(&host, "POST /api/login", &[FORM], form));
    assert_eq!(
        (login.head.status.as_u16(), login.header("location")),
        (303, "/api/account")
    );
    let cookies = login.cookies();
    let [session, theme] = cookies.as_slice() else {
        panic!("expected two cookies: {cookies:?}")
    };
    assert!(session.starts_with("session="), "{session}");
    assert_eq!(theme, "theme=dark");
    let cookies = ("cookie", &*cookies.join("; "));
    let account = send(&host, "GET /api/account", &[cookies], "", 200);
    assert_eq!(account.json(), json!({"user": "ada", "visits": 1}));
    let head = send(&host, "HEAD /api/account", &[cookies], "", 200);
    assert_eq!(head.header("content-length"), account.body.len().to_string());

    let mut seen = ask(
        &host,
        "GET /api/pages/caf%C3%A9/a%20b?x=1&x=2&%C3%BC=%F0%9F%90%8D",
        200,
    )
    .json();
    assert!(
        seen["invocation"]
            .take()
            .as_str()
            .is_some_and(|id| id.len() == 36),
        "{seen}"
    );
    assert_eq!(
        seen,
        json!({
            "page": "café/a b",
            "query": {"x": ["1", "2"], "ü": ["🐍"]},
            "url": host.url_of("/api/pages/café/a%20b?x=1&x=2&ü=🐍"),
            // As WSGI has it: one character for each byte.
            "path": "/api/pages/caf\u{c3}\u{a9}/a b",
            "script": "",
            "function": "http_app_func",
            "invocation": null,
        })
    );

    // Errors of Flask's routes, of the app and of its bugs; and of the host.
    for (line, status, error) in [
        ("GET /api/nowhere", 404, "Not Found"),
        ("DELETE /api/login", 405, "Method Not Allowed"),
        ("POST /api/login", 400, "Bad Request"),
        ("GET /api/broken", 500, "Internal Server Error"),
    ] {
        let answer = ask(&host, line, status);
        assert_eq!(answer.json(), json!({"code": status, "error": error}));
        let allowed = if status == 405 { "POST" } else { "" };
        assert!(answer.header("allow").contains(allowed), "{answer:?}");
    }
    host.wait_for_log("RuntimeError: this view is broken");
    assert_eq!(
        ask(&host, "GET /nowhere", 404).text(),
        "no function has this route\n"
    );
    host.stop().assert_clean();
}

#[test]
fn flask_streams_and_closes() {
    let host = start("flask_app");
    ask(&host, "PUT /api/jobs/build", 201);
    let mut log = Streamed::get(&host, "/api/jobs/build/log");
    assert_eq!(log.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(log.line(), "build started");
    for line in ["compiling", "testing"] {
        let body = json!({"line": line}).to_string();
        send(&host, "POST /api/jobs/build/log", &[JSON], body, 204);
        assert_eq!(log.line(), line);
    }
    ask(&host, "DELETE /api/jobs/build", 204);
    assert_eq!(log.rest(), "");
    ask(&host, "GET /api/jobs/other/log", 404);

    let export = ask(&host, "GET /api/export.csv?rows=3", 200);
    assert_eq!(export.text(), "row,square\n0,0\n1,1\n2,4\n");
    assert_eq!(
        (
            export.header("content-type"),
            export.header("content-disposition")
        ),
        ("text/csv; charset=utf-8", "attachment; filename=export.csv")
    );
    host.wait_for_log("export of 3 rows closed after 3");
    host.wait_for_log("response of export closed");

    // A client that leaves: the app does not make the rest.
    let start = host.stderr().len();
    let mut export = Streamed::get(&host, "/api/export.csv?rows=10000000");
    assert_eq!(export.line(), "row,square");
    drop(export);
    host.wait_for_log_from(start, "export of 10000000 rows closed after ");
    host.wait_for_log_from(start, "response of export closed");
    let all = "export of 10000000 rows closed after 10000000";
    assert!(!host.stderr().contains(all), "{}", host.output());
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(
        stopped.stderr.matches("response of export closed").count(),
        2,
        "{}",
        stopped.stderr
    );
}
