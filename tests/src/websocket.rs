//! Clients that speak the WebSocket protocol.

use std::net::TcpStream;

use tungstenite::ClientRequestBuilder;
use tungstenite::http::{Response, StatusCode};
use tungstenite::protocol::frame::CloseFrame;

pub use tungstenite::Message;

use crate::{DEADLINE, Host};

/// A connection of a client.
pub struct WebSocket {
    socket: tungstenite::WebSocket<TcpStream>,
    /// The server's response to the handshake.
    pub response: Response<Option<Vec<u8>>>,
}

impl WebSocket {
    /// Connects to a path, with these headers in the handshake.
    ///
    /// # Errors
    /// The status and the body of the response that refuses.
    pub fn try_connect(
        host: &Host,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, (StatusCode, String)> {
        let stream = TcpStream::connect(host.address()).expect("the host listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a valid timeout");
        let url = format!("ws://{}{path}", host.address());
        let mut request = ClientRequestBuilder::new(url.parse().expect("a URL"));
        for (name, value) in headers {
            request = request.with_header(*name, *value);
        }
        match tungstenite::client(request, stream) {
            Ok((socket, response)) => Ok(WebSocket { socket, response }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                let (parts, body) = response.into_parts();
                let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
                Err((parts.status, body))
            }
            Err(error) => panic!("{path}: {error}\n{}", host.output()),
        }
    }

    /// Connects to a path.
    pub fn connect(host: &Host, path: &str) -> Self {
        Self::try_connect(host, path, &[])
            .unwrap_or_else(|refused| panic!("{path}: {refused:?}\n{}", host.output()))
    }

    /// Sends a message.
    pub fn send(&mut self, message: impl Into<Message>) {
        self.socket.send(message.into()).expect("sent");
    }

    /// Receives a message; waits for it, at most for [`DEADLINE`].
    pub fn receive(&mut self) -> Message {
        self.socket.read().expect("a message")
    }

    /// Receives a message, which is text.
    pub fn text(&mut self) -> String {
        let message = self.receive();
        message.to_text().expect("text").to_owned()
    }

    /// Closes with this code and reason, and waits until the server has closed the connection.
    pub fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        };
        self.socket.close(Some(frame)).expect("sent");
        while self.socket.read().is_ok() {}
    }

    /// Waits until the server closes, past other messages; returns its code and reason.
    pub fn closed(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.receive() {
                let frame = frame.expect("a code");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }

    /// Waits until the server has closed the connection without a word.
    pub fn assert_gone(&mut self) {
        let error = self.socket.read().expect_err("no more messages");
        assert!(
            !matches!(&error, tungstenite::Error::Io(error) if error.kind() == std::io::ErrorKind::WouldBlock),
            "still open"
        );
    }
}
