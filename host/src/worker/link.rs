//! The worker's end of the control channel, read by its own thread.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, oneshot};

use super::orders::Orders;
use super::peers::{PeerEvent, Peers};
use crate::control::{
    ControlError, Ready, Receiver, Sender, SupervisorMessage, WorkerConfig, WorkerMessage, worker_end,
};
use crate::extensions::Activity;

/// The connection to the supervisor. All functions block.
pub(super) struct Link {
    runtime: Runtime,
    sender: Arc<Mutex<Sender<WorkerMessage>>>,
    peers: Arc<Peers>,
    drain: oneshot::Receiver<Duration>,
}

impl Link {
    /// Connects and receives the configuration. From then on the process exits when the supervisor does: nobody would
    /// restart or stop it any more.
    pub(super) fn connect(stream: UnixStream) -> Result<(Self, Box<WorkerConfig>), ControlError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("control")
            .enable_io()
            .build()?;
        let connected = runtime.block_on(async {
            let (sender, mut receiver) = worker_end(stream)?;
            let config = receiver.recv_start().await;
            Ok::<_, ControlError>((sender, receiver, config))
        });
        let (mut sender, receiver, config) = connected?;
        let config = match config {
            Ok(Some(config)) => config,
            Ok(None) => crate::logging::exit(1),
            Err(error) => {
                let failed = WorkerMessage::Failed {
                    phase: "reading of the start message".to_owned(),
                    message: error.to_string(),
                };
                // If this fails too, the exit code remains.
                let _ = runtime.block_on(sender.send(&failed));
                return Err(error);
            }
        };
        let (drained, drain) = oneshot::channel();
        let sender = Arc::new(Mutex::new(sender));
        let others = config.workers.saturating_sub(1);
        let peers = Arc::new(Peers::new(runtime.handle().clone(), Arc::clone(&sender), others));
        runtime.spawn(read_messages(receiver, drained, Arc::clone(&peers)));
        Ok((
            Link {
                runtime,
                sender,
                peers,
                drain,
            },
            config,
        ))
    }

    /// Returns the other workers.
    pub(super) fn peers(&self) -> &Arc<Peers> {
        &self.peers
    }

    /// Returns what tells the supervisor what the worker does before it is ready.
    pub(super) fn activity(&self) -> Activity {
        let (runtime, sender) = (self.runtime.handle().clone(), Arc::clone(&self.sender));
        Activity::new(move |what| {
            let message = WorkerMessage::Activity(what.map(str::to_owned));
            // It fails only when the supervisor has exited, which ends the process.
            let _ = runtime.block_on(async { sender.lock().await.send(&message).await });
        })
    }

    /// Sends a message. It fails only when the supervisor has exited, which ends the process.
    fn send(&self, message: WorkerMessage) {
        let sent = self
            .runtime
            .block_on(async { self.sender.lock().await.send(&message).await });
        if let Err(error) = sent {
            tracing::debug!("control channel: {error}");
        }
    }
}

impl Orders for Link {
    fn ready(&mut self, ready: Ready) {
        self.send(WorkerMessage::Ready(ready));
    }

    fn failed(&mut self, phase: &str, message: &str) {
        self.send(WorkerMessage::Failed {
            phase: phase.to_owned(),
            message: message.to_owned(),
        });
    }

    fn wait_for_drain(&mut self) -> Duration {
        let drain = &mut self.drain;
        // The sender is dropped without a message only when the process exits.
        self.runtime.block_on(drain).unwrap_or_default()
    }

    fn drained(&mut self, statistics: Value) {
        self.send(WorkerMessage::Statistics(statistics));
        self.send(WorkerMessage::Drained);
    }
}

/// Handles the messages of the supervisor until it exits, which ends the process.
async fn read_messages(
    mut receiver: Receiver<SupervisorMessage>,
    drained: oneshot::Sender<Duration>,
    peers: Arc<Peers>,
) {
    let mut drained = Some(drained);
    loop {
        match receiver.recv().await {
            Ok(Some(SupervisorMessage::Drain { deadline_ms })) => {
                peers.close();
                if let Some(drained) = drained.take() {
                    // The channel keeps the value while the app is loading.
                    let _ = drained.send(Duration::from_millis(deadline_ms));
                }
            }
            Ok(Some(SupervisorMessage::PeerRequest { asker, id, question })) => {
                peers.reply_to(asker, id, question);
            }
            Ok(Some(SupervisorMessage::PeerCount { id, others })) => {
                peers.deliver(id, PeerEvent::Count(others))
            }
            Ok(Some(SupervisorMessage::PeerReply { id, worker, reply })) => {
                peers.deliver(id, PeerEvent::Reply(worker, reply));
            }
            Ok(Some(SupervisorMessage::Start(_))) => {
                tracing::debug!("control channel: a second start message")
            }
            Ok(None) | Err(_) => crate::logging::exit(1),
        }
    }
}
