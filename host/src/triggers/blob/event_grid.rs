//! Calls functions for the events that Event Grid has sent to the webhook, from the queue in which they wait. All functions of
//! the app with such a trigger share the queue.
//!
//! An event says that a blob was written. Its version is handled unless its receipt says that it was. If the blob has another
//! version by now, that one is handled instead: the event of that one finds it done, and a change of metadata alone, for which
//! there is no event, does not make the blob one that is never handled.
//!
//! A message is held until the calls for its blob have ended. So messages need no counting of attempts, and nothing is lost
//! with a host: its messages become visible to others.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use funcdock_storage::{Message, Queue};
use tokio_util::sync::CancellationToken;

use super::held::{Ended, Handler};
use super::message::BlobMessage;
use super::receipt::function_id;
use super::{HELD_PER_CALL, POISON_QUEUE, webhook};
use crate::model::{BlobTrigger, EventFunction};
use crate::triggers::events::{EventCalls, EventSetup};
use crate::triggers::messages::{MessageHandler, Next, Pace, Poller};
use crate::triggers::outage::Outage;

/// The most messages that the service hands out at once.
const LARGEST_BATCH: usize = 32;

/// The longest time between two looks into the queue: whoever uses Event Grid wants to be called soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The time until a message is looked at again whose blob another message has in work, here or on another host.
const WHILE_IN_WORK: Duration = Duration::from_secs(10);

/// The same for a message for a function that this host does not have: another one may, or this one after a reload.
const WHILE_UNKNOWN: Duration = Duration::from_secs(60);

/// How often a blob may be replaced while its version is looked at, before the message waits for a while.
const REPLACEMENTS: usize = 5;

/// For whom the messages are, as the log names them.
const OWNER: &str = "blob triggers with Event Grid";

/// Returns what calls these functions for the events of their blobs, until `stop`. Those that cannot be served are logged.
///
/// # Errors
/// Why none can be served: a message for the user.
pub(in crate::triggers) fn run(
    functions: Vec<(EventFunction, BlobTrigger, EventCalls)>,
    stop: CancellationToken,
    setup: &mut EventSetup,
) -> Result<impl Future<Output = ()> + Send + use<>, String> {
    let connection = setup.connections.get("").map_err(|error| {
        format!(
            "its events wait in a queue of the default storage account (\"source\": \"EventGrid\"): {error}"
        )
    })?;
    let open = |name: &str| connection.queue(name).map_err(|error| error.to_string());
    let queue = open(&webhook::queue_name(&setup.settings.host_id))?;
    let poison = open(POISON_QUEUE)?;
    let mut handlers = HashMap::new();
    for (function, settings, calls) in functions {
        let name = function.name.clone();
        match super::handler(function, settings, calls, setup) {
            Ok(handler) => {
                tracing::info!(
                    "function {name:?}: its webhook for Event Grid is {}",
                    webhook::path(&name)
                );
                handlers.insert(function_id(&name).to_ascii_lowercase(), Arc::new(handler));
            }
            Err(error) => tracing::error!("function {name:?} is not called: {error}"),
        }
    }
    let most = setup.settings.blobs.max_degree_of_parallelism;
    let pace = Pace {
        batch_size: most.clamp(1, LARGEST_BATCH),
        new_batch_threshold: most.saturating_mul(HELD_PER_CALL),
        longest_pause: LONGEST_PAUSE.min(setup.settings.queues.max_polling_interval),
    };
    let has_any = !handlers.is_empty();
    let handler = Events {
        handlers,
        poison,
        outage: Mutex::new(Outage::with_verb(format!("{OWNER}: blobs"), "handled")),
        unknown: Mutex::default(),
        stop: stop.clone(),
    };
    let poller = Poller::new(queue, OWNER.to_owned(), handler, pace, stop);
    Ok(async move {
        // Otherwise, it would only keep messages from other hosts.
        if has_any {
            poller.run().await;
        }
    })
}

/// Handles the messages about blobs that were written.
struct Events {
    /// By the ids of the functions, lower case.
    handlers: HashMap<String, Arc<Handler>>,
    poison: Queue,
    outage: Mutex<Outage>,
    /// The ids for which there is no function, as they were logged.
    unknown: Mutex<HashSet<String>>,
    stop: CancellationToken,
}

impl MessageHandler for Events {
    async fn handle(&self, message: &Message) -> Next {
        let blob = match BlobMessage::parse(&message.text) {
            Ok(blob) => blob,
            Err(error) => return Next::Poison(self.poison.clone(), error.to_string()),
        };
        let Some(handler) = self.handlers.get(&blob.function_id.to_ascii_lowercase()) else {
            self.log_unknown(&blob.function_id);
            return Next::Release(WHILE_UNKNOWN);
        };
        let mut version = blob.version();
        if blob.container_name != handler.container.name() || !handler.is_wanted(&version.name) {
            tracing::debug!(
                "function {:?} is not called for the blob \"{}/{}\": its path does not match it any more",
                handler.function.name,
                blob.container_name,
                version.name
            );
            return Next::Delete;
        }
        for _ in 0..REPLACEMENTS {
            let slot = tokio::select! {
                slot = Arc::clone(&handler.slots).acquire_owned() => slot,
                () = self.stop.cancelled() => return Next::Release(Duration::ZERO),
            };
            // Nobody closes it.
            let Ok(slot) = slot else {
                return Next::Release(Duration::ZERO);
            };
            let ended = Arc::clone(handler).handle(version.clone(), slot).await;
            if let Ended::Unavailable(error) = &ended {
                return Next::Release(self.outage().failed(error));
            }
            self.outage().ended();
            match ended {
                Ended::Done => return Next::Delete,
                Ended::Replaced(etag) => version.etag = etag,
                Ended::Left if self.stop.is_cancelled() => return Next::Release(Duration::ZERO),
                Ended::Left | Ended::Unavailable(_) => return Next::Release(WHILE_IN_WORK),
                Ended::Refused(error) => return Next::Poison(self.poison.clone(), error.to_string()),
            }
        }
        Next::Release(WHILE_IN_WORK)
    }
}

impl Events {
    fn outage(&self) -> std::sync::MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says, once, that messages for a function stay in the queue.
    fn log_unknown(&self, id: &str) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.insert(id.to_owned()) {
            tracing::warn!(
                "{OWNER}: messages for {id:?} stay in the queue, as no function with such a trigger has this id here, or it \
                 could not be loaded"
            );
        }
    }
}
