//! What goes to the host: from any thread, in the order in which it is put in.

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::{RpcException, StatusResult, StreamingMessage, status_result};
use tokio::sync::mpsc;

use crate::model::Exception;

/// The way to the host. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    sender: mpsc::UnboundedSender<StreamingMessage>,
}

impl Outgoing {
    /// Returns the way to the host, and what is to be sent.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<StreamingMessage>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Outgoing { sender }, receiver)
    }

    /// Sends a message. The host finds the request that it answers by the id.
    pub(super) fn send(&self, request_id: &str, content: Content) {
        // It fails only when the connection has ended: then nobody waits for it.
        let _ = self.sender.send(StreamingMessage {
            request_id: request_id.to_owned(),
            content: Some(content),
        });
    }
}

/// The status of what went well.
pub(super) fn success() -> StatusResult {
    StatusResult {
        status: status_result::Status::Success.into(),
        ..StatusResult::default()
    }
}

/// The status of what failed with this exception.
pub(super) fn failure(exception: &Exception) -> StatusResult {
    StatusResult {
        status: status_result::Status::Failure.into(),
        exception: Some(RpcException {
            message: exception.to_string(),
            stack_trace: exception.traceback.clone(),
            r#type: exception.type_name.clone(),
            is_user_exception: true,
            ..RpcException::default()
        }),
        ..StatusResult::default()
    }
}

/// The status of what was cancelled.
pub(super) fn cancellation(exception: &Exception) -> StatusResult {
    StatusResult {
        status: status_result::Status::Cancelled.into(),
        ..failure(exception)
    }
}

/// The status of what failed for a reason of the worker's own.
pub(super) fn refusal(message: impl Into<String>) -> StatusResult {
    StatusResult {
        status: status_result::Status::Failure.into(),
        exception: Some(RpcException {
            message: message.into(),
            ..RpcException::default()
        }),
        ..StatusResult::default()
    }
}
