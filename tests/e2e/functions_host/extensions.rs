//! Worker extensions under the Functions host, on the newest Python: hooks of extensions in Rust and in Python around calls,
//! answers and refusals, and where extensions are found.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use funcdock_rpc::messages::rpc_log::RpcLogCategory;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{InvocationRequest, RpcHttp, WorkerTerminate};
use funcdock_tests::functions_host::{FunctionsHost, assert_success, body, call, failure, get, http_of};
use funcdock_tests::{App, json_lines, library, python, wait_for};
use serde_json::{Value as Json, json};

/// Turns extensions on.
const ENABLE: &str = "PYTHON_ENABLE_WORKER_EXTENSIONS";

fn newest() -> PathBuf {
    let (_, python) = python::oldest_and_newest().pop().expect("a Python");
    python
}

/// A case with these extensions in host.json, on the newest Python.
pub(super) fn app(case: &str, extensions: &[(&str, Json)]) -> App {
    // Their order counts.
    let extensions: Vec<_> = extensions
        .iter()
        .map(|(name, config)| format!("{}: {config}", json!(name)))
        .collect();
    let host_json = format!(
        r#"{{ "version": "2.0", "workerExtensions": {{ {} }} }}"#,
        extensions.join(", ")
    );
    App::case(case)
        .file("host.json", &host_json)
        .env(ENABLE, "1")
        .python(newest())
}

fn fixture(settings: Json) -> Json {
    json!({ "library": library("fixture-hooks"), "settings": settings })
}

fn fixture_for(functions: &[&str], settings: Json) -> Json {
    json!({ "library": library("fixture-hooks"), "settings": settings, "functions": functions })
}

fn recording(label: &str) -> Json {
    json!({ "file": "record.jsonl", "label": label })
}

fn records(app: &App) -> Vec<Json> {
    json_lines(&app.path().join("record.jsonl"))
}

/// The hooks around calls and the functions, in order.
fn order(app: &App) -> Vec<String> {
    let around = ["pre_invocation", "function", "post_invocation"];
    let lines = records(app).into_iter().filter_map(|record| {
        let hook = record["hook"]
            .as_str()
            .filter(|hook| around.contains(hook))?
            .to_owned();
        Some(match record["label"].as_str() {
            Some(label) => format!("{label} {hook}"),
            None => hook,
        })
    });
    lines.collect()
}

/// A call of a function by a request with these headers.
fn request(name: &str, headers: &[(&str, &str)]) -> InvocationRequest {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let http = RpcHttp {
        headers: headers.collect(),
        ..get(&format!("http://localhost/api/{name}"))
    };
    call(name, &[("req", Data::Http(Box::new(http)))])
}

/// Orders the worker to leave, and waits for its end.
pub(super) fn terminate(host: &mut FunctionsHost) {
    host.send(Content::WorkerTerminate(WorkerTerminate {
        grace_period: Some(prost_types::Duration {
            seconds: 10,
            nanos: 0,
        }),
    }));
    assert_eq!(host.wait().code(), Some(0), "{}", host.output());
}

#[test]
fn hooks_in_rust_are_around_calls_that_return_or_raise() {
    let extensions = [
        ("record-function", fixture(recording("function"))),
        ("record", fixture(recording("first"))),
        ("record-again", fixture(recording("second"))),
    ];
    let names = ["returns", "returns_async", "raises", "raises_async"];
    let mut host = app("extensions", &extensions)
        .under_functions_host()
        .with_functions(&names);
    for (number, name) in names.into_iter().enumerate() {
        let response = host.invoke(request(name, &[]));
        if name.starts_with("raises") {
            assert!(failure(response.result.as_ref()).contains("raised on purpose"));
        } else {
            assert_eq!(body(http_of(&response)), b"returned");
        }
        let around = [
            "first pre_invocation",
            "second pre_invocation",
            "function pre_invocation",
            "function",
            "function post_invocation",
            "second post_invocation",
            "first post_invocation",
        ];
        // They may end after the response.
        let complete = wait_for(|| (order(host.app()).len() >= (number + 1) * 7).then_some(()));
        assert!(
            complete.is_some(),
            "{name}: {:?}\n{}",
            order(host.app()),
            host.output()
        );
        assert_eq!(order(host.app())[number * 7..], around, "{name}");
    }
    terminate(&mut host);
    let shut_down = records(host.app());
    let shut_down = shut_down
        .iter()
        .filter(|record| record["hook"] == "shutdown")
        .count();
    assert_eq!(shut_down, 8 + 2, "one for each function, and two for the app");
}

#[test]
fn extensions_answer_and_refuse_calls() {
    let extensions = [("answer", fixture_for(&["returns", "returns_async"], json!({})))];
    let mut host = app("extensions", &extensions)
        .under_functions_host()
        .with_functions(&["returns", "returns_async"]);
    for name in ["returns", "returns_async"] {
        let response = host.invoke(request(
            name,
            &[("x-answer", "418"), ("x-answer-header", "x-a=b")],
        ));
        assert_success(response.result.as_ref(), &host);
        let http = http_of(&response);
        assert_eq!(http.status_code, "418");
        assert_eq!(body(http), format!("answered instead of {name}").as_bytes());
        assert_eq!(http.headers["x-answered-for"], name);
        assert_eq!(http.headers["x-a"], "b");
        let response = host.invoke(request(name, &[("x-refuse", "not today")]));
        assert!(
            failure(response.result.as_ref()).contains("not today"),
            "{response:?}"
        );
        assert!(order(host.app()).is_empty(), "the function was called");
        let response = host.invoke(request(name, &[]));
        assert_eq!(body(http_of(&response)), b"returned");
        std::fs::remove_file(host.app().path().join("record.jsonl")).expect("the call is recorded");
    }
}

