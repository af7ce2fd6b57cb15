//! Functions as their authors write them: their arguments, the values they return, and their imports.

mod exceptions;
mod forks;
mod import_loop;
mod imports;
mod stops;

use funcdock_tests::{App, Host, python};
use serde_json::{Value, json};
use ureq::http::Request;

const TRACE_PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn request(host: &Host, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let mut request = Request::post(host.url_of(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = host.send(request.body(body.into()).expect("a valid request"));
    assert_eq!(answer.status, 200, "{path}\n{}", host.output());
    answer.json()
}

#[test]
fn requests_behave_like_the_librarys() {
    let host = App::case("python").start();
    let headers = [("X-Name", "Ada"), ("Content-Type", "application/json")];
    let seen = request(&host, "/api/requests/7/x?p=q", &headers, r#"{"a": [1, null]}"#);
    let expected = json!({
        "is_request": true,
        "method": "POST",
        "url": host.url_of("/api/requests/7/x?p=q"),
        "headers": ["Ada", "Ada", null],
        "params": "q",
        "route_params": {"id": "7", "name": "x"},
        "body": r#"{"a": [1, null]}"#,
        "json": {"a": [1, null]},
        "form": {},
        "files": {},
    });
    assert_eq!(seen, expected);

    for body in ["", "{", "\u{e9}"] {
        let seen = request(&host, "/api/requests/7", &headers, body);
        assert_eq!(
            seen["json"], "ValueError: HTTP request does not contain valid JSON data",
            "{body:?}"
        );
        assert_eq!(seen["route_params"], json!({"id": "7"}));
    }

    let headers = [
        ("X-Name", "Ada"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let seen = request(&host, "/api/requests/7", &headers, "a=1&a=2&b=x+y%21");
    assert_eq!(seen["form"], json!({"a": ["1", "2"], "b": ["x y!"]}));

    let headers = [
        ("X-Name", "Ada"),
        ("Content-Type", "multipart/form-data; boundary=cut"),
    ];
    let body = "--cut\r\nContent-Disposition: form-data; name=\"field\"\r\n\r\nvalue\r\n\
                --cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                Content-Type: text/csv\r\n\r\n1,2\r\n--cut--\r\n";
    let seen = request(&host, "/api/requests/7", &headers, body);
    assert_eq!(seen["form"], json!({"field": ["value"]}));
    assert_eq!(seen["files"], json!({"file": ["a.txt", "text/csv", "1,2"]}));
}

#[test]
fn the_context_describes_the_call() {
    let host = App::case("python").start();
    let root = host.app().path().canonicalize().expect("the app");
    let mut ids = Vec::new();
    for name in ["context_sync", "context_async"] {
        for (sent, state) in [(TRACE_PARENT, "a=1,b=2"), ("", "")] {
            let headers = [("traceparent", sent), ("tracestate", state)];
            let headers = if sent.is_empty() { &[][..] } else { &headers };
            let mut seen = request(&host, &format!("/api/{name}"), headers, "");
            let id = seen["invocation_id"].take();
            let id = id.as_str().expect("text").to_owned();
            assert_eq!((id.len(), id.matches('-').count()), (36, 4), "{id} is not a UUID");
            ids.push(id);
            let expected = json!({
                "is_context": true,
                "function_name": name,
                "function_directory": root.join(name),
                "invocation_id": null,
                "trace_parent": [sent, sent],
                "trace_state": [state, state],
                "attributes": [{}, {}],
                "retry": [0, 0, null],
                "own": "set",
            });
            assert_eq!(seen, expected);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each call has its own id");

    assert_eq!(host.get("/api/context_missing").status, 500);
    host.wait_for_log(
        "AttributeError: 'Context' object has no attribute 'tracer' (no extension has set any: is \
         PYTHON_ENABLE_WORKER_EXTENSIONS=1 set, and the extension enabled in host.json's workerExtensions, or \
         imported if it is written in Python?)",
    );
    assert_eq!(host.get("/api/names?name=Ada").text(), "Hello, Ada! () {}");
}

#[test]
fn returned_values_become_responses() {
    const TEXT: &str = "text/plain; charset=utf-8";
    let host = App::case("python").start();
    for (what, status, content_type, body) in [
        ("str", 200, TEXT, "text 🐍".as_bytes()),
        ("bytes", 200, "application/octet-stream", b"\x00\xff"),
        ("bytearray", 200, "application/octet-stream", b"array"),
        ("none", 204, "", b""),
        ("empty", 200, TEXT, b""),
        ("response", 201, TEXT, b"made"),
        ("enum", 202, TEXT, b""),
        ("json", 200, "application/json", br#"{"a": 1}"#),
        ("html", 200, "text/html; charset=latin-1", b"caf\xe9"),
        ("type", 200, "text/x-own", b"x"),
        ("nothing", 204, TEXT, b""),
        ("length", 200, TEXT, b"four"),
        ("redirect", 302, TEXT, b""),
        ("duck", 203, "text/plain", b"quack"),
    ] {
        let answer = host.get(&format!("/api/returns?what={what}"));
        let found = (answer.status, answer.header("content-type"), &answer.body[..]);
        assert_eq!(found, (status, content_type, body), "{what}\n{}", host.output());
    }
    let header = |what: &str, name: &str| {
        let answer = host.get(&format!("/api/returns?what={what}"));
        answer.header(name).to_owned()
    };
    assert_eq!(header("response", "x-one"), "1");
    assert_eq!(header("redirect", "location"), "/api/returns?what=str");
    assert_eq!(header("cookies", "set-cookie"), "a=1; Path=/, b=2; HttpOnly");
    assert_eq!(header("unicode", "x-text"), "café");
    assert_eq!(header("length", "content-length"), "4");
    assert_eq!(header("none", "content-length"), "", "204 has none");
    assert!(!host.stderr().contains("ERROR"), "{}", host.stderr());

    let output = |query: &str| {
        let answer = host.get(&format!("/api/output{query}"));
        (answer.status, answer.text())
    };
    assert_eq!(output("?set=second"), (202, "second".to_owned()));
    assert_eq!(output(""), (204, String::new()));
}

#[test]
fn of_several_responses_one_is_sent() {
    let host = App::case("python").start();
    let sent = |query: &str| {
        let answer = host.get(&format!("/api/outputs?{query}"));
        (answer.status, answer.text())
    };
    for (query, status, text, reason) in [
        ("first=a&second=b", 200, "a", "the first output"),
        ("second=b", 200, "b", "the first that is set"),
        (
            "first=a&return=c",
            200,
            "c",
            "the return value comes before outputs",
        ),
        (
            "first=dict&return=c",
            200,
            "c",
            "outputs that make no response are not looked at",
        ),
        ("", 204, "", "none"),
        ("first=dict", 500, "", "not a response"),
    ] {
        assert_eq!(sent(query), (status, text.to_owned()), "{reason}");
    }
    host.wait_for_log("gave dict to the binding \"first\": expected func.HttpResponse, str, bytes or None");
}

#[test]
fn what_cannot_be_sent_is_an_error_that_says_so() {
    let host = App::case("python").start();
    for (what, error) in [
        (
            "dict",
            "TypeError: function \"returns\" returned dict: an HTTP function returns func.HttpResponse, str, bytes or \
             None",
        ),
        ("int", "returned int"),
        ("status", "ValueError: 99 is not a final HTTP status"),
        ("name", "ValueError: \"a b\" is not a valid header name"),
        ("split", "AttributeError: 'list' object has no attribute 'items'"),
    ] {
        let answer = host.get(&format!("/api/returns?what={what}"));
        assert_eq!((answer.status, answer.text().as_str()), (500, ""), "{what}");
        host.wait_for_log(error);
    }
}

#[test]
fn code_is_imported_as_the_programming_model_says() {
    let host = App::case("python").start();
    assert_eq!(
        host.get("/api/imports").text(),
        "helper, thing, thing, thing, thing"
    );
    assert_eq!(host.get("/api/script").text(), "code/handler.py");
    for expected in ["1", "2", "3"] {
        assert_eq!(
            host.get("/api/counter").text(),
            expected,
            "globals keep their values"
        );
    }
    let seen = host.get("/api/environment?who=Ada").json();
    let root = host.app().path().canonicalize().expect("the app");
    let root = root.to_str().expect("UTF-8");
    assert_eq!(seen["cwd"], root);
    assert_eq!(seen["AzureWebJobsScriptRoot"], root);
    assert_eq!(seen["FUNCTIONS_WORKER_RUNTIME"], "python");
    assert_eq!(seen["name"], "__app__.environment");
    let path = seen["path"].as_array().expect("a list");
    assert_eq!(
        path.last().expect("a folder"),
        root,
        "the app comes after all packages"
    );
    // The line appears at once, not when the worker ends.
    host.wait_for_stdout("printed by Ada\n");
    host.wait_for_log("an error line");
}

#[test]
fn packages_in_the_apps_folder_are_found() {
    let host = App::case("plain")
        .file(
            ".python_packages/lib/site-packages/besides.py",
            "def greet(name): return f'Beside {name}'",
        )
        .file(
            "hello/__init__.py",
            "import besides\n\ndef main(req): return besides.greet(req.params['name'])\n",
        )
        .python(python::without_packages())
        .start();
    assert_eq!(host.get("/api/hello?name=Ada").text(), "Beside Ada");
}

#[test]
fn the_library_is_optional() {
    let app = App::case("plain").python(python::without_packages());
    let host = app.env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1").start();
    assert_eq!(host.get("/api/hello?name=Ada").text(), "Hello, Ada!");
    assert_eq!(
        host.post("/api/hello", r#"{"name": "Bob"}"#).text(),
        "Hello, Bob!"
    );
    assert_eq!(host.get("/api/upload").status, 500);
    host.wait_for_log("reading forms needs azure-functions");
    host.stop().assert_clean();
}

#[test]
fn uvloop_is_used_where_it_is_installed() {
    let host = App::case("python").start();
    let plain = host.get("/api/loop").text();
    let with_uvloop = python::version() == python::WITH_UVLOOP;
    assert!(with_uvloop || plain.starts_with("asyncio."), "{plain}");
    let Some(python) = python::with_packages(python::WITH_UVLOOP) else {
        eprintln!(
            "CPython {} is not on this machine: not tested",
            python::WITH_UVLOOP
        );
        return;
    };
    let host = App::case("python").python(python).start();
    assert_eq!(host.get("/api/loop").text(), "uvloop");
    assert_eq!(host.get("/api/background?what=exit").text(), "started");
    assert_eq!(
        host.get("/api/loop").text(),
        "uvloop",
        "the event loop still runs\n{}",
        host.output()
    );
    host.stop().assert_clean();
}
