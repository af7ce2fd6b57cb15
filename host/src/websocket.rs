//! One WebSocket connection after its handshake: the client's bytes become messages, and messages become bytes for the
//! client. It does no I/O: whoever has the connection brings the bytes and sends them.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use bytes::{Buf as _, Bytes};
use tungstenite::Error;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, FrameHeader, Utf8Bytes};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

/// The number of messages, and of their bytes, that may wait for the reader before it is [full](Socket::is_full).
const WAITING_MESSAGES: usize = 64;
const WAITING_BYTES: usize = 64 << 10;

/// The number of bytes that are decoded at a time. Each connection keeps a buffer of this size.
const READ_BUFFER: usize = 8 << 10;

/// The longest reason of a close frame, in bytes (RFC 6455, section 5.5).
const MAX_REASON: usize = 123;

/// A message, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(Utf8Bytes),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    fn len(&self) -> usize {
        match self {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
        }
    }
}

/// How a connection was closed: the code and the reason of section 7.1 of RFC 6455.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The code.
    pub code: u16,
    /// The reason; may be empty.
    pub reason: String,
}

impl Closed {
    /// The client is gone without a word.
    fn lost() -> Self {
        Closed {
            code: CloseCode::Abnormal.into(),
            reason: String::new(),
        }
    }
}

/// A close frame that the protocol does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// The code is not one that an endpoint may send.
    #[error(
        "{0} is not a close code that may be sent: expected 1000, 1001, 1003, 1007 to 1013, or 3000 to 4999"
    )]
    Code(u16),
    /// The reason is too long.
    #[error("the reason has {0} bytes, but at most {MAX_REASON} fit into a close frame")]
    Reason(usize),
}

/// The protocol's state of one connection.
pub struct Socket {
    protocol: WebSocketContext,
    wire: Wire,
    messages: VecDeque<Message>,
    /// The number of bytes in `messages`.
    waiting: usize,
    closed: Option<Closed>,
}

impl Socket {
    /// Returns the server's side of a new connection, which takes messages of at most this number of bytes.
    pub fn new(max_message_size: u64) -> Self {
        let limit = usize::try_from(max_message_size).ok();
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(limit)
            .max_frame_size(limit);
        Socket {
            protocol: WebSocketContext::new(Role::Server, Some(config)),
            wire: Wire::default(),
            messages: VecDeque::new(),
            waiting: 0,
            closed: None,
        }
    }

    /// Takes bytes of the client. Answers what the protocol itself answers: pings, the close, and errors, which close the
    /// connection.
    pub fn receive(&mut self, bytes: Bytes) {
        if self.closed.is_some() {
            return;
        }
        self.wire.incoming = bytes;
        loop {
            match self.protocol.read(&mut self.wire) {
                Ok(tungstenite::Message::Text(text)) => self.push(Message::Text(text)),
                Ok(tungstenite::Message::Binary(bytes)) => self.push(Message::Binary(bytes)),
                Ok(tungstenite::Message::Close(frame)) => {
                    self.closed.get_or_insert_with(|| match frame {
                        Some(frame) => Closed {
                            code: frame.code.into(),
                            reason: frame.reason.to_string(),
                        },
                        None => Closed {
                            code: CloseCode::Status.into(),
                            reason: String::new(),
                        },
                    });
                }
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return,
                Err(error) => return self.refuse(&error),
            }
        }
    }

    fn push(&mut self, message: Message) {
        self.waiting += message.len();
        self.messages.push_back(message);
    }

    /// Closes the connection of a client that has broken the protocol.
    fn refuse(&mut self, error: &Error) {
        let (code, reason) = match error {
            Error::Capacity(_) => (CloseCode::Size, "the message is too large"),
            Error::Utf8(_) => (CloseCode::Invalid, "the text is not valid UTF-8"),
            _ => (CloseCode::Protocol, "not a valid WebSocket frame"),
        };
        tracing::debug!("a WebSocket client: {error}");
        self.close_with(code, reason.to_owned());
    }

    /// Returns the next message of the client.
    pub fn next_message(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.waiting -= message.len();
        Some(message)
    }

    /// Whether so much waits for the reader that it should bring no more bytes before it has read.
    pub fn is_full(&self) -> bool {
        self.messages.len() >= WAITING_MESSAGES || self.waiting >= WAITING_BYTES
    }

    /// How the connection was closed, by either side; `None` while it is open. When it is closed, and the
    /// [output](Self::take_output) sent, the connection has served its purpose.
    pub fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    /// Closes the connection, unless it is closed.
    ///
    /// # Errors
    /// The protocol does not allow this code, or a reason of this length.
    pub fn close(&mut self, code: u16, reason: &str) -> Result<(), CloseError> {
        let known = CloseCode::from(code);
        if !known.is_allowed() {
            return Err(CloseError::Code(code));
        }
        if reason.len() > MAX_REASON {
            return Err(CloseError::Reason(reason.len()));
        }
        self.close_with(known, reason.to_owned());
        Ok(())
    }

    fn close_with(&mut self, code: CloseCode, reason: String) {
        if self.closed.is_some() {
            return;
        }
        let frame = CloseFrame {
            code,
            reason: reason.as_str().into(),
        };
        // Fails only if the connection is closed already.
        let _ = self.protocol.close(&mut self.wire, Some(frame));
        self.closed = Some(Closed {
            code: code.into(),
            reason,
        });
    }

    /// Closes the connection as the server stops.
    pub fn go_away(&mut self) {
        self.close_with(CloseCode::Restart, "the server stops".to_owned());
    }

    /// Closes the connection as the code behind it has ended.
    pub fn finish(&mut self) {
        self.close_with(CloseCode::Normal, String::new());
    }

    /// Closes the connection as the code behind it has failed.
    pub fn fail(&mut self) {
        self.close_with(CloseCode::Error, "internal error".to_owned());
    }

    /// Records that the client is gone, unless the connection is closed.
    pub fn lost(&mut self) {
        self.closed.get_or_insert_with(Closed::lost);
    }

    /// Whether the client was gone without a close of either side.
    pub fn is_lost(&self) -> bool {
        self.closed == Some(Closed::lost())
    }

    /// Returns what the protocol itself sends: whole frames; may be empty.
    pub fn take_output(&mut self) -> Bytes {
        std::mem::take(&mut self.wire.outgoing).into()
    }
}

/// Returns the frame of a text message.
pub fn text(text: &str) -> Bytes {
    frame(OpCode::Data(Data::Text), text.as_bytes())
}

/// Returns the frame of a binary message.
pub fn binary(bytes: &[u8]) -> Bytes {
    frame(OpCode::Data(Data::Binary), bytes)
}

/// Returns the frame of a ping.
pub fn ping() -> Bytes {
    frame(OpCode::Control(Control::Ping), &[])
}

fn frame(opcode: OpCode, payload: &[u8]) -> Bytes {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    let length = payload.len() as u64;
    let mut frame = Vec::with_capacity(header.len(length) + payload.len());
    // A vector takes everything.
    let _ = header.format(length, &mut frame);
    frame.extend_from_slice(payload);
    frame.into()
}

/// The connection as the protocol sees it: what has arrived and was not decoded, and what is to be sent.
#[derive(Default)]
struct Wire {
    incoming: Bytes,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = buffer.len().min(self.incoming.len());
        self.incoming.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
