//! One worker process: spawned with its two descriptors, talked to, and ended.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::SupervisorError;
use super::environment::Environment;
use crate::control::{
    self, ControlError, Ready, Receiver, Sender, SupervisorMessage, WorkerConfig, WorkerMessage,
};
use crate::launch::python;
use crate::sys::{self, CONTROL_FD, LISTENER_FD};

/// How long to look for the last words of a process that has ended: they are in the socket already.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How long a worker may leave its end of the channel unread once that is full.
const READ_GRACE: Duration = Duration::from_secs(5);

/// How long a process may live on without its channel: it is on its way out, or out of reach.
const LOST_GRACE: Duration = Duration::from_secs(2);

/// How to make workers; the same for all of them.
#[derive(Debug)]
pub(super) struct Recipe {
    /// The interpreter, absolute.
    pub(super) python: PathBuf,
    /// The Python module, absolute.
    pub(super) module: PathBuf,
    /// What to add to our environment.
    pub(super) environment: Environment,
    /// What each is told, but for its `index`.
    pub(super) config: WorkerConfig,
    /// How long one may take until it is ready.
    pub(super) start_timeout: Duration,
}

/// A worker that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    index: u32,
    pid: u32,
    child: Child,
    sender: Sender<SupervisorMessage>,
    receiver: Receiver<WorkerMessage>,
    /// Whether there may be more to receive.
    open: bool,
    ended: Option<ExitStatus>,
}

/// What a worker did.
#[derive(Debug)]
pub(super) enum Happening {
    /// It sent a message.
    Said(WorkerMessage),
    /// It closed the channel (`None`), or broke it.
    Lost(Option<ControlError>),
    /// Its process ended.
    Ended(ExitStatus),
}