#[test]
fn hooks_in_python_are_inside_those_in_rust() {
    let extensions = [("record", fixture(recording("native")))];
    let mut host = app("python_extensions", &extensions)
        .under_functions_host()
        .with_functions(&["returns", "returns_async", "raises", "raises_async"]);
    for (number, name) in ["returns", "returns_async", "raises", "raises_async"]
        .into_iter()
        .enumerate()
    {
        let before = order(host.app()).len();
        let response = host.invoke(request(name, &[]));
        let raises = name.starts_with("raises");
        assert_eq!(
            response.result.as_ref().map(|it| it.status == 1),
            Some(!raises),
            "{name}"
        );
        let is_complete = || {
            (order(host.app())
                .last()
                .is_some_and(|last| last == "native post_invocation")
                && order(host.app()).len() > before)
                .then_some(())
        };
        assert!(
            wait_for(is_complete).is_some(),
            "{:?}\n{}",
            order(host.app()),
            host.output()
        );
        let call = order(host.app()).split_off(before);
        let pre = call.iter().filter(|line| line.ends_with(" pre_invocation"));
        let mut expected: Vec<_> = pre.map(|line| line.replace(" pre_", " post_")).collect();
        let posts: Vec<_> = call
            .iter()
            .filter(|line| line.ends_with(" post_invocation"))
            .cloned()
            .collect();
        expected.sort();
        let mut sorted = posts.clone();
        sorted.sort();
        assert_eq!(
            sorted, expected,
            "{name}, call {number}: each pre hook has its post hook"
        );
        for label in ["native", "First", "Second"] {
            assert!(
                posts.contains(&format!("{label} post_invocation")),
                "{name}: {posts:?}"
            );
        }
        assert_eq!(call.first().map(String::as_str), Some("native pre_invocation"));
    }
    // The context has the exception for post hooks.
    let raised = records(host.app()).iter().any(|record| {
        record["hook"] == "post_invocation"
            && record["exception"].as_str().is_some_and(|text| !text.is_empty())
    });
    assert!(raised, "{:#?}", records(host.app()));
    // What extensions log is the system's, with the call's id.
    let log = host.log("before");
    assert_eq!(log.log_category, i32::from(RpcLogCategory::System), "{log:?}");
    assert_eq!(log.invocation_id, "0f8fad5b-d9cb-469f-a165-70867728950e");
    terminate(&mut host);
}

/// Installs a package that brings the fixtures' `record`, as pip would unpack it.
fn install_package(site_packages: &Path) {
    let about = site_packages.join("record_package-1.0.dist-info");
    std::fs::create_dir_all(&about).expect("a folder");
    let points = "[funcdock.extensions]\nrecord = record_package.native\n";
    std::fs::write(about.join("entry_points.txt"), points).expect("a file");
    let native = site_packages.join("record_package/native");
    std::fs::create_dir_all(&native).expect("a folder");
    symlink(library("fixture-hooks"), native.join("libfixture_hooks.so")).expect("a link");
}

#[test]
fn packages_bring_extensions() {
    let extensions = [("record", json!({ "settings": recording("found") }))];
    // Of the app's own environment, and of the folder in which Azure puts packages.
    for folder in [".venv", ".python_packages/lib/site-packages"] {
        let app = app("extensions", &extensions);
        let root = app.path().canonicalize().expect("the copy is there");
        let app = match folder {
            ".venv" => {
                install_package(&python::new_environment(&root.join(".venv")));
                app.python(root.join(".venv/bin/python"))
            }
            _ => {
                install_package(&root.join(folder));
                app
            }
        };
        let mut host = app.under_functions_host().with_functions(&["returns"]);
        let response = host.invoke(request("returns", &[]));
        assert_eq!(body(http_of(&response)), b"returned", "{folder}");
        let posts = || {
            order(host.app())
                .contains(&"found post_invocation".to_owned())
                .then_some(())
        };
        assert!(wait_for(posts).is_some(), "{folder}: {}", host.output());
    }
}

#[test]
fn extensions_are_off_unless_turned_on() {
    let extensions = [("nowhere", json!({})), ("record", fixture(recording("off")))];
    let mut host = app("extensions", &extensions)
        .env(ENABLE, "0")
        .under_functions_host()
        .with_functions(&["returns"]);
    let response = host.invoke(request("returns", &[]));
    assert_eq!(body(http_of(&response)), b"returned");
    assert_eq!(order(host.app()), ["function"]);
}

#[test]
fn an_extension_that_is_not_found_fails_the_load_with_the_reason() {
    let mut host = app("extensions", &[("nowhere", json!({}))]).under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let loaded = host.load("returns");
    let reason = failure(loaded.result.as_ref());
    assert!(
        reason.contains("nowhere") && reason.contains("site-packages"),
        "{reason}"
    );
}
