//! FastAPI behind an AsgiFunctionApp.

use funcdock_tests::Raw;
use funcdock_tests::websocket::WebSocket;
use serde_json::{Value, json};

use super::{JSON, Streamed, ask, assert_framework_listed, request, send, start};

#[test]
fn fastapi_answers() {
    let host = start("fastapi_app");
    assert_framework_listed(&host, "");
    let ada = ("cookie", "customer=ada");

    assert_eq!(ask(&host, "GET /", 200).json(), json!({"name": "Orders"}));
    let mut seen = ask(&host, "GET /whoami/caf%C3%A9?x=1&y=%20", 200).json();
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
            "name": "café",
            "url": host.url_of("/whoami/café?x=1&y=%20"),
            "root_path": "",
            "path": "/whoami/café",
            "function": "http_app_func",
            "invocation": null,
        })
    );
    assert_eq!(
        ask(&host, "GET /openapi.json", 200).json()["info"]["title"],
        "Orders"
    );
    let docs = ask(&host, "GET /docs", 200);
    assert_eq!(docs.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(
        ask(&host, "GET /admin/host/status", 200).json()["state"],
        "Running"
    );

    let cookies = Streamed::send(&host, request(&host, "PUT /session/ada", &[], ""));
    assert_eq!(cookies.head.status, 204);
    assert_eq!(cookies.cookies(), ["customer=ada", "theme=dark"]);

    let order = r#"{"item": "tea", "count": 2}"#;
    let unknown = send(&host, "POST /orders", &[JSON], order, 401);
    assert_eq!(unknown.header("www-authenticate"), "Cookie");
    let created = send(&host, "POST /orders", &[JSON, ada], order, 202);
    let expected = json!({
        "id": 1, "customer": "ada", "item": "tea", "count": 2, "note": null, "status": "pending",
    });
    assert_eq!(created.json(), expected);
    assert_eq!(created.header("location"), host.url_of("/orders/1"));
    assert_eq!(
        ask(&host, "GET /orders?item=tea&item=cup", 200).json(),
        json!([expected])
    );
    assert_eq!(ask(&host, "GET /orders?item=cup", 200).json(), json!([]));

    // Errors of FastAPI, of pydantic, of the app and of its bugs.
    assert_eq!(
        ask(&host, "GET /nowhere", 404).json(),
        json!({"detail": "Not Found"})
    );
    assert_eq!(
        ask(&host, "GET /orders/7", 404).json(),
        json!({"detail": "no order 7"})
    );
    let refused = ask(&host, "DELETE /orders", 405);
    assert_eq!(refused.json(), json!({"detail": "Method Not Allowed"}));
    assert!(refused.header("allow").contains("POST"), "{refused:?}");
    let sold_out = send(&host, "POST /orders", &[JSON, ada], r#"{"item": "unicorn"}"#, 409);
    assert_eq!(sold_out.json(), json!({"detail": "unicorn is sold out"}));
    let wrong = r#"{"item": "", "count": 0}"#;
    let wrong = send(&host, "POST /orders", &[JSON, ada], wrong, 422).json();
    let places: Vec<&Value> = wrong["detail"].as_array().into_iter().flatten().collect();
    let places: Vec<&Value> = places.iter().map(|problem| &problem["loc"]).collect();
    assert_eq!(places, [&json!(["body", "item"]), &json!(["body", "count"])]);
    // FastAPI keeps this call's objects in a reference cycle: the call ends before they are collected.
    send(&host, "POST /orders", &[JSON, ada], r#"{"item": "#, 422);
    ask(&host, "GET /orders/first", 422);
    assert_eq!(ask(&host, "GET /broken", 500).text(), "Internal Server Error");
    host.wait_for_log("RuntimeError: this endpoint is broken");

    // A host that stops waits for the task in the background.
    ask(&host, "PUT /orders/1/confirmation", 204);
    host.stop().assert_clean();
}

#[test]
fn fastapi_lives_between_and_after_responses() {
    let host = start("fastapi_app");
    // The app starts with the worker, before the first request.
    host.wait_for_log("api.main: the store opens");
    let order = r#"{"item": "tea"}"#;
    let customer = ("x-customer", "ada");
    // The task in the background goes on after the response.
    send(&host, "POST /orders", &[JSON, customer], order, 202);
    let status = || ask(&host, "GET /orders/1", 200).json()["status"].clone();
    assert_eq!(status(), "pending");

    // Events arrive when they happen.
    let mut events = Streamed::get(&host, "/orders/1/events");
    assert_eq!(
        (events.header("content-type"), events.header("cache-control")),
        ("text/event-stream; charset=utf-8", "no-cache")
    );
    assert_eq!(events.header("content-length"), "");
    assert_eq!(
        [events.line(), events.line(), events.line()],
        ["event: pending", "data: {\"id\": 1}", ""]
    );

    // A client that does not wait any longer.
    let mut raw = Raw::connect(&host);
    raw.send("GET /orders/1/confirmed HTTP/1.1\r\nHost: h\r\n\r\n");
    host.wait_for_log("a client waits for order 1");
    drop(raw);
    host.wait_for_log("the client does not wait for order 1 any more");

    ask(&host, "PUT /orders/1/confirmation", 204);
    assert_eq!(events.rest(), "event: confirmed\ndata: {\"id\": 1}\n\n");
    assert_eq!(
        ask(&host, "GET /orders/1/confirmed", 200).json()["status"],
        "confirmed"
    );
    host.wait_for_log("api.routers.session: ada has ordered");

    // And it ends with the worker.
    let stopped = host.stop();
    stopped.assert_clean();
    for line in ["the store opens", "the store closes with 1 orders"] {
        assert_eq!(stopped.stderr.matches(line).count(), 1, "{}", stopped.stderr);
    }
}

#[test]
fn fastapi_talks_over_websockets() {
    let host = start("fastapi_app");
    let order = r#"{"item": "tea"}"#;
    send(&host, "POST /orders", &[JSON, ("x-customer", "ada")], order, 202);
    let connect = |path: &str, cookie: &str| WebSocket::try_connect(&host, path, &[("cookie", cookie)]);
    for (path, cookie) in [("/support/1", "none=0"), ("/support/2", "customer=ada")] {
        let (status, _) = connect(path, cookie).err().expect("refused");
        assert_eq!(status.as_u16(), 403, "{path}");
    }
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let enter = |name: &str| {
        let mut member = connect("/support/1", &format!("customer={name}")).expect("accepted");
        member.send(r#"{"text": "hello"}"#);
        assert_eq!(json(&member.text()), json!({"from": name, "text": "hello"}));
        member
    };
    let (mut ada, mut bob) = (enter("ada"), enter("bob"));
    assert_eq!(json(&ada.text()), json!({"from": "bob", "text": "hello"}));
    bob.send(r#"{"text": "bye"}"#);
    assert_eq!(json(&ada.text()), json!({"from": "bob", "text": "bye"}));
    assert_eq!(bob.closed(), (4000, "bye".to_owned()));
    host.wait_for_log("bob has left, 1 stay");
    drop(ada);
    host.wait_for_log("ada has left, 0 stay");
    // The host would wait for the task that waits for it.
    ask(&host, "PUT /orders/1/confirmation", 204);
    host.stop().assert_clean();
}
