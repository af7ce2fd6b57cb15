//! The triggers that run in the supervisor, one for each function that they serve. Adding one adds a folder, and a line in
//! `source`.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::events::{EventCalls, EventSetup, PendingCall};
use super::{blob, queue, timer};
use crate::model::{BindingSettings, EventFunction};

/// The types of binding whose functions these triggers call, lower case.
const KINDS: [&str; 3] = ["timertrigger", "queuetrigger", "blobtrigger"];

/// Whether functions whose trigger binding has this type are called by these triggers.
pub fn serves(kind: &str) -> bool {
    KINDS.iter().any(|known| known.eq_ignore_ascii_case(kind))
}

/// The future that serves one function. It ends soon after [`EventCalls::stopping`], when the calls that it began have
/// ended.
type Source = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Returns what serves this function; `None` if no trigger does.
///
/// # Errors
/// Why it cannot be served: a message for the user.
fn source(
    function: EventFunction,
    calls: EventCalls,
    setup: &mut EventSetup,
) -> Result<Option<Source>, String> {
    Ok(match function.trigger.settings.clone() {
        BindingSettings::Timer(timer) => Some(Box::pin(timer::run(function, timer, calls, setup)?)),
        BindingSettings::QueueTrigger(queue) => Some(Box::pin(queue::run(function, &queue, calls, setup)?)),
        BindingSettings::BlobTrigger(blob) => Some(Box::pin(blob::run(function, blob, calls, setup)?)),
        _ => None,
    })
}

/// Runs the triggers of an app's functions.
#[derive(Debug)]
pub struct Sources {
    pending: mpsc::UnboundedSender<PendingCall>,
    functions: Vec<EventFunction>,
    /// Ends the triggers of `functions`.
    stop: CancellationToken,
    /// Those of `functions`, and earlier ones whose calls have not ended.
    running: JoinSet<()>,
}

impl Sources {
    /// Returns triggers that have calls made through `pending`. None runs.
    pub fn new(pending: mpsc::UnboundedSender<PendingCall>) -> Self {
        Sources {
            pending,
            functions: Vec::new(),
            stop: CancellationToken::new(),
            running: JoinSet::new(),
        }
    }

    /// Serves these functions from now on, and no others. Those that have not changed go on. Needs a tokio runtime.
    pub fn serve(&mut self, functions: Vec<EventFunction>, mut setup: EventSetup) {
        if functions == self.functions {
            return;
        }
        self.stop();
        self.stop = CancellationToken::new();
        while self.running.try_join_next().is_some() {}
        let is_timer =
            |function: &EventFunction| matches!(function.trigger.settings, BindingSettings::Timer(_));
        if functions.iter().any(is_timer) {
            timer::log_place_of_state(&mut setup);
        }
        for function in &functions {
            let calls = EventCalls::new(self.pending.clone(), self.stop.clone());
            match source(function.clone(), calls, &mut setup) {
                Ok(Some(source)) => drop(self.running.spawn(source)),
                Ok(None) => {}
                Err(error) => tracing::error!("function {:?} is not called: {error}", function.name),
            }
        }
        self.functions = functions;
    }

    /// Has all triggers end.
    pub fn stop(&mut self) {
        self.stop.cancel();
        self.functions.clear();
    }

    /// Waits until all triggers have ended, at most this long.
    pub async fn ended(&mut self, at_most: Duration) {
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(at_most, all).await.is_err() {
            tracing::warn!("triggers have not ended within {at_most:?}; their calls may be made again");
        }
    }
}
