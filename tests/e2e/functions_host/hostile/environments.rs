//! Environments that replace that of a worker without an app: several, and with what cannot be.

use std::collections::HashMap;
use std::path::Path;

use funcdock_rpc::messages::FunctionEnvironmentReloadRequest;
use funcdock_rpc::messages::rpc_log::Level;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_tests::App;
use funcdock_tests::functions_host::{FunctionsHost, assert_success, body, failure, get, http_of};

use super::http;

/// Has the worker take over another environment, and asserts that it does.
fn reload(host: &mut FunctionsHost, variables: &[(&str, &str)], folder: &Path) {
    let request = FunctionEnvironmentReloadRequest {
        environment_variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        function_app_directory: folder.display().to_string(),
    };
    let Content::FunctionEnvironmentReloadResponse(response) =
        host.ask(Content::FunctionEnvironmentReloadRequest(request))
    else {
        panic!("another message\n{}", host.output());
    };
    assert_success(response.result.as_ref(), host);
}

/// Returns the environment and the working directory of functions.
fn environment(host: &mut FunctionsHost) -> serde_json::Value {
    assert_success(host.load("environment").result.as_ref(), host);
    let response = host.invoke(http("environment", "1", get("http://localhost/")));
    serde_json::from_slice(body(http_of(&response))).expect("JSON")
}

#[test]
fn an_environment_is_replaced_without_what_cannot_be_set() {
    let mut host = App::case("functions_host").under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let large = "v".repeat(1 << 20);
    let variables = [
        ("", "empty"),
        ("=", "equals"),
        ("=C:", "a drive of Windows"),
        ("NAME=", "equals"),
        ("N\0UL", "in the name"),
        ("NUL", "in\0 the value"),
        ("LARGE", &large),
        ("ä ö", "ü"),
        ("EMPTY", ""),
        ("PATH", "/usr/bin"),
    ];
    let folder = host.app().path().to_owned();
    reload(&mut host, &variables, &folder);
    for name in ["\"\"", "\"=\"", "\"=C:\"", "\"NAME=\"", "\"N\\0UL\"", "\"NUL\""] {
        let log = host.log(&format!(
            "the environment variable {name} of the Functions host is left out"
        ));
        assert_eq!(log.level, i32::from(Level::Warning));
    }
    let found = environment(&mut host);
    let expected = serde_json::json!({"LARGE": large, "ä ö": "ü", "EMPTY": "", "PATH": "/usr/bin"});
    assert!(found["environment"] == expected, "another environment");
}

#[test]
fn the_last_of_several_environments_counts() {
    let mut host = App::case("functions_host").under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let app = host.app().path().canonicalize().expect("a folder");
    reload(&mut host, &[("FIRST", "1"), ("BOTH", "1")], elsewhere.path());
    reload(
        &mut host,
        &[
            ("SECOND", "2"),
            ("BOTH", "2"),
            ("PYTHON_THREADPOOL_THREAD_COUNT", "3"),
        ],
        &app,
    );
    let last = [
        ("THIRD", "3"),
        ("BOTH", "3"),
        ("PYTHON_THREADPOOL_THREAD_COUNT", "5"),
    ];
    reload(&mut host, &last, &app);
    let found = environment(&mut host);
    let expected: HashMap<_, _> = last.into();
    assert_eq!(found["environment"], serde_json::json!(expected));
    assert_eq!(found["cwd"], app.display().to_string());
    host.log("sync threadpool max workers: 5");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let mut host = App::case("functions_host").under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    // The host would start another worker, which fares no better.
    reload(&mut host, &[], Path::new("/nowhere/at/all"));
    let log = host.log("Directory /nowhere/at/all is not found when reloading");
    assert_eq!(log.level, i32::from(Level::Warning));
    let loaded = host.load("hello");
    assert!(
        failure(loaded.result.as_ref()).contains("/nowhere/at/all"),
        "{loaded:?}"
    );
}
