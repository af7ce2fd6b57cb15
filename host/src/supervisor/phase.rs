//! The phase of the host, which all slots follow, and what they report.

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::SupervisorError;
use super::listener::Bound;
use crate::control::{Question, Ready, Reply};

/// The phase of the host, the same for all slots. It only moves forward.
#[derive(Debug)]
pub(super) enum Phase {
    /// Serving from this socket, which closes at the end of this phase. Workers hold duplicates.
    Serving(Bound),
    /// Finishing the calls in flight until this time.
    Draining(Instant),
    /// Killing the workers.
    Killing,
}

/// An event of a slot.
#[derive(Debug)]
pub(super) enum SlotEvent {
    /// The worker is ready.
    Ready(u32, Ready),
    /// The worker is replaced by one that is ready.
    Replaced(Ready),
    /// The worker has exited, or could not be started.
    Exited(u32),
    /// The worker has a question for all others.
    PeerRequest { asker: u32, id: u64, question: Question },
    /// The worker replies to another one.
    PeerReply {
        worker: u32,
        asker: u32,
        id: u64,
        reply: Reply,
    },
    /// The statistics of the worker's extensions.
    Statistics(u32, Value),
}

/// How a slot ended.
#[derive(Debug)]
pub(super) enum SlotExit {
    /// The host stopped, and the workers finished their work.
    Clean,
    /// The host stopped, but a worker was killed or failed.
    Forced,
    /// The worker cannot be started.
    Failed(SupervisorError),
}

/// Waits until the host stops serving. Cancel-safe.
pub(super) async fn stop(phase: &mut watch::Receiver<Phase>) {
    // An error means that the host has ended.
    let _ = phase.wait_for(|phase| !matches!(phase, Phase::Serving(_))).await;
}
