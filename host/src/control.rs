//! The control channel between the supervisor and a worker: messages over a Unix socket pair.
//!
//! A frame is its length (u32, little-endian) and that many bytes of JSON, [`MAX_FRAME`] at most. The
//! supervisor speaks first, with [`SupervisorMessage::Start`]; it carries [`PROTOCOL`], so that a worker
//! module of another build says so instead of misreading what follows. When one side is gone the other
//! reads the end of the stream: a worker must then exit, for nobody watches it any more.

use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::{Buf, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::app::App;

/// The version of this protocol; it grows with every change that an older peer would misread.
pub const PROTOCOL: u32 = 4;

/// The longest frame body that is sent or accepted, in bytes (16 MiB).
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

const HEADER: usize = size_of::<u32>();

/// What the supervisor tells a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SupervisorMessage {
    /// The first message: what to run.
    Start(Box<WorkerConfig>),
    /// Stop accepting, finish what is in flight, flush, and exit: 0 if nothing was given up.
    Drain {
        /// Milliseconds until calls that still run are given up.
        deadline_ms: u64,
    },
    /// Another worker asks: answer with [`WorkerMessage::Answered`].
    Answer {
        /// The index of the worker that asks.
        asker: u32,
        /// The asker's number of the question.
        id: u64,
        /// What it asks.
        question: Question,
    },
    /// The worker's own question goes to so many others. Comes before what they answer.
    Asked {
        /// The worker's number of the question.
        id: u64,
        /// How many others are ready.
        others: u32,
    },
    /// What another worker answered.
    Told {
        /// The worker's number of the question.
        id: u64,
        /// The index of the worker that answers.
        worker: u32,
        /// Its answer.
        reply: Reply,
    },
}

/// What an operator asks one worker, and it the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Question {
    /// What its extensions are and did.
    Extensions,
    /// Its metrics.
    Metrics,
    /// To have its extensions write out what they hold back.
    Flush,
}

/// What a worker answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// To [`Question::Extensions`]: its index and its extensions.
    Extensions(serde_json::Value),
    /// To [`Question::Metrics`]: a whole text of OpenMetrics.
    Metrics(String),
    /// To [`Question::Flush`]: whether it has; it has not where a flush is running already.
    Flush(bool),
    /// It cannot answer, and has logged why.
    Failed,
}

/// All that a worker needs to know to serve an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerConfig {
    /// [`PROTOCOL`] of the supervisor.
    pub protocol: u32,
    /// The app to serve.
    pub app: App,
    /// Which worker this is, from 0.
    pub index: u32,
    /// How many workers there are.
    pub workers: u32,
    /// The address that the listening socket is bound to; its port is never 0.
    pub address: SocketAddr,
    /// Whether worker extensions are on (`PYTHON_ENABLE_WORKER_EXTENSIONS`).
    pub extensions_enabled: bool,
    /// Where the interpreter imports packages from, as far as extensions are to be searched for there
    /// (see [`Search::wheels`](crate::extensions::Search::wheels)); absolute.
    pub site_packages: Vec<PathBuf>,
    /// Where to look for an extension's library at last, in this order; absolute.
    pub extension_path: Vec<PathBuf>,
    /// How records of the log look.
    pub log_format: crate::logging::Format,
    /// Whether the user asked for detailed logs.
    pub verbose: bool,
    /// Whether functions log at DEBUG too (`PYTHON_ENABLE_DEBUG_LOGGING`).
    pub debug_logs: bool,
    /// Threads for sync functions, when the user chose a number (`PYTHON_THREADPOOL_THREAD_COUNT`).
    pub threads: Option<u32>,
}

