//! The triggers that run in the supervisor: one for each function that they serve, or for several that share a queue. Adding one adds a folder, and a line in
//! `source`.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::events::{EventCalls, EventSettings, EventSetup, PendingCall};
use super::{blob, queue, timer};
use crate::model::{BindingSettings, BlobSource, BlobTrigger, EventFunction};

/// The types of binding whose functions these triggers call, lower case.
const KINDS: [&str; 3] = ["timertrigger", "queuetrigger", "blobtrigger"];

/// Whether functions whose trigger binding has this type are called by these triggers.
pub fn serves(kind: &str) -> bool {
    KINDS.iter().any(|known| known.eq_ignore_ascii_case(kind))
}

/// The future that serves functions. It ends soon after [`EventCalls::stopping`], when the calls that it began have
/// ended.
type Source = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Functions that one trigger serves: one, or several that share a queue.
type Group = Vec<EventFunction>;

/// Returns these functions in the groups in which they are served.
fn groups(functions: Vec<EventFunction>) -> Vec<Group> {
    let (shared, alone): (Group, Group) = functions
        .into_iter()
        .partition(|function| event_grid(function).is_some());
    let mut groups: Vec<Group> = alone.into_iter().map(|function| vec![function]).collect();
    if !shared.is_empty() {
        groups.push(shared);
    }
    groups
}

/// Returns the settings of a function that is called for Event Grid's events of blobs.
fn event_grid(function: &EventFunction) -> Option<&BlobTrigger> {
    match &function.trigger.settings {
        BindingSettings::BlobTrigger(blob) if blob.source == BlobSource::EventGrid => Some(blob),
        _ => None,
    }
}

/// Returns what serves these functions until `stop`; `None` if no trigger does.
///
/// # Errors
/// Why they cannot be served: a message for the user.
fn source(
    functions: Group,
    pending: &mpsc::UnboundedSender<PendingCall>,
    stop: &CancellationToken,
    setup: &mut EventSetup,
) -> Result<Option<Source>, String> {
    let calls = |function: &EventFunction| EventCalls::new(function, pending.clone(), stop.clone());
    let with_event_grid: Vec<_> = functions
        .iter()
        .filter_map(|function| Some((function.clone(), event_grid(function)?.clone(), calls(function))))
        .collect();
    if !with_event_grid.is_empty() {
        let source = blob::run_event_grid(with_event_grid, stop.clone(), setup)?;
        return Ok(Some(Box::pin(source)));
    }
    let Some(function) = functions.into_iter().next() else {
        return Ok(None);
    };
    let calls = calls(&function);
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
    served: Vec<(Group, CancellationToken)>,
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
        let groups = groups(functions);
        let goes_on = |(served, stop): &(Group, CancellationToken)| {
            let goes_on = groups.contains(served);
            if !goes_on {
                stop.cancel();
            }
            goes_on
        };
        self.served.retain(goes_on);
        while self.running.try_join_next().is_some() {}
        let is_served = |group: &Group| self.served.iter().any(|(served, _)| served == group);
        let new: Vec<_> = groups.into_iter().filter(|group| !is_served(group)).collect();
        let is_timer =
            |function: &EventFunction| matches!(function.trigger.settings, BindingSettings::Timer(_));
        if new.iter().flatten().any(is_timer) {
            timer::log_place_of_state(&mut setup);
        }
        for group in new {
            let stop = CancellationToken::new();
            match source(group.clone(), &self.pending, &stop, &mut setup) {
                Ok(Some(source)) => drop(self.running.spawn(source)),
                Ok(None) => {}
                Err(error) => {
                    for function in &group {
                        tracing::error!("function {:?} is not called: {error}", function.name);
                    }
                }
            }
            self.served.push((group, stop));
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
