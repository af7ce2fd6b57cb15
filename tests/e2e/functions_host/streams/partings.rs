//! Requests and calls that wait for each other in vain, clients that leave, and a worker that ends.

use funcdock_rpc::messages::WorkerTerminate;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_tests::functions_host::failure;

use super::passing::{Passing, announcement};

#[test]
fn a_request_needs_a_call() {
    let mut passing = Passing::plain(&["hello"]);
    let (status, body) = passing.send("GET /api/hello HTTP/1.1").read();
    assert_eq!(
        (status, body.contains("x-ms-invocation-id")),
        (400, true),
        "{body}"
    );
    let (status, _) = passing.send("GET /admin/host/status HTTP/1.1").read();
    assert_eq!(status, 400, "the host's own paths are not here");

    let waiting = passing.request("call-1", "GET /api/hello HTTP/1.1").arrived();
    let (status, _) = passing.request("call-1", "GET /api/hello HTTP/1.1").read();
    assert_eq!(status, 409, "another one waits");
    passing.begin("hello", "call-1");
    assert_eq!(waiting.read(), (200, "Hello, World!".to_owned()));
    passing.assert_ends("call-1");

    passing.begin("hello", "call-2");
    passing
        .host
        .send(Content::InvocationRequest(announcement("hello", "call-2")));
    let refused = passing.end("call-2");
    let expected = "another call with the same id waits for its HTTP request";
    assert_eq!(failure(refused.result.as_ref()), expected);
    let response = passing.request("call-2", "GET /api/hello HTTP/1.1").read();
    assert_eq!(response.0, 200);
    passing.assert_ends("call-2");
}

#[test]
fn nobody_waits_forever_for_the_other() {
    let mut passing = Passing::plain(&["hello"]);
    passing.begin("hello", "call-1");
    let (status, body) = passing.request("call-2", "GET /api/hello HTTP/1.1").read();
    assert_eq!(status, 404, "{body}");
    assert!(body.contains("has not started the call"), "{body}");
    let response = passing.end("call-1");
    let expected = "the HTTP request of the call has not come";
    assert_eq!(failure(response.result.as_ref()), expected);
    // Nothing is left of them.
    passing.begin("hello", "call-2");
    let response = passing.request("call-2", "GET /api/hello HTTP/1.1").read();
    assert_eq!(response.0, 200);
    passing.assert_ends("call-2");
}

#[test]
fn a_client_may_leave_at_any_time() {
    let mut passing = Passing::streams(&["echo", "plain", "endless"]);
    // While its call has not come.
    let request = passing.request("call-1", "GET /api/plain/7 HTTP/1.1");
    request.arrived().reset();
    passing.begin("plain", "call-1");
    let response = passing.request("call-1", "GET /api/plain/7 HTTP/1.1").read();
    assert_eq!(response.0, 200);
    passing.assert_ends("call-1");

    // Within the body that a function is to have whole.
    passing.begin("plain", "call-2");
    let mut request = passing.request("call-2", "POST /api/plain/7 HTTP/1.1\r\nContent-Length: 100");
    request.send("abc");
    drop(request);
    let response = passing.end("call-2");
    assert!(failure(response.result.as_ref()).contains("its HTTP request cannot be read"));

    // Within a response.
    passing.begin("endless", "call-3");
    let mut request = passing.request("call-3", "GET /api/endless HTTP/1.1");
    request.read_until("xxx");
    passing.assert_ends("call-3");
    drop(request);
    passing.host.log("the stream is closed");
}

#[test]
fn a_call_ends_for_the_host_though_the_client_has_left() {
    let mut passing = Passing::plain(&["blocks", "slow"]);
    for name in ["blocks", "slow"] {
        passing.begin(name, "call-1");
        let request = passing.request("call-1", &format!("GET /api/{name}?seconds=1 HTTP/1.1"));
        drop(request.arrived());
        passing.assert_ends("call-1");
    }
}

#[test]
fn a_worker_that_ends_answers_who_waits() {
    let mut passing = Passing::plain(&["hello", "slow"]);
    passing.begin("hello", "call-1");
    passing.begin("slow", "call-2");
    let running = passing
        .request("call-2", "GET /api/slow?seconds=1 HTTP/1.1")
        .arrived();
    let waiting = passing.request("call-3", "GET /api/hello HTTP/1.1").arrived();
    passing.host.send(Content::WorkerTerminate(WorkerTerminate {
        grace_period: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
    }));
    assert_eq!(waiting.read().0, 503);
    let refused = passing.end("call-1");
    assert_eq!(
        failure(refused.result.as_ref()),
        "the HTTP request of the call has not come"
    );
    assert_eq!(running.read(), (200, "slept".to_owned()));
    passing.assert_ends("call-2");
    assert_eq!(passing.host.wait().code(), Some(0), "{}", passing.host.output());
}
