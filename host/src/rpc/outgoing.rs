//! What goes to the host: from any thread, in the order in which it is put in.
//!
//! A message that is larger than the host takes would end the stream, and with it the worker. So a response that is too large
//! becomes a failure of its request, and a log record is shortened. Log records that the host does not read are dropped at
//! some point; responses are kept, as the host has asked for each of them.

mod limits;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::{RpcException, StatusResult, StreamingMessage, status_result};
use futures_util::Stream;
use prost::Message as _;
use tokio::sync::mpsc;

use super::log;
use crate::logging::Level;
use crate::model::Exception;

/// How many bytes of log records wait for the host at most.
const MOST_LOG_BYTES: usize = 64 << 20;

/// The way to the host. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    sender: mpsc::UnboundedSender<Queued>,
    log: Arc<LogQueue>,
    /// The largest message that the host takes, in bytes.
    max_length: usize,
}

/// A message that waits for the host.
#[derive(Debug)]
struct Queued {
    message: StreamingMessage,
    /// The size of a log record in bytes; 0 for another message.
    log_bytes: usize,
}

/// The log records that wait for the host.
#[derive(Debug, Default)]
struct LogQueue {
    bytes: AtomicUsize,
    /// The number of records that were dropped and not reported yet.
    dropped: AtomicU64,
}

impl Outgoing {
    /// Returns the way to a host that takes messages up to `max_length` bytes, and the messages for it. `request_id` is that of
    /// the worker's start.
    pub(super) fn new(request_id: &str, max_length: usize) -> (Self, Messages) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let log = Arc::<LogQueue>::default();
        let messages = Messages {
            receiver,
            log: Arc::clone(&log),
            request_id: request_id.to_owned(),
        };
        let outgoing = Outgoing {
            sender,
            log,
            max_length,
        };
        (outgoing, messages)
    }

    /// Sends a message. The host finds the request that it answers by the id.
    pub(super) fn send(&self, request_id: &str, content: Content) {
        let message = StreamingMessage {
            request_id: request_id.to_owned(),
            content: Some(content),
        };
        let length = message.encoded_len();
        if length <= self.max_length {
            return self.queue(message, length);
        }
        let is_log = matches!(message.content, Some(Content::RpcLog(_)));
        match limits::within(message, length, self.max_length) {
            Some(message) => {
                let length = message.encoded_len();
                self.queue(message, length);
            }
            // A record about it would not fit, either.
            None if is_log => {}
            None => tracing::error!(
                "a message of {length} bytes is not sent: the Functions host takes {} bytes",
                self.max_length
            ),
        }
    }

    fn queue(&self, message: StreamingMessage, length: usize) {
        let is_log = matches!(message.content, Some(Content::RpcLog(_)));
        let log_bytes = if is_log { length } else { 0 };
        if is_log && self.log.bytes.load(Ordering::Relaxed) + length > MOST_LOG_BYTES {
            self.log.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.log.bytes.fetch_add(log_bytes, Ordering::Relaxed);
        // It fails only when the connection has ended: then nobody waits for it.
        let _ = self.sender.send(Queued { message, log_bytes });
    }
}

/// The messages for the host. They end when all clones of the [`Outgoing`] are gone.
#[derive(Debug)]
pub(super) struct Messages {
    receiver: mpsc::UnboundedReceiver<Queued>,
    log: Arc<LogQueue>,
    request_id: String,
}

impl Stream for Messages {
    type Item = StreamingMessage;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<StreamingMessage>> {
        // There is room again when half of the records are read.
        if self.log.bytes.load(Ordering::Relaxed) <= MOST_LOG_BYTES / 2 {
            let dropped = self.log.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                let message = format!(
                    "{dropped} log records are lost: the Functions host has not read {} MiB of records before them",
                    MOST_LOG_BYTES >> 20
                );
                return Poll::Ready(Some(StreamingMessage {
                    request_id: self.request_id.clone(),
                    content: Some(log::of_worker(Level::Warn, "", message)),
                }));
            }
        }
        self.receiver.poll_recv(context).map(|queued| {
            let Queued { message, log_bytes } = queued?;
            self.log.bytes.fetch_sub(log_bytes, Ordering::Relaxed);
            Some(message)
        })
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