impl WorkerProcess {
    /// Starts the process; it serves from `listener` once it has been told what.
    pub(super) fn spawn(recipe: &Recipe, index: u32, listener: TcpListener) -> Result<Self, SupervisorError> {
        let failed = |source| SupervisorError::Spawn {
            worker: index,
            python: recipe.python.clone(),
            source,
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;

        let mut command = python::command(&recipe.python, &recipe.module);
        command
            .current_dir(&recipe.config.app.root)
            .envs(
                recipe
                    .environment
                    .variables
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdin(Stdio::null());
        let descriptors = [(theirs.into(), CONTROL_FD), (listener.into(), LISTENER_FD)];
        sys::pass_descriptors(&mut command, descriptors).map_err(failed)?;
        // The command holds the worker's descriptors. It goes at the end of this statement: as long as it
        // lived, the end of the channel would not show.
        let child = Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;

        let (sender, receiver) =
            control::supervisor_end(ours).map_err(|source| SupervisorError::Control {
                worker: index,
                source,
            })?;
        // There is a pid until the child has been waited for.
        let pid = child.id().unwrap_or_default();
        tracing::debug!("worker {index} starts (pid {pid})");
        Ok(Self {
            index,
            pid,
            child,
            sender,
            receiver,
            open: true,
            ended: None,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Tells the worker what to run and waits until it is ready.
    pub(super) async fn start(&mut self, recipe: &Recipe) -> Result<Ready, SupervisorError> {
        let worker = self.index;
        let config = Box::new(WorkerConfig {
            index: worker,
            ..recipe.config.clone()
        });
        let started = timeout(recipe.start_timeout, async {
            match self.sender.send(&SupervisorMessage::Start(config)).await {
                // It is gone already: how it went shows below.
                Ok(()) | Err(ControlError::Io(_)) => {}
                Err(source) => return Err(SupervisorError::Control { worker, source }),
            }
            match self.next().await {
                Happening::Said(WorkerMessage::Ready(ready)) => Ok(ready),
                Happening::Said(WorkerMessage::Failed { phase, message }) => {
                    Err(SupervisorError::WorkerStart {
                        worker,
                        phase,
                        message,
                    })
                }
                Happening::Said(_) => Err(SupervisorError::Misbehaved {
                    worker,
                    problem: "it spoke before it was ready",
                }),
                Happening::Lost(error) => Err(self.lost(error, false).await),
                Happening::Ended(status) => Err(self.died(status, false)),
            }
        });
        match started.await {
            Ok(result) => result,
            Err(_) => Err(SupervisorError::StartDeadline {
                worker,
                after: recipe.start_timeout,
            }),
        }
    }

    /// What the worker does next. Cancel-safe. After `Lost` there is only `Ended` to come, and then nothing.
    pub(super) async fn next(&mut self) -> Happening {
        if self.ended.is_none() {
            tokio::select! {
                biased;
                said = self.receiver.recv(), if self.open => return self.happening(said),
                status = self.child.wait() => self.ended = Some(status.unwrap_or_else(|error| {
                    // Waiting for a child of our own does not fail; if it does, the child is no success.
                    tracing::error!("cannot wait for worker {} (pid {}): {error}", self.index, self.pid);
                    sys::failed_exit()
                })),
            }
        }
        if self.open
            && let Ok(said) = timeout(LAST_WORDS, self.receiver.recv()).await
        {
            return self.happening(said);
        }
        Happening::Ended(self.ended.unwrap_or_default())
    }

    fn happening(&mut self, said: Result<Option<WorkerMessage>, ControlError>) -> Happening {
        match said {
            Ok(Some(message)) => Happening::Said(message),
            Ok(None) => {
                self.open = false;
                Happening::Lost(None)
            }
            Err(error) => {
                self.open = false;
                Happening::Lost(Some(error))
            }
        }
    }

    /// The error for a channel that was lost: how the process ended if it does so now, else what it did.
    pub(super) async fn lost(&mut self, error: Option<ControlError>, ready: bool) -> SupervisorError {
        let worker = self.index;
        match (error, timeout(LOST_GRACE, self.next()).await) {
            (None, Ok(Happening::Ended(status))) => self.died(status, ready),
            (None, _) => SupervisorError::Misbehaved {
                worker,
                problem: "it closed its control channel",
            },
            (Some(source), _) => SupervisorError::Control { worker, source },
        }
    }

    pub(super) fn died(&self, status: ExitStatus, ready: bool) -> SupervisorError {
        SupervisorError::WorkerDied {
            worker: self.index,
            pid: self.pid,
            status,
            ready,
        }
    }

    /// Asks the worker to finish within `time`.
    pub(super) async fn drain(&mut self, time: Duration) {
        let deadline_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.tell(&SupervisorMessage::Drain { deadline_ms }).await;
    }

    /// Sends the worker what another one has to say. An error is its end: it has not read for long what it was sent.
    pub(super) async fn pass_on(&mut self, message: &SupervisorMessage) -> Result<(), SupervisorError> {
        let worker = self.index;
        let sent = timeout(READ_GRACE, self.tell(message)).await;
        sent.map_err(|_| SupervisorError::Misbehaved {
            worker,
            problem: "it does not read its control channel",
        })
    }

    /// Sends the worker a message. One that cannot be told is ending, or is killed when its time is up. Not
    /// cancel-safe.
    async fn tell(&mut self, message: &SupervisorMessage) {
        if let Err(error) = self.sender.send(message).await {
            let (index, pid) = (self.index, self.pid);
            tracing::debug!("worker {index} (pid {pid}) cannot be told anything: {error}");
        }
    }

    /// Asks a worker that has nothing in flight to end: SIGTERM.
    pub(super) fn terminate(&self) {
        // No id: it has ended and been waited for, so its number may be another process's by now.
        if let Some(pid) = self.child.id()
            && let Err(error) = sys::terminate(pid)
        {
            tracing::debug!(
                "worker {} (pid {pid}) cannot be sent SIGTERM: {error}",
                self.index
            );
        }
    }

    /// Ends the worker now: SIGKILL.
    pub(super) async fn kill(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::debug!(
                "worker {} (pid {}) cannot be killed: {error}",
                self.index,
                self.pid
            );
        }
    }
}
