//! HTTP requests that the host passes on: they come over HTTP, and their calls over gRPC.

use std::collections::{HashMap, HashSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    FunctionEnvironmentReloadRequest, InvocationRequest, InvocationResponse, RpcHttp, RpcTraceContext,
    WorkerTerminate,
};
use funcdock_tests::functions_host::{FunctionsHost, assert_success, body, call, failure, get, http_of};
use funcdock_tests::{App, library, python, wait_for};
use serde_json::{Value, json};
use socket2::SockRef;

/// Long enough for a call or a request to arrive, when nothing else shows it.
const ARRIVAL: Duration = Duration::from_millis(300);

const SETTING: &str = "FUNCDOCK_HTTP_STREAMS";

fn with_package() -> PathBuf {
    let packages = ["azure-functions", "azurefunctions-extensions-http-fastapi"];
    python::with("http-streams", &packages)
}

/// A host that passes requests on.
struct Passing {
    host: FunctionsHost,
    address: String,
}

impl Passing {
    /// Starts a worker of an app that has it on by itself, or by the setting.
    fn start(app: App, functions: &[&str]) -> Self {
        let mut host = app.under_functions_host();
        let response = host.init();
        let address = address(&response.capabilities);
        for name in functions {
            assert_success(host.load(name).result.as_ref(), &host);
        }
        Passing { host, address }
    }

    fn streams(functions: &[&str]) -> Self {
        let app = App::case("functions_host_streams").python(with_package());
        Passing::start(app, functions)
    }

    fn plain(functions: &[&str]) -> Self {
        Passing::start(App::case("functions_host").env(SETTING, "1"), functions)
    }

    /// Starts a call over gRPC, and waits until the worker has it.
    fn begin(&mut self, name: &str, id: &str) {
        self.host.send(Content::InvocationRequest(announcement(name, id)));
        self.host.log(&format!("invocation ID: {id}, "));
    }

    /// Sends a request for a call; `head` is its first lines.
    fn request(&self, id: &str, head: &str) -> Connection {
        self.send(&format!("{head}\r\nx-ms-invocation-id: {id}"))
    }

    fn send(&self, head: &str) -> Connection {
        let mut stream = TcpStream::connect(&self.address).expect("the worker listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("not zero");
        write!(stream, "{head}\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
        Connection(stream)
    }

    /// Waits for the end of a call.
    fn end(&mut self, id: &str) -> InvocationResponse {
        let response = self.response();
        assert_eq!(response.invocation_id, id, "{}", self.host.output());
        response
    }

    fn response(&mut self) -> InvocationResponse {
        match self.host.receive() {
            Content::InvocationResponse(response) => response,
            other => panic!("{other:?}\n{}", self.host.output()),
        }
    }

    fn assert_ends(&mut self, id: &str) {
        let response = self.end(id);
        assert_success(response.result.as_ref(), &self.host);
        assert_eq!(response.return_value.and_then(|value| value.data), None);
    }
}

/// A connection with one request.
struct Connection(TcpStream);

impl Connection {
    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("sent");
    }

    /// Closes the connection in a way that cannot be taken for the end of one side only.
    fn reset(self) {
        let resets = SockRef::from(&self.0).set_linger(Some(Duration::ZERO));
        resets.expect("a TCP socket");
    }

    /// Reads until the text has come.
    fn read_until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        let mut buffer = [0; 4096];
        while !seen.contains(text) {
            let count = self.0.read(&mut buffer).expect("a response");
            assert!(count > 0, "closed after {seen:?}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        seen
    }

    /// Reads to the end; returns the status and the body.
    fn read(mut self) -> (u16, String) {
        let mut text = String::new();
        self.0.read_to_string(&mut text).expect("a response");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }
}

/// Returns where the worker's HTTP server listens.
#[track_caller]
fn address(capabilities: &HashMap<String, String>) -> String {
    let uri = capabilities.get("HttpUri").expect("it is announced");
    assert_eq!(capabilities["RequiresRouteParameters"], "true");
    let address = uri.strip_prefix("http://").expect("a URI");
    assert!(address.starts_with("127.0.0.1:"), "{uri}");
    address.to_owned()
}

/// A call as a host has it that passes its request on: with the parameters of the route.
fn announcement(name: &str, id: &str) -> InvocationRequest {
    let http = RpcHttp {
        params: HashMap::from([("id".to_owned(), "7".to_owned())]),
        ..RpcHttp::default()
    };
    InvocationRequest {
        invocation_id: id.to_owned(),
        ..call(name, &[("req", Data::Http(Box::new(http)))])
    }
}

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
        std::thread::sleep(ARRIVAL);
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
        let text = std::fs::read_to_string(&file).expect("a file of the extension");
        let records = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
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

    let waiting = passing.request("call-1", "GET /api/hello HTTP/1.1");
    std::thread::sleep(ARRIVAL);
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
    std::thread::sleep(ARRIVAL);
    request.reset();
    std::thread::sleep(ARRIVAL);
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
        std::thread::sleep(ARRIVAL);
        drop(request);
        passing.assert_ends("call-1");
    }
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
fn a_worker_that_ends_answers_who_waits() {
    let mut passing = Passing::plain(&["hello", "slow"]);
    passing.begin("hello", "call-1");
    passing.begin("slow", "call-2");
    let running = passing.request("call-2", "GET /api/slow?seconds=1 HTTP/1.1");
    let waiting = passing.request("call-3", "GET /api/hello HTTP/1.1");
    std::thread::sleep(ARRIVAL);
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

#[test]
fn the_setting_or_the_package_decides() {
    let announces = |app: App| {
        let mut host = app.under_functions_host();
        host.init().capabilities.contains_key("HttpUri")
    };
    assert!(!announces(App::case("functions_host")));
    let streams = || App::case("functions_host_streams").python(with_package());
    assert!(announces(streams()));
    assert!(!announces(streams().env(SETTING, "0")));
    // A worker without an app gets to know it with its new environment.
    let mut host = App::case("functions_host").under_functions_host();
    let capabilities = host.init().capabilities;
    assert!(!capabilities.contains_key("HttpUri"), "{capabilities:?}");
    let mut variables: HashMap<String, String> = std::env::vars().collect();
    variables.insert(SETTING.to_owned(), "true".to_owned());
    let reload = FunctionEnvironmentReloadRequest {
        environment_variables: variables,
        function_app_directory: host.app().path().display().to_string(),
    };
    let Content::FunctionEnvironmentReloadResponse(response) =
        host.ask(Content::FunctionEnvironmentReloadRequest(reload))
    else {
        panic!("another message\n{}", host.output());
    };
    let address = address(&response.capabilities);
    assert_success(host.load("hello").result.as_ref(), &host);
    let mut passing = Passing { host, address };
    passing.begin("hello", "call-1");
    let response = passing.request("call-1", "GET /api/hello HTTP/1.1").read();
    assert_eq!(response, (200, "Hello, World!".to_owned()));
    passing.assert_ends("call-1");
}
