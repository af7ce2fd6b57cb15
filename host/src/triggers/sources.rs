//! The triggers that run in the supervisor, one for each function that they serve. Adding one adds a folder, and a line in
//! `source`.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::events::{EventCalls, EventSettings, EventSetup, PendingCall};
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
    /// The functions that are served, and what ends the trigger of each.
    served: Vec<(EventFunction, CancellationToken)>,
    /// With what they are served.
    settings: Option<EventSettings>,
    /// Their triggers, and earlier ones whose calls have not ended.
    running: JoinSet<()>,
}

impl Sources {
    /// Returns triggers that have calls made through `pending`. None runs.
    pub fn new(pending: mpsc::UnboundedSender<PendingCall>) -> Self {
        Sources {
            pending,
            served: Vec::new(),
            settings: None,
            running: JoinSet::new(),
        }
    }

    /// Serves these functions from now on, and no others. Those that have not changed go on, unless the settings have. Needs a
    /// tokio runtime.
    pub fn serve(&mut self, functions: Vec<EventFunction>, mut setup: EventSetup) {
        if self.settings.as_ref() != Some(&setup.settings) {
            self.stop();
        }
        self.settings = Some(setup.settings.clone());
        let goes_on = |(served, stop): &(EventFunction, CancellationToken)| {
            let goes_on = functions.contains(served);
            if !goes_on {
                stop.cancel();
            }
            goes_on
        };
        self.served.retain(goes_on);
        while self.running.try_join_next().is_some() {}
        let is_served = |function: &EventFunction| self.served.iter().any(|(served, _)| served == function);
        let new: Vec<_> = functions
            .into_iter()
            .filter(|function| !is_served(function))
            .collect();
        let is_timer =
            |function: &EventFunction| matches!(function.trigger.settings, BindingSettings::Timer(_));
        if new.iter().any(is_timer) {
            timer::log_place_of_state(&mut setup);
        }
        for function in new {
            let stop = CancellationToken::new();
            let calls = EventCalls::new(&function, self.pending.clone(), stop.clone());
            match source(function.clone(), calls, &mut setup) {
                Ok(Some(source)) => drop(self.running.spawn(source)),
                Ok(None) => {}
                Err(error) => tracing::error!("function {:?} is not called: {error}", function.name),
            }
            self.served.push((function, stop));
        }
    }

    /// Has all triggers end.
    pub fn stop(&mut self) {
        for (_, stop) in self.served.drain(..) {
            stop.cancel();
        }
    }

    /// Waits until all triggers have ended, at most this long.
    pub async fn ended(&mut self, at_most: Duration) {
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(at_most, all).await.is_err() {
            tracing::warn!("triggers have not ended within {at_most:?}; their calls may be made again");
        }
    }
}
