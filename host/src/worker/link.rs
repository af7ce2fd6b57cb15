//! The worker's end of the control channel, watched from a thread of its own.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, oneshot};

use super::orders::Orders;
use super::peers::{Heard, Peers};
use crate::control::{
    ControlError, Ready, Receiver, Sender, SupervisorMessage, WorkerConfig, WorkerMessage, worker_end,
};

/// The way to the supervisor. All functions block.
pub(super) struct Link {
    runtime: Runtime,
    sender: Arc<Mutex<Sender<WorkerMessage>>>,
    peers: Arc<Peers>,
    drain: oneshot::Receiver<Duration>,
}

impl Link {
    /// Connects and takes the orders. From then on the process ends when the supervisor does: nobody would
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
            Ok(None) => std::process::exit(1),
            Err(error) => {
                let failed = WorkerMessage::Failed {
                    phase: "reading of its orders".to_owned(),
                    message: error.to_string(),
                };
                // If this fails too, the exit code speaks.
                let _ = runtime.block_on(sender.send(&failed));
                return Err(error);
            }
        };
        let (drained, drain) = oneshot::channel();
        let sender = Arc::new(Mutex::new(sender));
        let peers = Arc::new(Peers::new(runtime.handle().clone(), Arc::clone(&sender)));
        runtime.spawn(watch(receiver, drained, Arc::clone(&peers)));
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

    /// The other workers.
    pub(super) fn peers(&self) -> &Arc<Peers> {
        &self.peers
    }

    /// Sends a message. Failure means that the supervisor is gone, which ends the process.
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
        // The sender is only dropped without a message when the process ends.
        self.runtime.block_on(drain).unwrap_or_default()
    }

    fn drained(&mut self, statistics: Value) {
        self.send(WorkerMessage::Statistics(statistics));
        self.send(WorkerMessage::Drained);
    }
}

async fn watch(
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
                    // Nobody waits yet while the app is loading; the value keeps.
                    let _ = drained.send(Duration::from_millis(deadline_ms));
                }
            }
            Ok(Some(SupervisorMessage::Answer { asker, id, question })) => peers.answer(asker, id, question),
            Ok(Some(SupervisorMessage::Asked { id, others })) => peers.hear(id, Heard::Asked(others)),
            Ok(Some(SupervisorMessage::Told { id, worker, reply })) => {
                peers.hear(id, Heard::Told(worker, reply));
            }
            Ok(Some(SupervisorMessage::Start(_))) => tracing::debug!("control channel: orders given twice"),
            Ok(None) | Err(_) => std::process::exit(1),
        }
    }
}
