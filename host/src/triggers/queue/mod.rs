//! The queue trigger: calls a function for each message of a queue.
//!
//! A message is held while its call runs: it is hidden from others, for a time that is renewed until the call has ended. It
//! is deleted when the call succeeded. When it failed the message becomes visible again, until it has been tried often enough
//! and goes to the poison queue. Hosts on other machines share a queue by the same rules of the service.

mod backoff;
mod held;
mod message;

use std::sync::Arc;
use std::time::Duration;

use funcdock_storage::StorageError;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::events::{EventCalls, EventSetup};
use super::outage::Outage;
use crate::app::QueuesConfig;
use crate::model::{EventFunction, QueueTrigger};
use backoff::Backoff;
use held::{HIDDEN, Handler};

/// Returns what calls this function for the messages of its queue, until `calls` stops.
///
/// # Errors
/// Why it cannot be served: a message for the user.
pub(super) fn run(
    function: EventFunction,
    settings: &QueueTrigger,
    calls: EventCalls,
    setup: &mut EventSetup,
) -> Result<impl Future<Output = ()> + Send + use<>, String> {
    let connection = setup
        .connections
        .get(&settings.connection)
        .map_err(|error| error.to_string())?;
    let open = |name: &str| connection.queue(name).map_err(|error| error.to_string());
    let poison = connection.queue(&format!("{}-poison", settings.queue));
    let poison = poison.inspect_err(|_| {
        tracing::warn!(
            "function {:?}: the name of the queue {:?} is too long for a poison queue, \"{}-poison\": messages that fail are \
             tried until they expire",
            function.name,
            settings.queue,
            settings.queue
        );
    });
    let poison = poison.ok();
    let poller = Poller {
        config: setup.settings.queues.clone(),
        outage: Outage::new(format!(
            "function {:?}: messages of the queue {:?}",
            function.name, settings.queue
        )),
        handler: Arc::new(Handler {
            queue: open(&settings.queue)?,
            poison,
            function,
            calls,
            config: setup.settings.queues.clone(),
        }),
        held: JoinSet::new(),
    };
    Ok(poller.run())
}

/// Receives the messages of a queue.
struct Poller {
    config: QueuesConfig,
    handler: Arc<Handler>,
    outage: Outage,
    /// The messages in work.
    held: JoinSet<()>,
}

impl Poller {
    async fn run(mut self) {
        let handler = Arc::clone(&self.handler);
        let mut backoff = Backoff::new(self.config.max_polling_interval);
        while !handler.calls.is_stopping() {
            while self.held.try_join_next().is_some() {}
            if self.held.len() > self.config.new_batch_threshold {
                tokio::select! {
                    // If its handling has panicked, the panic is printed, and the message becomes visible by itself.
                    _ = self.held.join_next() => {}
                    () = handler.calls.stopping() => {}
                }
                continue;
            }
            let received = tokio::select! {
                received = handler.queue.receive(self.config.batch_size, HIDDEN) => received,
                // What it is about to receive becomes visible again by itself.
                () = handler.calls.stopping() => break,
            };
            let pause = self.begin(received, &mut backoff);
            self.pause(pause).await;
        }
        while self.held.join_next().await.is_some() {}
    }

    /// Begins with the messages that were received. Returns the time until the next look into the queue.
    fn begin(
        &mut self,
        received: Result<Vec<funcdock_storage::Message>, StorageError>,
        backoff: &mut Backoff,
    ) -> Duration {
        let messages = match received {
            Ok(messages) => messages,
            // Whoever writes to it makes it.
            Err(StorageError::NotFound(_)) => Vec::new(),
            Err(error) => return self.outage.failed(&error),
        };
        self.outage.ended();
        let pause = backoff.after(messages.len());
        for message in messages {
            self.held.spawn(Arc::clone(&self.handler).handle(message));
        }
        pause
    }

    /// Waits this long, or until the trigger is to end.
    async fn pause(&mut self, time: Duration) {
        if !time.is_zero() {
            tokio::select! {
                () = sleep(time) => {}
                () = self.handler.calls.stopping() => {}
            }
        }
    }
}
