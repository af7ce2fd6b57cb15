//! A client that speaks HTTP/2, frame by frame where it has to.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use hyper::{Request, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{Answer, DEADLINE, Host};

/// A connection. Its frames are read and written by a task of the runtime.
pub struct Http2 {
    sender: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    /// The beginning of URLs.
    base: String,
}

/// A request that was sent.
pub struct Sent {
    response: ResponseFuture,
    body: SendStream<Bytes>,
}

impl Http2 {
    /// Connects to a host's port without TLS.
    pub async fn connect(host: &Host) -> Self {
        let stream = TcpStream::connect(host.address())
            .await
            .expect("the host listens");
        Self::over(stream, host.url()).await
    }

    /// Connects to a host's port as a client that has no room for any response.
    pub async fn without_room(host: &Host) -> Self {
        let stream = TcpStream::connect(host.address())
            .await
            .expect("the host listens");
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(0);
        Self::with(&builder, stream, host.url()).await
    }

    /// Speaks HTTP/2 on a connection. `base` is the beginning of URLs.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, base: &str) -> Self {
        let mut builder = h2::client::Builder::new();
        // A stream that nobody reads leaves room for others.
        builder.initial_connection_window_size(10 << 20);
        Self::with(&builder, stream, base).await
    }

    async fn with(
        builder: &h2::client::Builder,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        base: &str,
    ) -> Self {
        let handshake = builder.handshake(stream);
        let handshake = timeout(DEADLINE, handshake).await;
        let (sender, connection) = handshake.expect("in time").expect("the host speaks HTTP/2");
        Http2 {
            sender,
            connection: tokio::spawn(connection),
            base: base.to_owned(),
        }
    }

    /// Sends a request without waiting for the response.
    ///
    /// # Errors
    /// The connection takes no more.
    pub async fn send(&mut self, method: &str, path: &str, body: Option<Bytes>) -> Result<Sent, h2::Error> {
        let request = Request::builder()
            .version(Version::HTTP_2)
            .method(method)
            .uri(format!("{}{path}", self.base))
            .body(())
            .expect("a valid request");
        let mut sender = timeout(DEADLINE, self.sender.clone().ready())
            .await
            .expect("in time")?;
        let (response, mut stream) = sender.send_request(request, body.is_none())?;
        if let Some(body) = body {
            stream.send_data(body, true)?;
        }
        Ok(Sent {
            response,
            body: stream,
        })
    }

    /// Sends a request and returns the response.
    pub async fn ask(&mut self, method: &str, path: &str, body: Option<Bytes>) -> Answer {
        let sent = self
            .send(method, path, body)
            .await
            .expect("the connection is open");
        sent.answer().await.expect("a response")
    }

    /// Waits until the host has closed the connection, for at most this time; returns how.
    pub async fn ended(self, longest: Duration) -> Result<(), h2::Error> {
        drop(self.sender);
        let ended = timeout(longest, self.connection)
            .await
            .expect("the connection ends");
        ended.expect("no panic")
    }

    /// Whether the host has closed the connection, or said that it takes no more requests.
    pub async fn is_closing(&mut self) -> bool {
        self.sender.clone().ready().await.is_err() || self.connection.is_finished()
    }
}

impl Sent {
    /// Waits for the response.
    ///
    /// # Errors
    /// The host has reset the stream, or the connection has ended.
    pub async fn answer(self) -> Result<Answer, h2::Error> {
        let response = timeout(DEADLINE, self.response).await.expect("in time")?;
        let (parts, mut incoming) = response.into_parts();
        let mut answer = Answer {
            status: parts.status.as_u16(),
            ..Answer::default()
        };
        for (name, value) in &parts.headers {
            answer.add_header(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
        }
        while let Some(data) = timeout(DEADLINE, incoming.data()).await.expect("in time") {
            let data = data?;
            incoming.flow_control().release_capacity(data.len())?;
            answer.body.extend_from_slice(&data);
        }
        Ok(answer)
    }

    /// Takes the request back.
    pub fn cancel(mut self) {
        self.body.send_reset(Reason::CANCEL);
    }
}
