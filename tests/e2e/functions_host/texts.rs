//! The texts of the log that hosts and tools look for: their words, levels and categories are those of Microsoft's worker,
//! those about listing and loading of its newest one, that of CPython 3.13, and the others of 4.34.

use std::collections::HashMap;

use funcdock_rpc::messages::FunctionEnvironmentReloadRequest;
use funcdock_rpc::messages::rpc_log::{Level, RpcLogCategory};
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_tests::functions_host::{FunctionsHost, WORKER_ID, assert_success, call, get};
use funcdock_tests::{App, at_once};

/// Asserts that this text is logged as Microsoft's worker logs it.
#[track_caller]
fn assert_logged(host: &mut FunctionsHost, text: &str, level: Level) {
    let log = host.log(text);
    assert_eq!(log.level, i32::from(level), "{log:?}");
    assert_eq!(log.log_category, i32::from(RpcLogCategory::System), "{log:?}");
    assert_eq!(log.category, "azure_functions_worker", "{log:?}");
}

#[test]
fn the_steps_of_a_worker_are_logged() {
    let mut host = App::case("functions_host")
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "2")
        .env("PYTHON_ENABLE_DEBUG_LOGGING", "0")
        .under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let folder = host.app().path().display().to_string();
    let reload = FunctionEnvironmentReloadRequest {
        environment_variables: HashMap::from([
            ("PYTHON_THREADPOOL_THREAD_COUNT".to_owned(), "7".to_owned()),
            ("PYTHON_ENABLE_WORKER_EXTENSIONS".to_owned(), "1".to_owned()),
            ("PYTHON_ISOLATE_WORKER_DEPENDENCIES".to_owned(), "0".to_owned()),
        ]),
        function_app_directory: folder.clone(),
    };
    host.ask(Content::FunctionEnvironmentReloadRequest(reload));
    host.metadata();
    assert_success(host.load("hello").result.as_ref(), &host);
    assert_success(host.load("hello_async").result.as_ref(), &host);
    for name in ["hello", "hello_async"] {
        host.invoke(call(
            name,
            &[("req", Data::Http(Box::new(get("http://localhost/"))))],
        ));
    }
    let whole = [
        format!("Changing current working directory to {folder}"),
        format!("Received WorkerMetadataRequest, request ID start-7, worker id: {WORKER_ID}"),
        "Indexed function app and found 12 functions".to_owned(),
        format!(
            "Received WorkerLoadRequest, request ID start-7, function_id: hello-id, function_name: hello, \
             worker_id: {WORKER_ID}"
        ),
    ];
    for text in &whole {
        assert_logged(&mut host, text, Level::Information);
        assert_eq!(host.log(text).message, *text);
    }
    let parts = [
        "Received WorkerInitRequest, python version 3.",
        "request ID start-7. App Settings state: PYTHON_THREADPOOL_THREAD_COUNT: 2 | PYTHON_ENABLE_DEBUG_LOGGING: 0 | \
         PYTHON_ENABLE_WORKER_EXTENSIONS: False. To enable debug level logging, please refer to \
         https://aka.ms/python-enable-debug-logging",
        "Received FunctionEnvironmentReloadRequest, request ID: start-7, App Settings state: \
         PYTHON_THREADPOOL_THREAD_COUNT: 7 | PYTHON_ISOLATE_WORKER_DEPENDENCIES: 0 | PYTHON_ENABLE_WORKER_EXTENSIONS: 1. \
         To enable debug level logging, please refer to https://aka.ms/python-enable-debug-logging",
        "Received FunctionInvocationRequest, request ID: start-7, function ID: hello-id, function name: hello, \
         invocation ID: 0f8fad5b-d9cb-469f-a165-70867728950e, function type: sync, timestamp (UTC): ",
        ", sync threadpool max workers: 7",
        "function name: hello_async, invocation ID: 0f8fad5b-d9cb-469f-a165-70867728950e, function type: async, \
         timestamp (UTC): ",
    ];
    for text in parts {
        assert_logged(&mut host, text, Level::Information);
    }
}

#[test]
fn a_number_of_threads_that_cannot_be_used_is_warned_of() {
    let integer = "PYTHON_THREADPOOL_THREAD_COUNT must be an integer";
    let range = "PYTHON_THREADPOOL_THREAD_COUNT must be set to a value between 1 and 10000. Reverting to default value for \
                 max_workers";
    let cases = [
        ("many", integer),
        ("1.5", integer),
        ("0", range),
        ("-1", range),
        ("10001", range),
    ];
    at_once(cases.len(), |number| {
        let (value, text) = cases[number];
        let mut host = App::case("functions_host")
            .env("PYTHON_THREADPOOL_THREAD_COUNT", value)
            .under_functions_host();
        assert_success(host.init().result.as_ref(), &host);
        assert_logged(&mut host, text, Level::Warning);
        host.forget_logs();
        // That of a new environment counts from then on.
        let reload = FunctionEnvironmentReloadRequest {
            environment_variables: HashMap::from([(
                "PYTHON_THREADPOOL_THREAD_COUNT".to_owned(),
                value.to_owned(),
            )]),
            ..FunctionEnvironmentReloadRequest::default()
        };
        host.ask(Content::FunctionEnvironmentReloadRequest(reload));
        assert_logged(&mut host, text, Level::Warning);
        assert_success(host.load("hello").result.as_ref(), &host);
    });
}
