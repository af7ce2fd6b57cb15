//! Django behind a WsgiFunctionApp.

use serde_json::{Value, json};

use super::{JSON, Streamed, ask, assert_framework_listed, request, send, start};

#[test]
fn django_answers() {
    let host = start("django_app");
    assert_framework_listed(&host, "");

    let books = ask(&host, "GET /books/", 200);
    assert_eq!(books.json(), json!({"books": ["Pippi Långstrump", "Momo"]}));
    assert_eq!(books.header("x-content-type-options"), "nosniff");
    assert_eq!(
        ask(&host, "GET /books/?q=l%C3%A5ng", 200).json(),
        json!({"books": ["Pippi Långstrump"]})
    );
    let head = ask(&host, "HEAD /books/", 200);
    assert_eq!(head.header("content-length"), books.body.len().to_string());
    assert_eq!(ask(&host, "GET /books", 301).header("location"), "/books/");
    // Settings read the command, which is `funcdock start`; a view is asynchronous.
    assert_eq!(
        send(
            &host,
            "GET /books/about?%C3%BC=1",
            &[("accept-language", "sv")],
            "",
            200
        )
        .json(),
        json!({
            "command": "start",
            "testing": false,
            "url": host.url_of("/books/about?%C3%BC=1"),
            "language": "sv",
            "function": "http_app_func",
        })
    );

    // Changes need a token from a cookie.
    let title = r#"{"title": "Ronja"}"#;
    send(&host, "POST /books/", &[JSON], title, 403);
    let response = Streamed::get(&host, "/books/token");
    let cookie = response.cookies().join("; ");
    let token: Value = serde_json::from_str(&response.rest()).expect("JSON");
    let headers = [
        JSON,
        ("cookie", &*cookie),
        ("x-csrftoken", token["token"].as_str().expect("a token")),
    ];
    let created = send(&host, "POST /books/", &headers, title, 201);
    assert_eq!(created.header("location"), "/books/3");
    assert_eq!(
        ask(&host, "GET /books/3", 200).json(),
        json!({"number": 3, "title": "Ronja"})
    );
    let lent = Streamed::send(&host, request(&host, "POST /books/3/lend", &headers, ""));
    let cookies = lent.cookies();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    assert_eq!(cookies[0], "last=3");
    let cookie = format!("{cookie}; {}", cookies.join("; "));
    let headers = [headers[0], ("cookie", &*cookie), headers[2]];
    let lent = send(&host, "POST /books/1/lend", &headers, "", 200);
    assert_eq!(lent.json(), json!({"lent": [3, 1]}));

    let export = ask(&host, "GET /books/export", 200);
    assert_eq!(export.text(), "1;Pippi Långstrump\n2;Momo\n3;Ronja\n");
    // Django ends a request, and gives back its connections, when the server closes the response.
    host.wait_for_log("books.apps: a request has finished");

    for path in ["/", "/nowhere", "/books/9"] {
        let missing = ask(&host, &format!("GET {path}"), 404);
        assert_eq!(missing.json(), json!({"error": format!("there is no {path}")}));
    }
    host.wait_for_log("django.request: Not Found: /nowhere");
    let refused = ask(&host, "GET /books/1/lend", 405);
    assert_eq!(refused.header("allow"), "POST");
    send(&host, "GET /books/", &[("host", "example.org")], "", 400);
    assert_eq!(
        ask(&host, "GET /books/broken", 500).json(),
        json!({"error": "the library has a problem"})
    );
    host.wait_for_log("RuntimeError: this view is broken");
    host.stop().assert_clean();
}
