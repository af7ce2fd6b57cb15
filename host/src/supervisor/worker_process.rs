//! One worker process: spawns it with its descriptors, exchanges messages with it, and ends it.

mod start;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::SupervisorError;
use super::dispatcher::WorkerCall;
use super::limits::Limits;
use super::worker_spec::WorkerSpec;
use crate::control::{self, Cell, ControlError, Receiver, Sender, SupervisorMessage, WorkerMessage};
use crate::extensions::ExtensionCode;
use crate::logging::Recent;
use crate::model::EventEnd;
use crate::sys::{self, CONTROL_FD, LISTENER_FD, LOADS_FD, LOGS_FD};

/// How long to read the last messages of a process that has exited: they are already in the socket.
const LAST_MESSAGES: Duration = Duration::from_millis(100);

/// How long a worker may leave a full channel unread.
const READ_GRACE: Duration = Duration::from_secs(5);

/// How long a process may run after its channel has closed.
const CLOSED_GRACE: Duration = Duration::from_secs(2);

/// A running worker. Killed on drop.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    index: u32,
    pid: u32,
    child: Child,
    sender: Sender<SupervisorMessage>,
    receiver: Receiver<WorkerMessage>,
    _busy: Busy,
    cell: Cell,
    limits: Limits,
    /// Whether the channel is open.
    open: bool,
    exited: Option<ExitStatus>,
    /// The calls that it makes for the supervisor, by their ids. They count as lost when this is dropped.
    calls: SentCalls,
    next_call: u64,
    /// What it does now, if it has said so.
    activity: Option<(ExtensionCode, Instant)>,
}

/// The calls that a worker has got, by their ids.
#[derive(Debug, Default)]
struct SentCalls(HashMap<u64, WorkerCall>);

impl Drop for SentCalls {
    /// The worker has ended: nobody knows how far the calls came.
    fn drop(&mut self) {
        for (_, WorkerCall { call, .. }) in self.0.drain() {
            // Nobody waits any more when the host ends.
            let _ = call.end.send(EventEnd::Lost);
        }
    }
}

/// Says that a worker may still log of calls, until this is dropped.
#[derive(Debug)]
struct Busy {
    cell: u32,
}

impl Busy {
    fn new(cell: u32) -> Self {
        if let Some(recent) = Recent::get() {
            recent.set_busy(cell, true);
        }
        Busy { cell }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(recent) = Recent::get() {
            recent.set_busy(self.cell, false);
        }
    }
}

/// An event of a worker.
#[derive(Debug)]
pub(super) enum WorkerEvent {
    /// It sent a message.
    Message(WorkerMessage),
    /// It closed the channel, or the channel failed with this error.
    ChannelClosed(Option<ControlError>),
    /// Its process exited.
    Exited(ExitStatus),
}

