//! The queue trigger: calls a function for each message of a queue.
//!
//! A message is deleted when the call succeeded. When it failed the message becomes visible again, until it has been tried
//! often enough and goes to the poison queue. How messages are received and held is in `messages`.

mod message;

use std::time::Duration;

use funcdock_storage::{Message, Queue};

use super::events::{CallsEnd, EventCalls, EventSetup};
use super::messages::{HIDDEN, MessageHandler, Next, Pace, Poller};
use crate::app::QueuesConfig;
use crate::model::{EventFunction, QueueTrigger};
use message::event;

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
    let config = setup.settings.queues.clone();
    let pace = Pace {
        batch_size: config.batch_size,
        new_batch_threshold: config.new_batch_threshold,
        longest_pause: config.max_polling_interval,
    };
    let owner = format!("function {:?}", function.name);
    let stop = calls.stop();
    let handler = Handler {
        poison: poison.ok(),
        function,
        calls,
        config,
    };
    Ok(Poller::new(open(&settings.queue)?, owner, handler, pace, stop).run())
}

/// Calls a function for messages.
struct Handler {
    /// `None` if its name would be too long.
    poison: Option<Queue>,
    function: EventFunction,
    calls: EventCalls,
    config: QueuesConfig,
}

impl MessageHandler for Handler {
    async fn handle(&self, message: &Message) -> Next {
        let most = self.config.max_dequeue_count;
        // Others have tried it, or it came back after hosts were killed.
        if message.dequeue_count > most && self.poison.is_some() {
            return self.poison(format!("it has been tried {most} times"));
        }
        let event = match event(&self.function.name, message, self.config.encoding) {
            Ok(event) => event,
            Err(error) => return self.poison(error.to_string()),
        };
        match self.calls.make(&self.function, event, most).await {
            CallsEnd::Succeeded => Next::Delete,
            CallsEnd::Interrupted => Next::Release(Duration::ZERO),
            CallsEnd::WorkersEnded(times) => {
                self.poison(format!("the worker ended in each of {times} calls"))
            }
            CallsEnd::Failed if message.dequeue_count >= most => {
                self.poison(format!("attempt {} of {most} has failed", message.dequeue_count))
            }
            CallsEnd::Failed => Next::Release(self.config.visibility_timeout),
        }
    }
}

impl Handler {
    /// Returns that the message is not tried again, for this reason. Without a poison queue it is, after a while.
    fn poison(&self, reason: String) -> Next {
        match &self.poison {
            Some(queue) => Next::Poison(queue.clone(), reason),
            None => Next::Release(self.config.visibility_timeout.max(HIDDEN)),
        }
    }
}
