//! The life of a worker: from its start to its end, and the messages that are not calls.

use std::collections::HashMap;
use std::net::TcpListener;

use funcdock_rpc::messages::binding_info::Direction;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    FileChangeEventRequest, FunctionEnvironmentReloadRequest, FunctionLoadRequestCollection,
    FunctionMetadataResponse, FunctionsMetadataRequest, InvocationRequest, StreamingMessage, WorkerHeartbeat,
    WorkerInitRequest, WorkerStatusRequest, WorkerTerminate,
};
use funcdock_tests::App;
use funcdock_tests::functions_host::{
    FunctionsHost, WORKER_ID, assert_success, body, call, failure, get, http_of,
};

fn hello(url: &str) -> InvocationRequest {
    call("hello", &[("req", Data::Http(Box::new(get(url))))])
}

fn assert_serves(host: &mut FunctionsHost) {
    let response = host.invoke(hello("http://localhost/api/hello?name=Ada"));
    assert_success(response.result.as_ref(), host);
    assert_eq!(body(http_of(&response)), b"Hello, Ada!");
}

#[test]
fn a_worker_says_what_it_is_and_can() {
    let mut host = App::case("functions_host")
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "3")
        .under_functions_host();
    let response = host.init();
    assert_success(response.result.as_ref(), &host);
    let mut capabilities: Vec<_> = response.capabilities.iter().collect();
    capabilities.sort();
    let names: Vec<_> = capabilities.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "EnableUserCodeException",
            "HandlesInvocationCancelMessage",
            "HandlesWorkerTerminateMessage",
            "RawHttpBodyBytes",
            "RpcHttpBodyOnly",
            "RpcHttpTriggerMetadataRemoved",
            "SupportsLoadResponseCollection",
            "TypedDataCollection",
            "WorkerStatus",
        ]
    );
    assert!(
        capabilities.iter().all(|(_, value)| *value == "true"),
        "{capabilities:?}"
    );
    let metadata = response.worker_metadata.expect("metadata");
    assert_eq!(metadata.runtime_name, "python");
    assert!(metadata.runtime_version.starts_with("3."), "{metadata:?}");
    assert_eq!(metadata.custom_properties["implementation"], "cpython");
    let log = host.log("Received WorkerInitRequest, python version 3.");
    assert!(
        log.message.contains(
            "App Settings state: PYTHON_THREADPOOL_THREAD_COUNT: 3 | PYTHON_ENABLE_WORKER_EXTENSIONS: False. \
             To enable debug level logging, please refer to https://aka.ms/python-enable-debug-logging"
        ),
        "{}",
        log.message
    );
    assert_success(host.load("hello").result.as_ref(), &host);
    assert_serves(&mut host);
    host.log("sync threadpool max workers: 3");
}

#[test]
fn functions_that_code_declares_are_listed() {
    let mut host = App::case("functions_host").under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let first = host.metadata();
    assert_success(first.result.as_ref(), &host);
    assert!(!first.use_default_metadata_indexing);
    let listed = &first.function_metadata_results;
    let names: Vec<_> = listed.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names.len(), 12, "{names:?}");
    let hello = listed
        .iter()
        .find(|function| function.name == "hello")
        .expect("listed");
    assert_eq!(hello.script_file, "function_app.py");
    assert_eq!(
        hello.directory,
        host.app()
            .path()
            .canonicalize()
            .expect("a folder")
            .display()
            .to_string()
    );
    assert_eq!(hello.entry_point, "hello");
    assert_eq!(hello.language, "python");
    // That of Microsoft's worker.
    assert_eq!(hello.function_id, "4d71d03f-f19b-5d9e-8523-9628ba18063c");
    assert_eq!(hello.properties["worker_indexed"], "True");
    assert_eq!(hello.bindings["req"].r#type, "httpTrigger");
    assert_eq!(hello.bindings["$return"].direction, i32::from(Direction::Out));
    let raw: Vec<serde_json::Value> = hello
        .raw_bindings
        .iter()
        .map(|binding| serde_json::from_str(binding).expect("JSON"))
        .collect();
    assert_eq!(
        raw,
        [
            serde_json::json!(
                {"type": "httpTrigger", "direction": "IN", "name": "req", "authLevel": "ANONYMOUS", "route": "hello/{name?}"}
            ),
            serde_json::json!({"type": "http", "direction": "OUT", "name": "$return"}),
        ]
    );
    assert_eq!(host.metadata(), first, "the same when it is asked again");
    assert_success(host.load("hello").result.as_ref(), &host);
    assert_serves(&mut host);
}

