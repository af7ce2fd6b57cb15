//! The control channel between the supervisor and a worker: messages over a Unix socket pair.
//!
//! A frame is a length (u32, little-endian) and that many bytes of JSON, at most [`MAX_FRAME`]. The supervisor sends
//! first: [`SupervisorMessage::Start`] has its [`PROTOCOL`], so that a worker module of another build reports the
//! difference and does not misread what follows. When one side exits, the other reads the end of the stream. A worker
//! must then exit: nobody supervises it any more.
//!
//! Beside it, all processes share the load of each worker (`loads`).

mod channel;
mod loads;
mod messages;

pub use channel::{ControlError, MAX_FRAME, Receiver, Sender, supervisor_end, worker_end};
pub(crate) use loads::{Cell, Load};
pub use loads::{Loads, OwnLoad};
pub(crate) use messages::MOST_THREADS;
pub use messages::{
    ExtensionListing, Flushed, FunctionListing, Question, Ready, Reply, SupervisorMessage, WorkerConfig,
    WorkerMessage,
};

/// The version of this protocol. It grows with every change that an older peer would misread.
pub const PROTOCOL: u32 = 11;

#[cfg(test)]
mod tests;
