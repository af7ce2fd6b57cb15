//! Messages that no host sends, and messages with nothing in them.

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::{
    CloseSharedMemoryResourcesRequest, FunctionEnvironmentReloadRequest, FunctionLoadRequest,
    FunctionLoadRequestCollection, InvocationCancel, InvocationRequest, StreamingMessage,
    WorkerActionResponse,
};
use funcdock_tests::functions_host::failure;

use super::{assert_serves, loaded};

#[test]
fn messages_that_no_host_sends_are_survived() {
    let mut host = loaded();
    let cancel = |id: &str| {
        Content::InvocationCancel(InvocationCancel {
            invocation_id: id.to_owned(),
            ..InvocationCancel::default()
        })
    };
    let survived = [
        cancel(""),
        cancel("nobody"),
        cancel("hello-1"),
        Content::StartStream(Default::default()),
        Content::WorkerInitResponse(Default::default()),
        Content::WorkerHeartbeat(Default::default()),
        Content::WorkerActionResponse(WorkerActionResponse::default()),
        Content::FileChangeEventRequest(Default::default()),
        Content::FunctionLoadResponse(Default::default()),
        Content::InvocationResponse(Default::default()),
        Content::RpcLog(Default::default()),
        Content::FunctionMetadataResponse(Default::default()),
        Content::FunctionEnvironmentReloadResponse(Default::default()),
        Content::CloseSharedMemoryResourcesResponse(Default::default()),
        Content::WorkerStatusResponse(Default::default()),
    ];
    for content in survived {
        host.send(content.clone());
        host.send(content);
        assert_serves(&mut host);
    }
    host.send_message(StreamingMessage {
        request_id: "\0".repeat(1 << 20),
        content: None,
    });
    assert_serves(&mut host);
    assert!(!host.stderr().contains("panicked"), "{}", host.output());
}

#[test]
fn requests_with_nothing_in_them_are_answered() {
    let mut host = loaded();
    let Content::FunctionLoadResponse(response) =
        host.ask(Content::FunctionLoadRequest(FunctionLoadRequest::default()))
    else {
        panic!("another message");
    };
    assert_eq!(
        failure(response.result.as_ref()),
        "cannot load the function \"\": the app has none of this name"
    );
    let Content::FunctionLoadResponseCollection(response) = host.ask(Content::FunctionLoadRequestCollection(
        FunctionLoadRequestCollection::default(),
    )) else {
        panic!("another message");
    };
    assert_eq!(response.function_load_responses, []);
    let Content::InvocationResponse(response) =
        host.ask(Content::InvocationRequest(InvocationRequest::default()))
    else {
        panic!("another message");
    };
    assert_eq!(failure(response.result.as_ref()), "no function with function_id=");
    let Content::CloseSharedMemoryResourcesResponse(response) = host.ask(
        Content::CloseSharedMemoryResourcesRequest(CloseSharedMemoryResourcesRequest {
            map_names: vec![String::new(), "../../etc/passwd".to_owned(), "\0".to_owned()],
        }),
    ) else {
        panic!("another message");
    };
    assert!(
        response.close_map_results.values().all(|closed| !closed),
        "{response:?}"
    );
    let Content::FunctionEnvironmentReloadResponse(response) = host.ask(
        Content::FunctionEnvironmentReloadRequest(FunctionEnvironmentReloadRequest::default()),
    ) else {
        panic!("another message");
    };
    assert!(failure(response.result.as_ref()).contains("the app is loaded already"));
    assert_serves(&mut host);
}
