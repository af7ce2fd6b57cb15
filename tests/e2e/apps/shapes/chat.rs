//! A chat whose functions stream their responses.

use funcdock_tests::{Raw, wait_for};
use serde_json::json;

use super::{JSON, Streamed, ask, listed, request, send, start};

#[test]
fn chat_answers() {
    let host = start("chat");
    let functions = [
        "upload: [PUT] /api/uploads/{name}",
        "progress: [GET] /api/uploads/{name}",
        "complete: [POST] /api/chat/completions",
        "listen: [GET] /api/rooms/{name}/events",
        "say: [POST] /api/rooms/{name}/messages",
        "describe: [GET] /api/rooms/{name}",
        "close: [DELETE] /api/rooms/{name}",
        "log_in: [POST] /api/login/{user}",
        "list_models: [GET] /api/models",
        "default_model: [GET] /api/models/default",
        "show_model: [GET] /api/models/{name}",
        "broken: /api/broken",
    ];
    assert_eq!(listed(&host), functions);

    let question = r#"{"messages": [{"content": "Guten Tag, Zoë"}]}"#;
    let answer = send(&host, "POST /api/chat/completions", &[JSON], question, 200);
    assert_eq!(
        (
            answer.header("content-type"),
            answer.header("x-accel-buffering"),
            answer.header("content-length")
        ),
        ("text/event-stream; charset=utf-8", "no", "")
    );
    let words = ["You", "said:", "Guten", "Tag,", "Zo\\u00eb"];
    let words = words.map(|word| format!("data: {{\"delta\": \"{word}\"}}\n\n"));
    assert_eq!(answer.text(), words.concat() + "data: [DONE]\n\n");

    // Values that are not responses become JSON.
    for (path, expected) in [
        ("models", json!(["parrot-1", "parrot-2"])),
        ("models/default", json!("parrot-1")),
        ("models/parrot-2", json!({"id": "parrot-2", "words": 2})),
        ("uploads/none", json!(-1)),
        (
            "rooms/empty?a=1&b=%C3%BC",
            json!({"members": 0, "query": {"a": "1", "b": "ü"}}),
        ),
    ] {
        let answer = ask(&host, &format!("GET /api/{path}"), 200);
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert_eq!(answer.json(), expected, "{path}");
    }
    let login = Streamed::send(&host, request(&host, "POST /api/login/ada", &[], ""));
    assert_eq!(login.header("x-chat"), "1");
    assert_eq!(login.cookies(), ["theme=dark", "user=ada"]);
    assert_eq!(login.rest(), r#"{"user":"ada"}"#);

    let wrong = send(&host, "POST /api/chat/completions", &[JSON], "{}", 400);
    assert_eq!(
        wrong.json(),
        json!({"error": "expected messages, each with content"})
    );
    assert_eq!(
        ask(&host, "GET /api/models/parrot-3", 404).json(),
        json!({"detail": "no model parrot-3"})
    );
    assert_eq!(
        ask(&host, "GET /api/nowhere", 404).text(),
        "no function has this route\n"
    );
    assert_eq!(
        ask(&host, "PUT /api/chat/completions", 405).header("allow"),
        "POST"
    );
    ask(&host, "GET /api/broken", 500);
    host.wait_for_log("RuntimeError: this function is broken");
    host.stop().assert_clean();
}

#[test]
fn chat_streams_both_ways() {
    let host = start("chat");
    let mut room = Streamed::get(&host, "/api/rooms/kitchen/events");
    assert_eq!([room.line(), room.line()], [r#"data: {"members": 1}"#, ""]);
    let say = |text: &str| {
        let headers = [JSON, ("cookie", "user=ada")];
        let text = json!(text).to_string();
        send(&host, "POST /api/rooms/kitchen/messages", &headers, text, 200).json()
    };
    for text in ["Hello", "Anybody here?"] {
        assert_eq!(say(text), json!({"listeners": 1}));
        let expected = format!(r#"data: {{"from": "ada", "text": "{text}"}}"#);
        assert_eq!([room.line(), room.line()], [expected, String::new()]);
    }

    // A second person comes, and leaves.
    let members = || host.get("/api/rooms/kitchen").json()["members"].clone();
    let wait_for_members = |count: u64| {
        let counted = wait_for(|| (members() == count).then_some(()));
        assert!(counted.is_some(), "{} members\n{}", members(), host.output());
    };
    let mut raw = Raw::connect(&host);
    raw.send("GET /api/rooms/kitchen/events HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for_members(2);
    drop(raw);
    // Nobody says anything, so that only the end of the connection ends the response.
    wait_for_members(1);
    assert_eq!(say("Bye"), json!({"listeners": 1}));
    ask(&host, "DELETE /api/rooms/kitchen", 204);
    assert_eq!(room.rest(), "data: {\"from\": \"ada\", \"text\": \"Bye\"}\n\n");
    host.wait_for_log("room kitchen is closed");
    assert_eq!(members(), 0);

    // An upload is counted while it arrives.
    let mut raw = Raw::connect(&host);
    raw.send("PUT /api/uploads/talk HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n");
    let arrived = || host.get("/api/uploads/talk").json();
    let counted = wait_for(|| (arrived() == 5).then_some(()));
    assert!(counted.is_some(), "{} bytes have arrived", arrived());
    raw.send("7\r\n, world\r\n0\r\n\r\n");
    let answer = raw.answer();
    assert_eq!(answer.status, 201, "{answer:?}");
    let digest = "4ae7c3b6ac0beff671efa8cf57386151c06e58ca53a78d83f36107316cec125f";
    assert_eq!(answer.json(), json!({"size": 12, "sha256": digest}));
    let large = send(&host, "PUT /api/uploads/large", &[], vec![0; 8 << 20], 201);
    assert_eq!(large.json()["size"], 8 << 20);
    host.stop().assert_clean();
}
