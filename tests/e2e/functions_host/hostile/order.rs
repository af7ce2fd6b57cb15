//! Messages twice, with ids that are taken, and before their time.

use bytes::Bytes;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    FunctionEnvironmentReloadRequest, FunctionLoadRequest, FunctionMetadataResponse,
    FunctionsMetadataRequest, InvocationCancel, RpcHttp, WorkerInitRequest, WorkerStatusRequest,
};
use funcdock_tests::App;
use funcdock_tests::functions_host::{assert_success, body, failure, get, http_of, typed};

use super::{assert_serves, hello, http, loaded};

#[test]
fn calls_with_one_id_are_each_answered() {
    let mut host = loaded();
    for _ in 0..100 {
        host.send(Content::InvocationRequest(hello()));
    }
    for _ in 0..100 {
        let Content::InvocationResponse(response) = host.receive() else {
            panic!("another message");
        };
        assert_eq!(response.invocation_id, "hello-1");
        assert_eq!(body(http_of(&response)), b"Hello, Ada!");
    }
}

#[test]
fn an_id_may_be_given_to_another_function() {
    let mut host = loaded();
    let request = FunctionLoadRequest {
        function_id: "hello-id".to_owned(),
        ..host.load_request("echo")
    };
    assert!(matches!(
        host.ask(Content::FunctionLoadRequest(request)),
        Content::FunctionLoadResponse(_)
    ));
    let request = RpcHttp {
        body: Some(Box::new(typed(Data::Bytes(Bytes::from_static(b"echoed"))))),
        ..get("http://localhost/")
    };
    let response = host.invoke(http("hello", "1", request));
    assert_eq!(body(http_of(&response)), b"echoed");
    // One that cannot be loaded leaves it.
    let request = FunctionLoadRequest {
        function_id: "hello-id".to_owned(),
        ..host.load_request("nothing")
    };
    host.ask(Content::FunctionLoadRequest(request));
    let response = host.invoke(hello());
    assert_success(response.result.as_ref(), &host);
    // And back.
    assert_success(host.load("hello").result.as_ref(), &host);
    assert_serves(&mut host);
}

#[test]
fn a_second_init_does_not_take_the_app_away() {
    let mut host = App::case("functions_host")
        .under_functions_host()
        .with_functions(&["hello", "slow"]);
    let slow = http("slow", "slow-1", get("http://localhost/?seconds=0.5"));
    host.send(Content::InvocationRequest(slow));
    let elsewhere = tempfile::tempdir().expect("a folder");
    for folder in [
        host.app().path().display().to_string(),
        elsewhere.path().display().to_string(),
        String::new(),
    ] {
        host.send(Content::WorkerInitRequest(WorkerInitRequest {
            function_app_directory: folder,
            ..WorkerInitRequest::default()
        }));
        match host.receive() {
            Content::WorkerInitResponse(response) => assert_success(response.result.as_ref(), &host),
            other => panic!("{other:?}"),
        }
        assert_success(host.load("hello").result.as_ref(), &host);
        assert_serves(&mut host);
    }
    let Content::InvocationResponse(response) = host.receive() else {
        panic!("another message");
    };
    assert_eq!(body(http_of(&response)), b"slept");
}

#[test]
fn requests_while_the_app_is_imported_are_answered_in_their_turn() {
    let slow_import = |app: App| {
        let code = std::fs::read_to_string(app.path().join("function_app.py")).expect("the app's code");
        app.file("function_app.py", &format!("{code}\ntime.sleep(1)\n"))
    };
    let mut host = slow_import(App::case("functions_host")).under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let list = || Content::FunctionsMetadataRequest(FunctionsMetadataRequest::default());
    let reload = || Content::FunctionEnvironmentReloadRequest(FunctionEnvironmentReloadRequest::default());
    host.send(list());
    host.send(list());
    host.send(Content::FunctionLoadRequest(host.load_request("hello")));
    host.send(Content::InvocationRequest(hello()));
    host.send(Content::InvocationCancel(InvocationCancel::default()));
    host.send(Content::WorkerStatusRequest(WorkerStatusRequest {}));
    host.send(reload());
    // These do not wait for the app.
    let Content::InvocationResponse(response) = host.receive() else {
        panic!("another message");
    };
    assert_eq!(
        failure(response.result.as_ref()),
        "no function with function_id=hello-id"
    );
    assert!(matches!(host.receive(), Content::WorkerStatusResponse(_)));
    let Content::FunctionEnvironmentReloadResponse(response) = host.receive() else {
        panic!("another message");
    };
    assert!(failure(response.result.as_ref()).contains("the app is loaded already"));
    // These do.
    let mut lists = Vec::new();
    for _ in 0..2 {
        match host.receive() {
            Content::FunctionMetadataResponse(response) => lists.push(response),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(lists[0], lists[1]);
    assert_eq!(lists[0].function_metadata_results.len(), 12);
    let Content::FunctionLoadResponse(response) = host.receive() else {
        panic!("another message");
    };
    assert_success(response.result.as_ref(), &host);
    assert_serves(&mut host);
}

#[test]
fn folders_are_left_to_the_host_after_the_load_too() {
    let mut host = App::case("functions_host_v1")
        .under_functions_host()
        .with_functions(&["hello"]);
    let listed = host.metadata();
    assert!(listed.use_default_metadata_indexing, "{listed:?}");
    let expected = FunctionMetadataResponse::default().function_metadata_results;
    assert_eq!(listed.function_metadata_results, expected);
    assert_serves(&mut host);
}
