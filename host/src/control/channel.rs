//! Sends and receives messages as frames.

use std::io;
use std::marker::PhantomData;
use std::os::unix::net::UnixStream as StdStream;

use bytes::{Buf, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::PROTOCOL;
use super::messages::{SupervisorMessage, WorkerConfig, WorkerMessage};

/// The longest frame body that is sent or accepted, in bytes (16 MiB).
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

const HEADER: usize = size_of::<u32>();

/// Why a message cannot be sent or received. The channel cannot be used after an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The socket failed.
    #[error("the control channel failed")]
    Io(#[from] io::Error),
    /// A message does not fit into a frame.
    #[error("a control message of {length} bytes is longer than the limit of {MAX_FRAME} bytes")]
    TooLong {
        /// The length of the body, in bytes.
        length: usize,
    },
    /// The stream ended within a frame.
    #[error("the other side closed the control channel in the middle of a message")]
    Truncated,
    /// A message cannot be written as JSON (a path that is not UTF-8, for one).
    #[error("a control message cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// A frame is not a message of this protocol.
    #[error("a control message is not valid")]
    Decode(#[source] serde_json::Error),
    /// The first message is not `Start`.
    #[error("the first control message is not a start message")]
    NotStarted,
    /// The supervisor uses another version of the protocol.
    #[error(
        "the supervisor uses version {found} of the control protocol, and this worker module uses version \
         {PROTOCOL}; install the funcdock binary and its Python module from the same release"
    )]
    Protocol {
        /// The supervisor's version.
        found: u32,
    },
}

/// The sending half of a control channel.
#[derive(Debug)]
pub struct Sender<M> {
    half: OwnedWriteHalf,
    message: PhantomData<fn(&M)>,
}

/// The receiving half of a control channel.
#[derive(Debug)]
pub struct Receiver<M> {
    half: OwnedReadHalf,
    buffer: BytesMut,
    message: PhantomData<fn() -> M>,
}

/// Opens the supervisor's end of the channel. Needs a tokio runtime; makes the socket non-blocking.
pub fn supervisor_end(
    stream: StdStream,
) -> Result<(Sender<SupervisorMessage>, Receiver<WorkerMessage>), ControlError> {
    open(stream)
}

/// Opens the worker's end of the channel. Needs a tokio runtime; makes the socket
/// non-blocking.
pub fn worker_end(
    stream: StdStream,
) -> Result<(Sender<WorkerMessage>, Receiver<SupervisorMessage>), ControlError> {
    open(stream)
}

fn open<S, R>(stream: StdStream) -> Result<(Sender<S>, Receiver<R>), ControlError> {
    stream.set_nonblocking(true)?;
    let (read, write) = UnixStream::from_std(stream)?.into_split();
    Ok((
        Sender {
            half: write,
            message: PhantomData,
        },
        Receiver {
            half: read,
            buffer: BytesMut::new(),
            message: PhantomData,
        },
    ))
}

impl<M: Serialize> Sender<M> {
    /// Sends a message. Not cancel-safe: a call that is dropped may have sent half a frame.
    pub async fn send(&mut self, message: &M) -> Result<(), ControlError> {
        let mut frame = vec![0; HEADER];
        serde_json::to_writer(&mut frame, message).map_err(ControlError::Encode)?;
        let length = frame.len() - HEADER;
        let header = u32::try_from(length)
            .ok()
            .filter(|_| length <= MAX_FRAME)
            .ok_or(ControlError::TooLong { length })?;
        frame[..HEADER].copy_from_slice(&header.to_le_bytes());
        Ok(self.half.write_all(&frame).await?)
    }
}

impl<M: DeserializeOwned> Receiver<M> {
    /// Receives the next message, or `None` when the other side has closed the channel. Cancel-safe.
    pub async fn recv(&mut self) -> Result<Option<M>, ControlError> {
        match self.frame().await? {
            Some(body) => serde_json::from_slice(&body)
                .map(Some)
                .map_err(ControlError::Decode),
            None => Ok(None),
        }
    }
}

impl Receiver<SupervisorMessage> {
    /// Receives the first message of the supervisor, or `None` when it has closed the channel. Checks the protocol
    /// version before everything else. Cancel-safe.
    pub async fn recv_start(&mut self) -> Result<Option<Box<WorkerConfig>>, ControlError> {
        /// The part of the start message that every version has.
        #[derive(Deserialize)]
        struct Hello {
            start: Option<Version>,
        }
        #[derive(Deserialize)]
        struct Version {
            protocol: u32,
        }

        let Some(body) = self.frame().await? else {
            return Ok(None);
        };
        let hello: Hello = serde_json::from_slice(&body).map_err(ControlError::Decode)?;
        match hello.start {
            None => return Err(ControlError::NotStarted),
            Some(Version { protocol: PROTOCOL }) => {}
            Some(Version { protocol: found }) => return Err(ControlError::Protocol { found }),
        }
        match serde_json::from_slice(&body).map_err(ControlError::Decode)? {
            SupervisorMessage::Start(config) => Ok(Some(config)),
            _ => Err(ControlError::NotStarted),
        }
    }
}

impl<M> Receiver<M> {
    /// Receives the body of the next frame, or `None` at the end of the stream. Cancel-safe.
    async fn frame(&mut self) -> Result<Option<BytesMut>, ControlError> {
        loop {
            if let Some(header) = self.buffer.first_chunk::<HEADER>() {
                let length = u32::from_le_bytes(*header) as usize;
                if length > MAX_FRAME {
                    return Err(ControlError::TooLong { length });
                }
                if self.buffer.len() >= HEADER + length {
                    self.buffer.advance(HEADER);
                    return Ok(Some(self.buffer.split_to(length)));
                }
                self.buffer.reserve(HEADER + length - self.buffer.len());
            }
            match self.half.read_buf(&mut self.buffer).await {
                Ok(0) if self.buffer.is_empty() => return Ok(None),
                Ok(0) => return Err(ControlError::Truncated),
                Ok(_) => {}
                // The peer died and had not read all bytes of ours. We have read all of its bytes.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return if self.buffer.is_empty() {
                        Ok(None)
                    } else {
                        Err(ControlError::Truncated)
                    };
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
