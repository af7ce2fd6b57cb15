//! The worker's end of the stream of messages.

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::Stream;
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::messages::StreamingMessage;

/// The path of the gRPC method.
pub const PATH: &str = "/AzureFunctionsRpcMessages.FunctionRpc/EventStream";

/// How long the host may take to accept the connection and to answer the first message.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// How many bytes the host may send before we have read them: enough for payloads of some MiB not to wait for us.
const WINDOW: u32 = 16 << 20;

/// Where the host listens, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The URI of the host: `http://127.0.0.1:52000`.
    pub uri: String,
    /// The largest message in bytes, in both directions.
    pub max_message_length: usize,
}

/// The stream of messages from the host.
#[derive(Debug)]
pub struct Connection {
    messages: Streaming<StreamingMessage>,
}

/// Why there are no messages.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The URI is none.
    #[error("{uri:?} is not the URI of a host: {reason}")]
    Uri {
        /// What was given.
        uri: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody listens there, or somebody else.
    #[error("cannot connect to the Functions host at {uri}: {reason}")]
    Connect {
        /// Where.
        uri: String,
        /// The error, with its causes.
        reason: String,
    },
    /// The stream has ended with an error.
    #[error("the stream of messages from the Functions host has broken: {0}")]
    Broken(String),
}

impl Connection {
    /// Connects, and sends the messages of `outgoing` to its end. It returns when the host answers, which it must within 30 s.
    /// Within a tokio runtime with I/O and time, which drives the connection.
    ///
    /// # Errors
    /// [`ConnectionError::Uri`], [`ConnectionError::Connect`].
    pub async fn open(
        endpoint: &Endpoint,
        outgoing: impl Stream<Item = StreamingMessage> + Send + 'static,
    ) -> Result<Self, ConnectionError> {
        let opened = tokio::time::timeout(OPEN_TIMEOUT, Self::connect(endpoint, outgoing)).await;
        opened.unwrap_or_else(|_| {
            Err(ConnectionError::Connect {
                uri: endpoint.uri.clone(),
                reason: format!(
                    "it does not answer within {} s; expected a gRPC server",
                    OPEN_TIMEOUT.as_secs()
                ),
            })
        })
    }

    async fn connect(
        endpoint: &Endpoint,
        outgoing: impl Stream<Item = StreamingMessage> + Send + 'static,
    ) -> Result<Self, ConnectionError> {
        let uri = &endpoint.uri;
        let failed = |reason| ConnectionError::Connect {
            uri: uri.clone(),
            reason,
        };
        let address =
            tonic::transport::Endpoint::from_shared(uri.clone()).map_err(|error| ConnectionError::Uri {
                uri: uri.clone(),
                reason: error.to_string(),
            })?;
        let channel: Channel = address
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .tcp_nodelay(true)
            .connect()
            .await
            .map_err(|error| failed(causes(&error)))?;
        let mut client = Grpc::new(channel)
            .max_decoding_message_size(endpoint.max_message_length)
            .max_encoding_message_size(endpoint.max_message_length);
        client.ready().await.map_err(|error| failed(causes(&error)))?;
        let codec = ProstCodec::<StreamingMessage, StreamingMessage>::default();
        let opened = client.streaming(Request::new(outgoing), PathAndQuery::from_static(PATH), codec);
        let response = opened.await.map_err(|status| failed(described(&status)))?;
        Ok(Connection {
            messages: response.into_inner(),
        })
    }

    /// Waits for the next message; `None` when the host has ended the stream. Cancel-safe.
    ///
    /// # Errors
    /// [`ConnectionError::Broken`]: nothing comes any more.
    pub async fn next(&mut self) -> Result<Option<StreamingMessage>, ConnectionError> {
        let message = self.messages.message().await;
        message.map_err(|status| ConnectionError::Broken(described(&status)))
    }
}

fn described(status: &Status) -> String {
    match status.message() {
        "" => status.code().to_string(),
        message => format!("{}: {message}", status.code()),
    }
}

/// Returns the error with what has caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
