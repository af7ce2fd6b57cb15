//! The worker's end of the control channel, read by its own thread.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::events::Events;
use super::orders::Orders;
use super::peers::{PeerEvent, Peers};
use super::service::Pulse;
use crate::control::{
    ControlError, Ready, Receiver, Sender, SupervisorMessage, WorkerConfig, WorkerMessage, worker_end,
};
use crate::extensions::Activity;
use crate::model::Event;
use crate::triggers::Trigger;
use crate::triggers::http::Handover;

/// The connection to the supervisor. All functions block.
pub(super) struct Link {
    runtime: Runtime,
    sender: Arc<Mutex<Sender<WorkerMessage>>>,
    peers: Arc<Peers>,
    drain: oneshot::Receiver<Duration>,
    /// Cancelled when the worker may take requests.
    serve: CancellationToken,
    /// Set when calls are served.
    pulse: Arc<OnceLock<Pulse>>,
    explain: Arc<OnceLock<Explain>>,
    events: Option<mpsc::UnboundedReceiver<(u64, Event)>>,
}

/// Tells what the threads of the worker's language do.
pub(super) type Explain = Box<dyn Fn() -> String + Send + Sync>;

impl Link {
    /// Connects and receives the configuration. From then on the process ends soon after the supervisor does.
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
        let peers = Arc::new(Peers::new(
            runtime.handle().clone(),
            Arc::clone(&sender),
            config.workers > 1,
        ));
        let (events, waiting_events) = mpsc::unbounded_channel();
        let (pulse, explain, serve) = (Arc::default(), Arc::default(), CancellationToken::new());
        let reader = Reader {
            sender: Arc::clone(&sender),
            drained: Some(drained),
            serve: serve.clone(),
            peers: Arc::clone(&peers),
            pulse: Arc::clone(&pulse),
            explain: Arc::clone(&explain),
            events,
        };
        runtime.spawn(reader.read(receiver));
        Ok((
            Link {
                runtime,
                sender,
                peers,
                drain,
                serve,
                pulse,
                explain,
                events: Some(waiting_events),
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
        let (control, sender) = (self.runtime.handle().clone(), Arc::clone(&self.sender));
        Activity::new(move |code| {
            let message = WorkerMessage::Activity(code);
            control.block_on(send(Arc::clone(&sender), message));
        })
    }

    /// Returns the handover from the worker that this one replaces, and to the one that replaces it.
    pub(super) fn handover(&self) -> Handover {
        let (control, sender) = (self.runtime.handle().clone(), Arc::clone(&self.sender));
        Handover {
            begins: self.serve.clone(),
            ended: Box::new(move || drop(control.spawn(send(sender, WorkerMessage::Closed)))),
        }
    }

    fn send(&self, message: WorkerMessage) {
        self.runtime.block_on(send(Arc::clone(&self.sender), message));
    }
}

impl Orders for Link {
    fn ready(&mut self, ready: Ready, pulse: Pulse) {
        // It is ready once.
        let _ = self.pulse.set(pulse);
        self.send(WorkerMessage::Ready(ready));
    }

    fn can_explain(&self, explain: Explain) {
        // There is one language.
        let _ = self.explain.set(explain);
    }

    fn unhealthy(&self) -> Box<dyn Fn(&str) + Send + Sync> {
        let (control, sender) = (self.runtime.handle().clone(), Arc::clone(&self.sender));
        Box::new(move |reason| {
            control.spawn(send(
                Arc::clone(&sender),
                WorkerMessage::Unhealthy(reason.to_owned()),
            ));
        })
    }

    fn request_limit_reached(&self) -> Box<dyn Fn() + Send + Sync> {
        let (control, sender) = (self.runtime.handle().clone(), Arc::clone(&self.sender));
        Box::new(move || drop(control.spawn(send(Arc::clone(&sender), WorkerMessage::RequestLimitReached))))
    }

    fn trigger(&mut self) -> Option<Box<dyn Trigger>> {
        let receiver = self.events.take()?;
        let sender = Arc::clone(&self.sender);
        let events = Events::new(receiver, move |id, end| {
            Box::pin(send(Arc::clone(&sender), WorkerMessage::CallEnded { id, end }))
        });
        Some(Box::new(events))
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

/// Sends a message. It fails only when the supervisor has exited, which ends the process.
async fn send(sender: Arc<Mutex<Sender<WorkerMessage>>>, message: WorkerMessage) {
    if let Err(error) = sender.lock().await.send(&message).await {
        tracing::debug!("control channel: {error}");
    }
}

/// The time for calls to finish when the supervisor has exited: nobody could restart or stop the worker any more.
const ORPHAN_DRAIN: Duration = Duration::from_secs(2);

/// How long a worker without a supervisor may take to end by itself.
const ORPHAN_GRACE: Duration = Duration::from_secs(5);

/// Ends the process: by itself, as at any other stop, or else after a time.
fn end_without_supervisor(drained: Option<oneshot::Sender<Duration>>) {
    let exit = || crate::logging::exit(1);
    let timer = std::thread::Builder::new().name("orphan".to_owned());
    let started = timer.spawn(move || {
        std::thread::sleep(ORPHAN_GRACE);
        exit()
    });
    if started.is_err() {
        exit();
    }
    if let Some(drained) = drained {
        // The channel keeps the value while the app is loading.
        let _ = drained.send(ORPHAN_DRAIN);
    }
}

/// Reads what the supervisor sends.
struct Reader {
    sender: Arc<Mutex<Sender<WorkerMessage>>>,
    drained: Option<oneshot::Sender<Duration>>,
    serve: CancellationToken,
    peers: Arc<Peers>,
    pulse: Arc<OnceLock<Pulse>>,
    explain: Arc<OnceLock<Explain>>,
    events: mpsc::UnboundedSender<(u64, Event)>,
}

impl Reader {
    /// Handles the messages of the supervisor until it exits.
    async fn read(mut self, mut receiver: Receiver<SupervisorMessage>) {
        loop {
            match receiver.recv().await {
                Ok(Some(message)) => self.handle(message),
                Ok(None) | Err(_) => {
                    self.peers.close();
                    return end_without_supervisor(self.drained);
                }
            }
        }
    }

    fn handle(&mut self, message: SupervisorMessage) {
        match message {
            SupervisorMessage::Serve => self.serve.cancel(),
            SupervisorMessage::Drain { deadline_ms } => {
                self.peers.close();
                if let Some(drained) = self.drained.take() {
                    // The channel keeps the value while the app is loading.
                    let _ = drained.send(Duration::from_millis(deadline_ms));
                }
            }
            // Fails only when the worker has ended its calls.
            SupervisorMessage::Call { id, event } => drop(self.events.send((id, event))),
            SupervisorMessage::Explain => {
                if let Some(explain) = self.explain.get() {
                    let explanation = WorkerMessage::Explanation(explain());
                    tokio::spawn(send(Arc::clone(&self.sender), explanation));
                }
            }
            SupervisorMessage::Ping => {
                if let Some(pulse) = self.pulse.get().cloned() {
                    let sender = Arc::clone(&self.sender);
                    tokio::spawn(async move {
                        if pulse.beat().await {
                            send(sender, WorkerMessage::Pong).await;
                        }
                    });
                }
            }
            SupervisorMessage::PeerRequest { asker, id, question } => {
                self.peers.reply_to(asker, id, question);
            }
            SupervisorMessage::PeerCount { id, others } => {
                self.peers.deliver(id, PeerEvent::Count(others));
            }
            SupervisorMessage::PeerReply { id, worker, reply } => {
                self.peers.deliver(id, PeerEvent::Reply(worker, reply));
            }
            SupervisorMessage::Start(_) => tracing::debug!("control channel: a second start message"),
        }
    }
}
