//! The blob trigger: calls a function for each new version of a blob.
//!
//! Versions are noticed in one of two ways: `polling` lists the container again and again; with `"source": "EventGrid"`,
//! Event Grid calls the `webhook` of a worker, which puts messages into a queue, and `event_grid` receives them. From then on
//! both are the same (`held`). Which versions were handled is in receipts (`receipt`), which all hosts of the app share.
//!
//! A failed call is made again after a while, then a message goes to the queue `webjobs-blobtrigger-poison`. Attempts are
//! counted by the host that makes them: one that takes over counts anew.

mod event;
mod event_grid;
mod held;
mod known;
mod message;
mod polling;
mod receipt;
mod webhook;

use std::sync::Arc;

use funcdock_storage::{Connection, ConnectionError};
use tokio::sync::Semaphore;

use super::events::{EventCalls, EventSetup};
use crate::model::{BlobTrigger, EventFunction};
use held::Handler;
use receipt::Receipts;

pub(super) use event_grid::run as run_event_grid;
pub(super) use polling::run;
pub(crate) use webhook::{BlobWebhook, KEY_NAME, WebhookError, fuzz};

/// The queue of messages about blobs that cannot be handled.
const POISON_QUEUE: &str = "webjobs-blobtrigger-poison";

/// How many blobs are in work for each call that can be made: most of them wait for another attempt then.
const HELD_PER_CALL: usize = 4;

/// Returns what handles the blobs of a function.
///
/// # Errors
/// Why it cannot be served: a message for the user.
fn handler(
    function: EventFunction,
    settings: BlobTrigger,
    calls: EventCalls,
    setup: &mut EventSetup,
) -> Result<Handler, String> {
    let connection = setup
        .connections
        .get(&settings.connection)
        .map_err(|error| error.to_string())?;
    let hosts = receipt_connection(setup, &connection)?
        .container(receipt::CONTAINER)
        .map_err(|error| error.to_string())?;
    let name = settings.path.container();
    let container = connection.container(name).map_err(|error| error.to_string())?;
    let poison = connection
        .queue(POISON_QUEUE)
        .map_err(|error| error.to_string())?;
    let most = setup.settings.blobs.max_degree_of_parallelism;
    Ok(Handler {
        receipts: Receipts::new(hosts, &setup.settings.host_id, &function.name, name),
        container,
        pattern: settings.path,
        poison,
        encoding: setup.settings.queues.encoding,
        function,
        calls,
        config: setup.settings.blobs.clone(),
        slots: Arc::new(Semaphore::new(most)),
    })
}

/// Returns the account with the receipts: the default one, or the trigger's if the app has no default one.
fn receipt_connection(setup: &mut EventSetup, of_trigger: &Connection) -> Result<Connection, String> {
    match setup.connections.get("") {
        Err(ConnectionError::Missing { .. }) => Ok(of_trigger.clone()),
        found => found.map_err(|error| format!("the receipts of its blobs cannot be kept: {error}")),
    }
}
