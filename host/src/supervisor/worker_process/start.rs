//! The start of a worker: from its configuration until it is ready, or says why it is not.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{CLOSED_GRACE, WorkerEvent, WorkerProcess};
use crate::control::{ControlError, Ready, SupervisorMessage, WorkerConfig, WorkerMessage};
use crate::supervisor::SupervisorError;
use crate::supervisor::worker_spec::WorkerSpec;

/// How long a worker has to tell what it does.
const EXPLANATION: Duration = Duration::from_secs(1);

impl WorkerProcess {
    /// Sends the worker its configuration and waits until it is ready. `restarts` is how often one of its index was started
    /// before. It does not start if one of the functions in `must_load` cannot be loaded.
    pub(in crate::supervisor) async fn start(
        &mut self,
        spec: &WorkerSpec,
        restarts: u32,
        must_load: BTreeSet<String>,
    ) -> Result<Ready, SupervisorError> {
        let worker = self.index;
        let config = Box::new(WorkerConfig {
            index: worker,
            restarts,
            must_load,
            load_cell: self.cell.index(),
            max_requests: self.limits.requests,
            ..spec.config.clone()
        });
        let started = timeout(spec.start_timeout, async {
            match self.sender.send(&SupervisorMessage::Start(config)).await {
                // It has exited already: the next event says how.
                Ok(()) | Err(ControlError::Io(_)) => {}
                Err(source) => return Err(SupervisorError::Control { worker, source }),
            }
            let event = loop {
                match self.next_event().await {
                    WorkerEvent::Message(WorkerMessage::Activity(code)) => {
                        self.activity = code.map(|code| (code, Instant::now()));
                    }
                    event => break event,
                }
            };
            match event {
                WorkerEvent::Message(WorkerMessage::Ready(ready)) => Ok(ready),
                WorkerEvent::Message(WorkerMessage::Failed { phase, message }) => {
                    // Its `atexit` handlers run. Killed after this time, when it is dropped.
                    let _ = timeout(CLOSED_GRACE, self.child.wait()).await;
                    Err(SupervisorError::WorkerStart {
                        worker,
                        phase,
                        message,
                    })
                }
                WorkerEvent::Message(_) => Err(SupervisorError::Protocol {
                    worker,
                    problem: "it sent another message before it was ready",
                }),
                WorkerEvent::ChannelClosed(error) => Err(self.channel_error(error, false).await),
                WorkerEvent::Exited(status) => Err(self.exit_error(status, false)),
            }
        });
        match started.await {
            Ok(result) => result,
            Err(_) => Err(match self.activity.take() {
                Some((code, since)) => SupervisorError::ExtensionDeadline {
                    worker,
                    after: spec.start_timeout,
                    took: since.elapsed(),
                    code,
                },
                None => SupervisorError::StartDeadline {
                    worker,
                    after: spec.start_timeout,
                    doing: self.ask_what_it_does().await,
                },
            }),
        }
    }

    /// Asks a worker that does not become ready what it does; `None` if it cannot tell.
    async fn ask_what_it_does(&mut self) -> Option<String> {
        self.send(&SupervisorMessage::Explain).await;
        let answer = timeout(EXPLANATION, async {
            loop {
                match self.next_event().await {
                    WorkerEvent::Message(WorkerMessage::Explanation(doing)) => return Some(doing),
                    WorkerEvent::Message(_) => {}
                    WorkerEvent::ChannelClosed(_) | WorkerEvent::Exited(_) => return None,
                }
            }
        });
        answer.await.ok().flatten()
    }
}
