use funcdock_rpc::messages::{InvocationResponse, RpcLog, TypedData, typed_data};
use futures_util::{FutureExt as _, StreamExt as _};

use super::*;

const MAX: usize = 1000;

fn next(messages: &mut Messages) -> Option<Content> {
    let message = messages.next().now_or_never()??;
    assert!(message.encoded_len() <= MAX, "{}", message.encoded_len());
    message.content
}

fn record(message: String) -> Content {
    Content::RpcLog(RpcLog {
        message,
        properties: "{}".to_owned(),
        ..RpcLog::default()
    })
}

#[test]
fn a_response_that_is_too_large_is_a_failure_of_its_call() {
    let (outgoing, mut messages) = Outgoing::new("start", MAX);
    let response = |length: usize| {
        Content::InvocationResponse(InvocationResponse {
            invocation_id: "call".to_owned(),
            return_value: Some(TypedData {
                data: Some(typed_data::Data::Bytes(vec![0; length].into())),
            }),
            result: Some(success()),
            ..InvocationResponse::default()
        })
    };
    outgoing.send("start", response(100));
    assert_eq!(next(&mut messages), Some(response(100)));
    outgoing.send("start", response(MAX));
    let Some(Content::InvocationResponse(refused)) = next(&mut messages) else {
        panic!("another message");
    };
    assert_eq!(refused.invocation_id, "call");
    assert_eq!(refused.return_value, None);
    let exception = refused
        .result
        .and_then(|result| result.exception)
        .expect("a failure");
    assert!(
        exception
            .message
            .starts_with("the response of the function has 1"),
        "{}",
        exception.message
    );
    // An id of this size came from the host in a message that was larger still.
    outgoing.send(
        "start",
        Content::InvocationResponse(InvocationResponse {
            invocation_id: "x".repeat(MAX),
            ..InvocationResponse::default()
        }),
    );
    assert_eq!(next(&mut messages), None);
}

#[test]
fn a_record_that_is_too_large_is_shortened() {
    let (outgoing, mut messages) = Outgoing::new("start", MAX);
    outgoing.send("start", record("ä".repeat(MAX)));
    let Some(Content::RpcLog(log)) = next(&mut messages) else {
        panic!("another message");
    };
    assert!(
        log.message.starts_with("ää") && log.message.contains("… (shortened"),
        "{}",
        log.message
    );
}

#[test]
fn records_that_the_host_does_not_read_are_dropped_and_counted() {
    let (outgoing, mut messages) = Outgoing::new("start", usize::MAX);
    let size = 1 << 20;
    for _ in 0..100 {
        outgoing.send("start", record("x".repeat(size)));
    }
    // Responses come through.
    outgoing.send(
        "start",
        Content::InvocationResponse(InvocationResponse::default()),
    );
    let mut read = Vec::new();
    while let Some(Some(message)) = messages.next().now_or_never() {
        read.push(message.content.expect("a content"));
    }
    let is_notice = |content: &Content| match content {
        Content::RpcLog(log) => log.message.starts_with("37 log records are lost"),
        _ => false,
    };
    // 63 records with their fields, the notice, and the response.
    assert_eq!(read.len(), 65);
    assert_eq!(read.iter().filter(|content| is_notice(content)).count(), 1);
    assert!(matches!(read.last(), Some(Content::InvocationResponse(_))));
    // There is room again.
    outgoing.send("start", record("last".to_owned()));
    assert!(matches!(next(&mut messages), Some(Content::RpcLog(log)) if log.message == "last"));
}