/// What a worker tells the supervisor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WorkerMessage {
    /// All functions and extensions are loaded, and requests are accepted.
    Ready(Ready),
    /// The worker cannot serve the app; it exits with a non-zero status after this.
    Failed {
        /// What was being done, as a noun phrase: "import of the function app".
        phase: String,
        /// Why it failed; may hold a Python traceback.
        message: String,
    },
    /// Asks all other workers that are ready. Only from a worker that is ready.
    Ask {
        /// The worker's number of the question.
        id: u64,
        /// What it asks.
        question: Question,
    },
    /// Answers a [`SupervisorMessage::Answer`].
    Answered {
        /// The index of the worker that asked.
        asker: u32,
        /// The asker's number of the question.
        id: u64,
        /// The answer.
        reply: Reply,
    },
    /// What the worker counted; sent once, while draining.
    Statistics(serde_json::Value),
    /// Everything in flight has ended or is given up, and is flushed; the worker exits after this.
    Drained,
}

/// What a worker serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// The functions that were loaded, in the order to list them.
    pub functions: Vec<FunctionListing>,
    /// The extensions that were found, loaded or not.
    pub extensions: Vec<ExtensionListing>,
    /// The interpreter's version: "3.12.4".
    pub python: String,
}

/// A function, as listed at start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionListing {
    /// The function's name.
    pub name: String,
    /// The type of its trigger: "httpTrigger", "timerTrigger", …
    pub kind: String,
    /// An httpTrigger's methods, upper case; empty is all.
    pub methods: Vec<String>,
    /// An httpTrigger's route under the prefix, without slashes around it.
    pub route: Option<String>,
}

/// An extension, as listed at start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtensionListing {
    /// The extension's name.
    pub name: String,
    /// Its own version; empty when it could not be read.
    pub version: String,
    /// How far it got: "loaded", "started" or "failed".
    pub state: String,
    /// Why it is not started, and what to do.
    pub message: Option<String>,
}

/// Why a message could not be sent or received. After any of these the channel is of no more use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The socket failed.
    #[error("the control channel failed")]
    Io(#[from] io::Error),
    /// A message does not fit into a frame.
    #[error("a control message of {length} bytes is longer than the {MAX_FRAME} bytes that are allowed")]
    TooLong {
        /// The length of the body, in bytes.
        length: usize,
    },
    /// The stream ended within a frame.
    #[error("the other side of the control channel went away in the middle of a message")]
    Truncated,
    /// A message cannot be written as JSON (a path that is not UTF-8, for one).
    #[error("a control message cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// A frame does not hold a message of this protocol.
    #[error("a control message is not understood")]
    Decode(#[source] serde_json::Error),
    /// The first message is not `Start`.
    #[error("the control channel did not begin with a start message")]
    NotStarted,
    /// The supervisor speaks another version.
    #[error(
        "the supervisor speaks version {found} of the control protocol and this worker module version \
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
    stream: std::os::unix::net::UnixStream,
) -> Result<(Sender<SupervisorMessage>, Receiver<WorkerMessage>), ControlError> {
    open(stream)
}

/// Opens the worker's end of the channel (`sys::CONTROL_FD`). Needs a tokio runtime; makes the socket
/// non-blocking.
pub fn worker_end(
    stream: std::os::unix::net::UnixStream,
) -> Result<(Sender<WorkerMessage>, Receiver<SupervisorMessage>), ControlError> {
    open(stream)
}

fn open<S, R>(stream: std::os::unix::net::UnixStream) -> Result<(Sender<S>, Receiver<R>), ControlError> {
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
    /// Sends one message. Not cancel-safe: a call that is dropped may leave half a frame behind.
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
    /// The next message, or `None` when the other side is gone. Cancel-safe: what was read stays here.
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
    /// The first message of the supervisor, or `None` when it is gone. Looks at its protocol version
    /// before anything else. Cancel-safe.
    pub async fn recv_start(&mut self) -> Result<Option<Box<WorkerConfig>>, ControlError> {
        /// All of the start message that every version has.
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
    /// The body of the next frame, or `None` at the end of the stream. Cancel-safe.
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
                // The peer died with bytes of ours unread; what it sent has been read already.
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

#[cfg(test)]
mod tests;
