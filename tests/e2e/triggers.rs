//! A trigger that is not HTTP and that the host's code does not know: the fixture's, driven by the test over a socket.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use funcdock_tests::{App, Host, library};
use nix::sys::signal::Signal;
use serde_json::{Value as Json, json};

const ID: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Returns the app, to be served by the host build that has the trigger.
fn app() -> App {
    let app = App::case("fixture_trigger").env("FUNCDOCK_PYTHON_MODULE", library("fixture-trigger"));
    let socket = app.path().join("trigger.sock");
    app.env("FIXTURE_TRIGGER_SOCKET", socket)
}

/// A client of the trigger.
struct Client(BufReader<UnixStream>);

impl Client {
    fn connect(host: &Host) -> Self {
        let stream =
            UnixStream::connect(host.app().path().join("trigger.sock")).expect("the trigger listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a timeout");
        Client(BufReader::new(stream))
    }

    /// Sends a call and waits for its reply.
    fn call(&mut self, request: &Json) -> Json {
        self.send(request);
        self.receive()
    }

    fn send(&mut self, request: &Json) {
        writeln!(self.0.get_mut(), "{request}").expect("sent");
    }

    fn receive(&mut self) -> Json {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a reply");
        serde_json::from_str(&line).expect("JSON")
    }
}

fn request(function: &str) -> Json {
    json!({
        "function": function,
        "id": ID,
        "trigger": { "string": "hello" },
        "inputs": {
            "text": { "string": "text" },
            "document": { "json": { "a": [1, "b"] } },
            "blob": { "bytes": [0, 1, 255] },
        },
        "metadata": { "Attempt": { "int": 2 }, "Sender": { "string": "Ada" } },
        "traceparent": TRACEPARENT,
        "retry": [2, 5],
    })
}

#[test]
fn a_call_passes_its_data_and_gets_a_value_and_outputs() {
    let app = app();
    let record = app.path().join("record.jsonl");
    let extensions = json!({
        "version": "2.0",
        "workerExtensions": {
            "record": {
                "library": library("fixture-hooks"),
                "settings": {
                    "file": record,
                    "inputs": ["message", "text", "document", "blob", "unknown"],
                    "metadata": ["Attempt", "Sender", "Unknown"],
                },
            },
        },
    });
    let host = app
        .file("host.json", &extensions.to_string())
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .start();
    let mut client = Client::connect(&host);
    for function in ["plain", "waits"] {
        let reply = client.call(&request(function));
        let value = json!({
            "message": "hello",
            "document": { "a": [1, "b"] },
            "id": ID,
            "traceparent": TRACEPARENT,
            "retry": [2, 5],
            "unset": null,
        });
        let expected = json!({
            "id": ID,
            "value": { "json": value },
            "outputs": { "first": { "string": "TEXT" }, "second": { "bytes": [255, 1, 0] } },
            "exception": null,
            "is_http": false,
        });
        assert_eq!(reply, expected, "{function}");
    }
    let text = fs::read_to_string(&record).expect("the hooks have written the record");
    let records: Vec<Json> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for function in ["plain", "waits"] {
        let of = |hook: &str| {
            let mut found = records
                .iter()
                .filter(|record| record["hook"] == hook && record["function"] == function);
            found
                .next()
                .cloned()
                .unwrap_or_else(|| panic!("{hook} of {function}: {text}"))
        };
        let pre = of("pre_invocation");
        assert_eq!(
            (&pre["invocation"], &pre["retry"], &pre["traceparent"]),
            (&json!(ID), &json!([2, 5]), &json!(TRACEPARENT))
        );
        assert_eq!(pre["request"], Json::Null);
        let inputs = json!({
            "message": { "text": "hello" },
            "text": { "text": "text" },
            "document": { "json": { "a": [1, "b"] } },
            "blob": { "bytes": [0, 1, 255] },
        });
        assert_eq!(pre["inputs"], inputs, "{function}");
        let metadata = json!({ "Attempt": { "int": 2 }, "Sender": { "text": "Ada" } });
        assert_eq!(pre["metadata"], metadata, "{function}");
        let post = of("post_invocation");
        assert_eq!(
            (&post["outcome"], &post["state"]),
            (&json!("Returned"), &json!(ID))
        );
        let outputs = json!({ "first": { "text": "TEXT" }, "second": { "bytes": [255, 1, 0] } });
        assert_eq!(
            (&post["outputs"], &post["outputs_by_name"]),
            (&outputs, &outputs),
            "{function}"
        );
        assert_eq!(post["status"], Json::Null, "the trigger does not answer HTTP");
        assert_eq!(of("post_function_load")["trigger"], "fixtureTrigger");
    }
    assert_eq!(host.get("/api/hello?name=Ada").status, 200, "HTTP is served, too");
}

