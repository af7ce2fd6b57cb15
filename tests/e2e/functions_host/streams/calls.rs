//! A request and its call find each other, and make one call.

use std::collections::HashSet;

use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{InvocationRequest, RpcTraceContext};
use funcdock_tests::functions_host::{assert_success, body, call, failure, get, http_of};
use funcdock_tests::{App, json_lines, library, python, wait_for};
use serde_json::{Value, json};

use super::passing::{Passing, SETTING, announcement, with_package};

#[test]
fn either_may_come_first() {
    let mut passing = Passing::streams(&["echo", "plain"]);
    passing.host.log("HTTP server starting on http://127.0.0.1:");
    for name in ["echo", "plain"] {
        let head =
            format!("POST /api/{name}/7?a=1 HTTP/1.1\r\nContent-Length: 3\r\nX-Forwarded-Proto: https");
        passing.begin(name, "call-1");
        let mut request = passing.request("call-1", &head);
        request.send("abc");
        let first = request.read();
        passing.assert_ends("call-1");

        let mut request = passing.request("call-2", &head);
        request.send("abc");
        let request = request.arrived();
        passing
            .host
            .send(Content::InvocationRequest(announcement(name, "call-2")));
        let second = request.read();
        passing.assert_ends("call-2");
        for ((status, body), id) in [(first, "call-1"), (second, "call-2")] {
            assert_eq!(status, 200, "{name}: {body}");
            if name == "echo" {
                assert_eq!(body, "3\r\nabc\r\n0\r\n\r\n");
                continue;
            }
            let found: Value = serde_json::from_str(&body).expect("JSON");
            let expected = json!({
                "body": "abc", "url": "https://x/api/plain/7?a=1", "id": "7", "invocation": id, "trace": "",
            });
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn a_response_begins_before_the_request_ends() {
    let mut passing = Passing::streams(&["echo"]);
    passing.begin("echo", "call-1");
    let mut request = passing.request(
        "call-1",
        "POST /api/echo/7?a=b HTTP/1.1\r\nTransfer-Encoding: chunked",
    );
    request.send("3\r\none\r\n");
    let head = request.read_until("one");
    assert!(
        head.contains("x-id: 7\r\n") && head.contains("x-query: b\r\n"),
        "{head}"
    );
    // The function has returned, though its response is not at its end.
    passing.assert_ends("call-1");
    request.send("3\r\ntwo\r\n");
    request.read_until("two");
    request.send("0\r\n\r\n");
    request.read_until("0\r\n\r\n");
}

#[test]
fn a_call_has_what_comes_over_grpc() {
    let mut passing = Passing::streams(&["plain", "puts"]);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = InvocationRequest {
        trace_context: Some(RpcTraceContext {
            trace_parent: parent.to_owned(),
            ..RpcTraceContext::default()
        }),
        ..announcement("plain", "call-1")
    };
    passing.host.send(Content::InvocationRequest(request));
    let (status, body) = passing.request("call-1", "GET /api/plain/8 HTTP/1.1").read();
    assert_eq!(status, 200);
    let found: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&found["trace"], &found["id"]), (&json!(parent), &json!("7")));
    passing.assert_ends("call-1");

    passing.begin("puts", "call-2");
    let response = passing.request("call-2", "GET /api/puts HTTP/1.1").read();
    assert_eq!(response, (200, "put".to_owned()));
    let response = passing.end("call-2");
    assert_success(response.result.as_ref(), &passing.host);
    let [output] = &response.output_data[..] else {
        panic!("one output: {response:?}")
    };
    let Some(RpcData::Data(data)) = &output.rpc_data else {
        panic!("{output:?}")
    };
    assert_eq!(
        (output.name.as_str(), &data.data),
        ("message", &Some(Data::String("an order".to_owned())))
    );
}

#[test]
fn hooks_run_once_around_a_call_and_at_the_end_of_its_stream() {
    let record = json!({
        "library": library("fixture-hooks"), "settings": { "file": "record.jsonl" },
    });
    let host = json!({ "version": "2.0", "workerExtensions": { "record": record } });
    let app = App::case("functions_host_streams")
        .python(with_package())
        .file("host.json", &host.to_string())
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1");
    let mut passing = Passing::start(app, &["echo"]);
    passing.begin("echo", "call-1");
    let mut request = passing.request("call-1", "POST /api/echo/7 HTTP/1.1\r\nContent-Length: 3");
    request.send("abc");
    assert_eq!(request.read().0, 200);
    passing.assert_ends("call-1");
    let file = passing.host.app().path().join("record.jsonl");
    let hooks = |names: &[&str]| -> Vec<Value> {
        let records = json_lines(&file).into_iter();
        let records = records.filter(|record| names.iter().any(|name| record["hook"] == *name));
        records.collect()
    };
    let ended = wait_for(|| Some(hooks(&["stream_ended"])).filter(|records| !records.is_empty()));
    assert!(ended.is_some(), "{}", passing.host.output());
    let around = hooks(&["pre_invocation", "post_invocation", "stream_ended"]);
    let names: Vec<_> = around.iter().map(|record| record["hook"].clone()).collect();
    assert_eq!(names, ["pre_invocation", "post_invocation", "stream_ended"]);
    assert_eq!(around[0]["invocation"], "call-1", "{around:?}");
}

#[test]
fn an_app_of_a_framework_streams_by_the_setting() {
    let app = App::case("streams")
        .file(
            "host.json",
            r#"{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}"#,
        )
        .env("PYTHON_SCRIPT_FILE_NAME", "asgi_app.py")
        .env(SETTING, "1");
    let mut passing = Passing::start(app, &["http_app_func"]);
    passing.begin("http_app_func", "call-1");
    let mut request = passing.request("call-1", "POST /echoes HTTP/1.1\r\nTransfer-Encoding: chunked");
    for part in ["one", "two"] {
        request.send(&format!("3\r\n{part}\r\n"));
        request.read_until(part);
    }
    passing.assert_ends("call-1");
    request.send("0\r\n\r\n");
    request.read_until("0\r\n\r\n");
}

#[test]
fn a_function_that_raises_fails_its_call_and_its_request() {
    let mut passing = Passing::streams(&["fails"]);
    passing.begin("fails", "call-1");
    let response = passing.request("call-1", "GET /api/fails HTTP/1.1").read();
    assert_eq!(response, (500, String::new()));
    let response = passing.end("call-1");
    assert_eq!(failure(response.result.as_ref()), "ValueError: no stream");

    let mut passing = Passing::plain(&["raises"]);
    passing.begin("raises", "call-1");
    let response = passing.request("call-1", "GET /api/raises HTTP/1.1").read();
    assert_eq!(response, (500, String::new()));
    let response = passing.end("call-1");
    assert_eq!(failure(response.result.as_ref()), "ValueError: nothing works");
}

#[test]
fn two_hundred_at_once_find_each_other() {
    const COUNT: usize = 200;
    let mut passing = Passing::plain(&["echo"]);
    let ids: Vec<_> = (0..COUNT).map(|number| format!("call-{number}")).collect();
    let announce = |passing: &Passing, ids: &[String]| {
        for id in ids.iter().rev() {
            passing
                .host
                .send(Content::InvocationRequest(announcement("echo", id)));
        }
    };
    // One half comes before its requests, and the other after them.
    announce(&passing, &ids[..COUNT / 2]);
    let requests: Vec<_> = ids
        .iter()
        .map(|id| {
            let head = format!("POST /api/echo HTTP/1.1\r\nContent-Length: {}", id.len());
            let mut request = passing.request(id, &head);
            request.send(id);
            request
        })
        .collect();
    announce(&passing, &ids[COUNT / 2..]);
    for (id, request) in ids.iter().zip(requests) {
        assert_eq!(request.read(), (200, id.clone()));
    }
    let ended: HashSet<_> = ids
        .iter()
        .map(|_| {
            let response = passing.response();
            assert_success(response.result.as_ref(), &passing.host);
            response.invocation_id
        })
        .collect();
    assert_eq!(ended.len(), COUNT);
}

#[test]
fn a_host_may_send_whole_requests_all_the_same() {
    for (version, python) in python::oldest_and_newest() {
        let app = App::case("functions_host").python(python).env(SETTING, "1");
        let mut passing = Passing::start(app, &["hello"]);
        let request = call(
            "hello",
            &[(
                "req",
                Data::Http(Box::new(get("http://localhost/api/hello?name=Ada"))),
            )],
        );
        let response = passing.host.invoke(request);
        assert_eq!(body(http_of(&response)), b"Hello, Ada!", "{version}");
        passing.begin("hello", "call-1");
        let response = passing
            .request("call-1", "GET /api/hello?name=Bob HTTP/1.1")
            .read();
        assert_eq!(response, (200, "Hello, Bob!".to_owned()), "{version}");
        passing.assert_ends("call-1");
    }
}
