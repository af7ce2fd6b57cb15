//! Messages that are larger than the host takes.

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::{
    FunctionLoadResponse, FunctionMetadataResponse, InvocationResponse, RpcLog, StreamingMessage,
};
use prost::Message as _;

use super::refusal;

/// The end of a record that is not whole.
const SHORTENED: &str = "… (shortened: the Functions host takes no larger message)";

/// Returns what is sent in place of a message of `length` bytes: one that says so, in at most `max` bytes. `None` if there is
/// none.
pub(super) fn within(message: StreamingMessage, length: usize, max: usize) -> Option<StreamingMessage> {
    let too_large = |what: &str, advice: &str| {
        refusal(format!(
            "{what} has {length} bytes in the protocol, and the Functions host takes {max}; {advice}"
        ))
    };
    let content = match message.content? {
        Content::InvocationResponse(response) => Content::InvocationResponse(InvocationResponse {
            invocation_id: response.invocation_id,
            result: Some(too_large(
                "the response of the function",
                "return less, or write it to storage and return where it is",
            )),
            ..InvocationResponse::default()
        }),
        Content::FunctionLoadResponse(response) => Content::FunctionLoadResponse(FunctionLoadResponse {
            function_id: response.function_id,
            result: Some(too_large(
                "the reason why the function cannot be loaded",
                "shorten it",
            )),
            ..FunctionLoadResponse::default()
        }),
        Content::FunctionLoadResponseCollection(mut all) => {
            for response in &mut all.function_load_responses {
                if let Some(exception) = response
                    .result
                    .as_mut()
                    .and_then(|result| result.exception.as_mut())
                {
                    exception.stack_trace.clear();
                    shorten(&mut exception.message, 1000);
                }
            }
            Content::FunctionLoadResponseCollection(all)
        }
        Content::FunctionMetadataResponse(_) => Content::FunctionMetadataResponse(FunctionMetadataResponse {
            result: Some(too_large("the list of functions", "divide the app")),
            ..FunctionMetadataResponse::default()
        }),
        Content::RpcLog(log) => Content::RpcLog(shortened(log, max)),
        _ => return None,
    };
    let message = StreamingMessage {
        request_id: message.request_id,
        content: Some(content),
    };
    (message.encoded_len() <= max).then_some(message)
}

fn shortened(log: RpcLog, max: usize) -> RpcLog {
    let mut log = RpcLog {
        properties: String::new(),
        ..log
    };
    // The rest is a few names and ids.
    shorten(&mut log.message, max / 2);
    log
}

/// Cuts a text after this many bytes, or a few less.
fn shorten(text: &mut String, length: usize) {
    if text.len() > length {
        let length = length.saturating_sub(SHORTENED.len());
        let end = (0..=length).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push_str(SHORTENED);
    }
}