impl WorkerProcess {
    /// Starts the process, which will serve from this socket.
    pub(super) fn spawn(spec: &WorkerSpec, index: u32, listener: OwnedFd) -> Result<Self, SupervisorError> {
        let failed = |source| spec.spawn_error(index, source);
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let cell = spec.loads.give().map_err(failed)?;
        let loads = spec.loads.descriptor().map_err(failed)?;
        let logs = Recent::descriptor().map_err(failed)?;

        let mut command = spec.program.command(index);
        command
            .current_dir(&spec.config.app.root)
            .envs(
                spec.environment
                    .variables
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdin(Stdio::null());
        let descriptors = [
            (theirs.into(), CONTROL_FD),
            (listener, LISTENER_FD),
            (loads, LOADS_FD),
            (logs, LOGS_FD),
        ];
        sys::pass_descriptors(&mut command, descriptors).map_err(failed)?;
        // The command owns the worker's descriptors. It is dropped at the end of this statement: otherwise the channel
        // would not close with the worker.
        let child = Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;

        let (sender, receiver) =
            control::supervisor_end(ours).map_err(|source| SupervisorError::Control {
                worker: index,
                source,
            })?;
        // A child has a pid until it has been waited for.
        let pid = child.id().unwrap_or_default();
        tracing::debug!("worker {index} starts (pid {pid})");
        Ok(Self {
            index,
            pid,
            child,
            sender,
            receiver,
            _busy: Busy::new(cell.index()),
            cell,
            limits: spec.limits.draw(),
            open: true,
            exited: None,
            calls: SentCalls::default(),
            next_call: 0,
            activity: None,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns its own limits.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Waits for the next event. After `ChannelClosed` only `Exited` follows; after that, `Exited` again. Cancel-safe.
    pub(super) async fn next_event(&mut self) -> WorkerEvent {
        loop {
            match self.any_event().await {
                WorkerEvent::Message(WorkerMessage::CallEnded { id, end }) => {
                    if let Some(WorkerCall { call, .. }) = self.calls.0.remove(&id) {
                        // Nobody waits any more when the host ends.
                        let _ = call.end.send(end);
                    }
                }
                event => return event,
            }
        }
    }

    async fn any_event(&mut self) -> WorkerEvent {
        if self.exited.is_none() {
            tokio::select! {
                biased;
                received = self.receiver.recv(), if self.open => return self.event(received),
                status = self.child.wait() => self.exited = Some(status.unwrap_or_else(|error| {
                    // Waiting for our own child should not fail. If it does, the child counts as failed.
                    tracing::error!("cannot wait for worker {} (pid {}): {error}", self.index, self.pid);
                    sys::failed_exit()
                })),
            }
        }
        if self.open
            && let Ok(received) = timeout(LAST_MESSAGES, self.receiver.recv()).await
        {
            return self.event(received);
        }
        WorkerEvent::Exited(self.exited.unwrap_or_default())
    }

    fn event(&mut self, received: Result<Option<WorkerMessage>, ControlError>) -> WorkerEvent {
        match received {
            Ok(Some(message)) => WorkerEvent::Message(message),
            Ok(None) => {
                self.open = false;
                WorkerEvent::ChannelClosed(None)
            }
            Err(error) => {
                self.open = false;
                WorkerEvent::ChannelClosed(Some(error))
            }
        }
    }

    /// Returns the error for a closed channel: how the process exited if it exits now, else why the channel closed.
    pub(super) async fn channel_error(
        &mut self,
        error: Option<ControlError>,
        ready: bool,
    ) -> SupervisorError {
        let worker = self.index;
        match (error, timeout(CLOSED_GRACE, self.next_event()).await) {
            (None, Ok(WorkerEvent::Exited(status))) => self.exit_error(status, ready),
            (None, _) => SupervisorError::Protocol {
                worker,
                problem: "it closed its control channel",
            },
            (Some(source), _) => SupervisorError::Control { worker, source },
        }
    }

    /// Returns the error for a worker that does not answer.
    pub(super) fn silent_error(&self, silent_for: Duration) -> SupervisorError {
        SupervisorError::Silent {
            worker: self.index,
            pid: self.pid,
            silent_for,
        }
    }

    /// Returns the error for a process that has exited.
    pub(super) fn exit_error(&self, status: ExitStatus, ready: bool) -> SupervisorError {
        SupervisorError::WorkerDied {
            worker: self.index,
            pid: self.pid,
            status,
            ready,
            activity: self.activity.as_ref().map(|(code, _)| code.clone()),
        }
    }

    /// Asks the worker to drain within `time`.
    pub(super) async fn drain(&mut self, time: Duration) {
        let deadline_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.send(&SupervisorMessage::Drain { deadline_ms }).await;
    }

    /// Sends the worker a message of another one. Fails if the worker does not read its channel; it must then be
    /// killed.
    pub(super) async fn pass_on(&mut self, message: &SupervisorMessage) -> Result<(), SupervisorError> {
        let worker = self.index;
        let sent = timeout(READ_GRACE, self.send(message)).await;
        sent.map_err(|_| SupervisorError::Protocol {
            worker,
            problem: "it does not read its control channel",
        })
    }

    /// Has the worker make this call. Fails like [`pass_on`](Self::pass_on).
    pub(super) async fn call(&mut self, mut call: WorkerCall) -> Result<(), SupervisorError> {
        let id = self.next_call;
        self.next_call += 1;
        let message = SupervisorMessage::Call {
            id,
            event: std::mem::take(&mut call.call.event),
        };
        self.calls.0.insert(id, call);
        self.pass_on(&message).await
    }

    /// Sends the worker a message. Ignores an error: the worker is exiting, or is killed at its deadline. Not
    /// cancel-safe.
    async fn send(&mut self, message: &SupervisorMessage) {
        if let Err(error) = self.sender.send(message).await {
            let (index, pid) = (self.index, self.pid);
            tracing::debug!("cannot send a message to worker {index} (pid {pid}): {error}");
        }
    }

    /// Asks a worker without calls in flight to exit: SIGTERM.
    pub(super) fn terminate(&self) {
        // Without an id it has been waited for, and another process may have its number.
        if let Some(pid) = self.child.id()
            && let Err(error) = sys::terminate(pid)
        {
            tracing::debug!(
                "cannot send SIGTERM to worker {} (pid {pid}): {error}",
                self.index
            );
        }
    }

    /// Kills the worker: SIGKILL.
    pub(super) async fn kill(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::debug!("cannot kill worker {} (pid {}): {error}", self.index, self.pid);
        }
    }
}