#[test]
fn functions_in_folders_are_loaded_one_by_one() {
    let mut host = App::case("functions_host_v1").under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let expected = FunctionMetadataResponse {
        use_default_metadata_indexing: true,
        result: Some(funcdock_tests::functions_host::success()),
        ..FunctionMetadataResponse::default()
    };
    assert_eq!(host.metadata(), expected);
    let broken = host.load("broken");
    assert!(
        failure(broken.result.as_ref())
            .starts_with("ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        "{broken:?}"
    );
    assert_eq!(broken.function_id, "broken-id");
    assert_success(host.load("hello").result.as_ref(), &host);
    let missing = host.load("missing");
    assert_eq!(
        failure(missing.result.as_ref()),
        "cannot load the function \"missing\": the app has none of this name"
    );
    assert_serves(&mut host);
    let response = host.invoke(call(
        "broken",
        &[("req", Data::Http(Box::new(get("http://localhost/"))))],
    ));
    assert_eq!(
        failure(response.result.as_ref()),
        "no function with function_id=broken-id"
    );
}

#[test]
fn functions_are_loaded_together() {
    let mut host = App::case("functions_host_v1").under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let requests = FunctionLoadRequestCollection {
        function_load_requests: ["hello", "broken"].map(|name| host.load_request(name)).into(),
    };
    let Content::FunctionLoadResponseCollection(responses) =
        host.ask(Content::FunctionLoadRequestCollection(requests))
    else {
        panic!("another message\n{}", host.output());
    };
    let [hello, broken] = &responses.function_load_responses[..] else {
        panic!("{responses:?}");
    };
    assert_success(hello.result.as_ref(), &host);
    assert_eq!(
        (hello.function_id.as_str(), broken.function_id.as_str()),
        ("hello-id", "broken-id")
    );
    assert!(failure(broken.result.as_ref()).contains("nothing_of_this_name"));
    assert_serves(&mut host);
}

#[test]
fn an_app_that_cannot_be_imported_says_why() {
    let mut host = App::case("functions_host")
        .file("function_app.py", "import nothing_of_this_name\n")
        .under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let listed = host.metadata();
    let reason = failure(listed.result.as_ref());
    assert!(
        reason.contains("No module named 'nothing_of_this_name'"),
        "{reason}"
    );
    let loaded = host.load("hello");
    assert!(failure(loaded.result.as_ref()).contains("nothing_of_this_name"));
    // It lives on, for the host to ask.
    assert_eq!(
        host.ask(Content::WorkerStatusRequest(WorkerStatusRequest {})),
        Content::WorkerStatusResponse(funcdock_rpc::messages::WorkerStatusResponse {})
    );
}

#[test]
fn messages_out_of_turn_are_answered_or_survived() {
    let mut host = App::case("functions_host").under_functions_host();
    let response = host.invoke(hello("http://localhost/api/hello"));
    assert_eq!(
        failure(response.result.as_ref()),
        "no function with function_id=hello-id"
    );
    let loaded = host.load("hello");
    assert!(
        failure(loaded.result.as_ref()).contains("the host has not said where the app is"),
        "{loaded:?}"
    );
    let request = FunctionsMetadataRequest::default();
    let Content::FunctionMetadataResponse(listed) = host.ask(Content::FunctionsMetadataRequest(request))
    else {
        panic!("another message\n{}", host.output());
    };
    assert!(failure(listed.result.as_ref()).contains("the host has not said where the app is"));
    host.send(Content::WorkerHeartbeat(WorkerHeartbeat {}));
    host.send(Content::FileChangeEventRequest(FileChangeEventRequest::default()));
    host.send_message(StreamingMessage::default());
    host.send(Content::WorkerStatusResponse(Default::default()));
    assert_success(host.init().result.as_ref(), &host);
    assert_success(host.init().result.as_ref(), &host);
    host.send_as("status-1", Content::WorkerStatusRequest(WorkerStatusRequest {}));
    assert!(matches!(host.receive(), Content::WorkerStatusResponse(_)));
    assert_success(host.load("hello").result.as_ref(), &host);
    assert_success(host.load("hello").result.as_ref(), &host);
    assert_serves(&mut host);
}

#[test]
fn a_worker_without_an_app_becomes_that_of_one() {
    let placeholder = tempfile::tempdir().expect("a folder");
    let mut host = App::case("functions_host")
        .env("OLD", "1")
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "9")
        .under_functions_host();
    let init = WorkerInitRequest {
        function_app_directory: placeholder.path().display().to_string(),
        ..WorkerInitRequest::default()
    };
    assert!(matches!(
        host.ask(Content::WorkerInitRequest(init)),
        Content::WorkerInitResponse(_)
    ));
    let folder = host.app().path().canonicalize().expect("a folder");
    let variables = HashMap::from(
        [
            ("NEW", "2"),
            ("PYTHON_THREADPOOL_THREAD_COUNT", "4"),
            ("PATH", "/usr/bin"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let reload = FunctionEnvironmentReloadRequest {
        environment_variables: variables.clone(),
        function_app_directory: folder.display().to_string(),
    };
    let Content::FunctionEnvironmentReloadResponse(response) =
        host.ask(Content::FunctionEnvironmentReloadRequest(reload))
    else {
        panic!("another message\n{}", host.output());
    };
    assert_success(response.result.as_ref(), &host);
    assert_eq!(response.worker_metadata.expect("metadata").runtime_name, "python");
    let log =
        host.log("Received FunctionEnvironmentReloadRequest, request ID: start-7, App Settings state: ");
    assert!(
        log.message.contains("PYTHON_THREADPOOL_THREAD_COUNT: 4"),
        "{}",
        log.message
    );
    assert_success(host.load("environment").result.as_ref(), &host);
    let response = host.invoke(call(
        "environment",
        &[("req", Data::Http(Box::new(get("http://localhost/"))))],
    ));
    let found: serde_json::Value = serde_json::from_slice(body(http_of(&response))).expect("JSON");
    assert_eq!(found["cwd"], folder.display().to_string());
    assert_eq!(
        found["environment"],
        serde_json::json!(variables),
        "replaced, not merged"
    );
    host.log("sync threadpool max workers: 4");
}

#[test]
fn a_worker_that_is_told_to_end_finishes_its_calls() {
    let mut host = App::case("functions_host")
        .under_functions_host()
        .with_functions(&["slow"]);
    let request = call(
        "slow",
        &[("req", Data::Http(Box::new(get("http://localhost/?seconds=0.4"))))],
    );
    host.send(Content::InvocationRequest(request));
    host.log("Received FunctionInvocationRequest");
    host.send(Content::WorkerTerminate(WorkerTerminate {
        grace_period: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
    }));
    let Content::InvocationResponse(response) = host.receive() else {
        panic!("another message\n{}", host.output());
    };
    assert_eq!(body(http_of(&response)), b"slept");
    assert_eq!(host.wait().code(), Some(0), "{}", host.output());
}

#[test]
fn each_form_of_the_hosts_options_is_enough() {
    for form in ["old", "new"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let arguments = match form {
            "old" => vec![
                "--host".to_owned(),
                "127.0.0.1".to_owned(),
                "--port".to_owned(),
                port.to_string(),
                "--workerId".to_owned(),
                WORKER_ID.to_owned(),
                "--requestId".to_owned(),
                "start-7".to_owned(),
                "--grpcMaxMessageLength".to_owned(),
                "2147483647".to_owned(),
            ],
            _ => vec![
                format!("--functions-uri=http://127.0.0.1:{port}"),
                format!("--functions-worker-id={WORKER_ID}"),
                "--functions-request-id=start-7".to_owned(),
                "--functions-grpc-max-message-length=2147483647".to_owned(),
            ],
        };
        let host = FunctionsHost::start_with(App::case("functions_host"), listener, &arguments);
        assert_serves(&mut host.with_functions(&["hello"]));
    }
}

#[test]
fn a_worker_without_a_host_says_so() {
    let app = App::case("functions_host");
    let run = |arguments: &[&str]| {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        app.run_worker(&arguments)
    };
    let missing = run(&["--functions-worker-id=w", "--functions-request-id=r"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        missing
            .stderr
            .contains("--functions-uri is missing: the Functions host starts this command"),
        "{}",
        missing.stderr
    );
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let uri = format!("--functions-uri=http://{}", free.local_addr().expect("bound"));
    drop(free);
    let alone = run(&[&uri, "--functions-worker-id=w", "--functions-request-id=r"]);
    assert_eq!(alone.status.code(), Some(1));
    assert!(
        alone
            .stderr
            .contains("cannot connect to the Functions host at http://127.0.0.1:"),
        "{}",
        alone.stderr
    );
    let wrong = run(&[
        "--functions-uri=nowhere",
        "--functions-worker-id=w",
        "--functions-request-id=r",
    ]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(wrong.stderr.contains("nowhere"), "{}", wrong.stderr);
}

#[test]
fn the_host_finds_the_worker_by_its_config() {
    let folder = tempfile::tempdir().expect("a folder");
    let workers = folder.path().join("workers/python");
    let output = std::process::Command::new(funcdock_tests::binary())
        .args(["worker", "--install"])
        .arg(&workers)
        .output()
        .expect("the funcdock binary runs");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    let setting = format!("languageWorkers__python__workerDirectory={}\n", workers.display());
    assert!(said.ends_with(&setting), "{said}");
    let config = std::fs::read(workers.join("worker.config.json")).expect("written");
    let config: serde_json::Value = serde_json::from_slice(&config).expect("JSON");
    let description = &config["description"];
    assert_eq!(description["language"], "python");
    assert_eq!(description["extensions"], serde_json::json!([".py"]));
    assert_eq!(description["workerIndexing"], "true");
    // What the host starts: the program, its arguments, and the host's own, which the tests' mock gives.
    assert_eq!(description["arguments"], serde_json::json!(["worker"]));
    let program = description["defaultExecutablePath"].as_str().expect("a path");
    let app = App::case("functions_host").program(program);
    assert_serves(&mut app.under_functions_host().with_functions(&["hello"]));
}