#[test]
fn each_kind_of_data_works_as_input_and_output() {
    let host = app().start();
    let mut client = Client::connect(&host);
    let mut echo = |data: &Json| {
        let reply = client.call(&json!({ "function": "echo", "trigger": data }));
        (reply["value"].clone(), reply["exception"].clone())
    };
    for data in [
        json!(null),
        json!({ "string": "text \u{1f40d}" }),
        json!({ "bytes": [0, 255] }),
        json!({ "int": -7 }),
        json!({ "double": 0.5 }),
    ] {
        assert_eq!(echo(&data), (data.clone(), Json::Null), "{data}");
    }
    for (data, back) in [
        (json!({ "json": { "a": 1 } }), json!({ "string": "{\"a\":1}" })),
        (json!({ "strings": ["a", "b"] }), json!({ "json": ["a", "b"] })),
        (json!({ "ints": [1, 2] }), json!({ "json": [1, 2] })),
        (json!({ "doubles": [0.5] }), json!({ "json": [0.5] })),
        (json!({ "string": "bool" }), json!({ "json": true })),
        (json!({ "string": "tuple" }), json!({ "json": [1, "a"] })),
    ] {
        assert_eq!(echo(&data), (back, Json::Null), "{data}");
    }
    for (data, exception) in [
        (json!({ "string": "set" }), "TypeError"),
        (json!({ "string": "nan" }), "ValueError"),
        (json!({ "byte_strings": [[1], [2]] }), "ValueError"),
    ] {
        assert_eq!(echo(&data), (Json::Null, json!(exception)), "{data}");
    }
    host.wait_for_log(
        "gave set to the binding \"$return\": expected str, bytes, int, float, bool, dict, list or None",
    );
}

#[test]
fn a_function_that_raises_has_an_outcome() {
    let host = app().start();
    let mut client = Client::connect(&host);
    let mut raise = request("plain");
    raise["trigger"] = json!({ "string": "raise" });
    let reply = client.call(&raise);
    assert_eq!(
        (&reply["exception"], &reply["value"]),
        (&json!("ValueError"), &Json::Null)
    );
    host.wait_for_log("ValueError: on purpose");
    let fresh = client.call(&json!({ "function": "echo", "trigger": { "int": 1 } }));
    assert_ne!(fresh["id"], ID, "a trigger without an id gets a random one");
}

#[test]
fn a_trigger_that_cannot_start_stops_the_host() {
    let stopped = App::case("fixture_trigger")
        .env("FUNCDOCK_PYTHON_MODULE", library("fixture-trigger"))
        .start_fails();
    let stderr = stopped.stderr;
    assert!(
        stderr.contains("start of the triggers failed")
            && stderr.contains("FIXTURE_TRIGGER_SOCKET is not set"),
        "{stderr}"
    );
}

#[test]
fn a_value_that_no_binding_takes_is_ignored() {
    let host = app().start();
    let mut client = Client::connect(&host);
    let reply = client.call(&json!({ "function": "no_return", "trigger": { "int": 1 } }));
    assert_eq!((&reply["value"], &reply["exception"]), (&Json::Null, &Json::Null));
}

#[test]
fn calls_end_in_all_ways_without_http() {
    let extensions = json!({
        "version": "2.0",
        "functionTimeout": "00:00:01",
        "workerExtensions": {
            "fail": {
                "library": library("fixture-hooks"), "functions": ["echo"], "onError": "fail",
                "settings": { "hook": "pre_invocation" },
            },
        },
    });
    let host = app()
        .file("host.json", &extensions.to_string())
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .start();
    let mut client = Client::connect(&host);
    let refused = client.call(&json!({ "function": "echo", "trigger": { "int": 1 } }));
    assert_eq!(
        (&refused["exception"], &refused["value"]),
        (&json!("HookFailed"), &Json::Null)
    );
    host.wait_for_log("extension \"fail\" refused the call: pre_invocation failed");
    let late = client.call(&json!({ "function": "no_return", "trigger": { "string": "sleep" } }));
    assert_eq!((&late["value"], &late["is_http"]), (&Json::Null, &json!(false)));
    host.wait_for_log("timed out after 1s");
}

#[test]
fn a_call_in_flight_ends_before_the_worker() {
    let host = app().arg("--drain-timeout").arg("1").start();
    let mut client = Client::connect(&host);
    client.send(&json!({ "function": "no_return", "trigger": { "string": "sleep" } }));
    // What came first has begun by the time that another call has ended.
    let mut other = Client::connect(&host);
    other.call(&json!({ "function": "no_return", "trigger": { "int": 1 } }));
    host.signal(Signal::SIGTERM);
    let reply = client.receive();
    assert_eq!(reply["value"], Json::Null, "the call was cancelled: {reply}");
    let stopped = host.wait();
    assert!(
        stopped.stderr.contains("what still runs is given up"),
        "{}",
        stopped.stderr
    );
}

#[test]
fn a_trigger_without_functions_is_not_started() {
    let host = App::case("hello")
        .env("FUNCDOCK_PYTHON_MODULE", library("fixture-trigger"))
        .start();
    host.stop().assert_clean();
}

#[test]
fn the_book_explains_this_trigger() {
    let repository = funcdock_tests::repository();
    let page = fs::read_to_string(repository.join("docs/src/write-a-trigger.md")).expect("the page");
    let source =
        fs::read_to_string(repository.join("tests/fixtures/trigger/src/lib.rs")).expect("the fixture");
    let blocks: Vec<_> = page.split("```rust,ignore\n").skip(1).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let (excerpt, _) = block.split_once("```").expect("the end of the block");
        assert!(
            source.contains(excerpt),
            "the fixture does not have this part of the page:\n{excerpt}"
        );
    }
}
