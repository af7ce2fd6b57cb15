//! Code of the app that harms the worker: it fails alone, as far as Python lets it.

use std::time::{Duration, Instant};

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{FunctionsMetadataRequest, InvocationRequest, WorkerStatusRequest};
use funcdock_tests::functions_host::{FunctionsHost, assert_success, body, call, failure, get, http_of};
use funcdock_tests::{App, at_once, python, wait_for};

fn harmful(name: &str, what: &str) -> InvocationRequest {
    let url = format!("http://localhost/?what={}", what.replace(' ', "%20"));
    call(name, &[("req", Data::Http(Box::new(get(&url))))])
}

fn assert_unharmed(host: &FunctionsHost) {
    assert!(!host.stderr().contains("panicked"), "{}", host.output());
    assert!(!host.stderr().contains("_funcdock"), "{}", host.output());
}

#[test]
fn functions_fail_alone() {
    // (what it does, what its failure says; nothing for a success)
    let cases = [
        ("exit", "SystemExit: 3"),
        ("exit without a code", "SystemExit"),
        ("base", "function_app.Ends: of all"),
        ("cancelled", "CancelledError"),
        ("interrupt", "KeyboardInterrupt"),
        ("generator", "GeneratorExit"),
        ("stop", ""),
        ("memory", "MemoryError"),
        ("recursion", "RecursionError: "),
        ("thread", ""),
        ("fork", ""),
        ("environment", ""),
        ("directory", ""),
        ("descriptors", ""),
        ("output", ""),
        ("logging", ""),
    ];
    let pythons = python::oldest_and_newest();
    at_once(pythons.len(), |number| {
        let (version, python) = &pythons[number];
        let mut host = App::case("functions_host_misbehaving")
            .python(python.clone())
            .under_functions_host()
            .with_functions(&["in_thread", "on_loop"]);
        for (what, reason) in cases {
            for name in ["in_thread", "on_loop"] {
                let response = host.invoke(harmful(name, what));
                let result = response.result.as_ref();
                if what == "stop" {
                    // A coroutine turns it into a RuntimeError.
                    failure(result);
                } else if reason.is_empty() {
                    assert_success(result, &host);
                } else {
                    let message = failure(result);
                    assert!(message.contains(reason), "{version} {name} {what}: {message}");
                }
                let response = host.invoke(harmful(name, "nothing"));
                assert_success(response.result.as_ref(), &host);
                assert_eq!(body(http_of(&response)), b"nothing", "{version} {name} {what}");
            }
        }
        assert_unharmed(&host);
        host.end_stream();
        assert_eq!(host.wait().code(), Some(1), "{version}\n{}", host.output());
    });
}

#[test]
fn a_function_does_not_stop_the_event_loop() {
    let mut host = App::case("functions_host_misbehaving")
        .under_functions_host()
        .with_functions(&["stops_loop", "on_loop"]);
    for _ in 0..3 {
        let response = host.invoke(harmful("stops_loop", ""));
        assert_eq!(body(http_of(&response)), b"stopped");
        let response = host.invoke(harmful("on_loop", "nothing"));
        assert_eq!(body(http_of(&response)), b"nothing");
    }
    assert_unharmed(&host);
}

#[test]
fn a_process_that_ends_itself_has_its_own_exit_code() {
    let mut host = App::case("functions_host_misbehaving")
        .under_functions_host()
        .with_functions(&["leaves"]);
    host.send(Content::InvocationRequest(harmful("leaves", "")));
    assert_eq!(host.wait().code(), Some(9), "{}", host.output());
}

#[test]
fn an_app_that_cannot_be_imported_has_a_reason_and_the_worker_serves_on() {
    // (code, what the reason contains)
    let cases = [
        ("def f(:\n", "SyntaxError"),
        ("import sys\nsys.exit(4)\n", "SystemExit"),
        ("import sys\nsys.exit()\n", "SystemExit"),
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt"),
        ("import asyncio\nraise asyncio.CancelledError\n", "CancelledError"),
        (
            "class E(BaseException):\n    pass\n\n\nraise E('all')\n",
            "E: all",
        ),
        ("def f():\n    f()\n\n\nf()\n", "RecursionError"),
        ("raise ValueError('x' * 1000000)\n", "ValueError: xxx"),
        ("\0", "null bytes"),
        ("# -*- coding: nothing -*-\n", "SyntaxError"),
        ("", "function_app.py"),
        ("app = 1\n", "function_app.py"),
    ];
    at_once(4, |thread| {
        for (code, reason) in cases.iter().skip(thread).step_by(4) {
            let mut host = App::case("functions_host_misbehaving")
                .file("function_app.py", code)
                .under_functions_host();
            assert_success(host.init().result.as_ref(), &host);
            let listed = host.metadata();
            let message = failure(listed.result.as_ref());
            assert!(message.contains(reason), "{code:.40}: {message:.1000}");
            assert!(!message.contains("_funcdock"), "{code:.40}: {message:.1000}");
            let loaded = host.load("any");
            assert!(failure(loaded.result.as_ref()).contains(reason), "{code:.40}");
            host.send(Content::WorkerStatusRequest(WorkerStatusRequest {}));
            assert!(matches!(host.receive(), Content::WorkerStatusResponse(_)));
            assert_unharmed(&host);
        }
    });
}

#[test]
fn a_worker_that_imports_says_that_it_lives() {
    let mut host = App::case("functions_host_misbehaving")
        .file("function_app.py", "import time\ntime.sleep(60)\n")
        .under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    host.send(Content::FunctionsMetadataRequest(
        FunctionsMetadataRequest::default(),
    ));
    for number in 0..10 {
        let since = Instant::now();
        host.send_as(
            &number.to_string(),
            Content::WorkerStatusRequest(WorkerStatusRequest {}),
        );
        assert!(matches!(host.receive(), Content::WorkerStatusResponse(_)));
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_app_may_have_many_functions() {
    let mut code = "import azure.functions as func\n\napp = func.FunctionApp()\n".to_owned();
    for number in 0..200 {
        code.push_str(&format!(
            "\n\n@app.route(route='r{number}')\ndef f{number}(req: func.HttpRequest) -> str:\n    return '{number}'\n"
        ));
    }
    let mut host = App::case("functions_host_misbehaving")
        .file("function_app.py", &code)
        .under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    assert_eq!(host.metadata().function_metadata_results.len(), 200);
    for number in 0..200 {
        let name = format!("f{number}");
        assert_success(host.load(&name).result.as_ref(), &host);
    }
    for number in [0, 99, 199] {
        let response = host.invoke(harmful(&format!("f{number}"), ""));
        assert_eq!(body(http_of(&response)), number.to_string().as_bytes());
    }
    let printed = wait_for(|| Some(host.stderr()));
    assert!(printed.is_some_and(|text| !text.contains("Traceback")));
}
