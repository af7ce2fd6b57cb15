//! A message in work: from when it is received until it is deleted, given back, or in the poison queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use funcdock_storage::{Message, Queue, StorageError};
use tokio::time::sleep;

use super::message::event;
use crate::app::QueuesConfig;
use crate::model::EventFunction;
use crate::triggers::events::{CallsEnd, EventCalls};

/// For how long messages are hidden from others. Another host gets those of a host that was killed after this time.
pub(super) const HIDDEN: Duration = Duration::from_secs(60);

/// How often the time is renewed: early enough for another attempt.
const RENEWAL: Duration = Duration::from_secs(25);

/// The time between two attempts to let a message go.
const PAUSE: Duration = Duration::from_secs(1);

/// Handles the messages of a queue.
pub(super) struct Handler {
    pub(super) queue: Queue,
    /// `None` if its name would be too long.
    pub(super) poison: Option<Queue>,
    pub(super) function: EventFunction,
    pub(super) calls: EventCalls,
    pub(super) config: QueuesConfig,
}

/// What becomes of a message.
enum Next {
    Delete,
    /// Visible again after this time.
    Release(Duration),
    /// Into the poison queue, for this reason.
    Poison(String),
}

impl Handler {
    /// Calls the function for this message, and lets it go.
    pub(super) async fn handle(self: Arc<Self>, message: Message) {
        let mut receipt = message.pop_receipt.clone();
        let mut call = std::pin::pin!(self.call(&message));
        let next = loop {
            tokio::select! {
                next = &mut call => break next,
                // A renewal runs to its end, even if the call ends meanwhile: it changes the receipt.
                () = sleep(RENEWAL) => self.keep_hidden(&message, &mut receipt).await,
            }
        };
        let visible_again = Instant::now() + HIDDEN.saturating_sub(RENEWAL);
        let mut is_in_poison = false;
        let done = loop {
            match self.let_go(&message, &receipt, &next, &mut is_in_poison).await {
                // As long as nobody else can have it, another attempt may spare it being handled twice.
                Err(StorageError::Unavailable(_))
                    if Instant::now() < visible_again && !self.calls.is_stopping() =>
                {
                    sleep(PAUSE).await;
                }
                done => break done,
            }
        };
        match done {
            Ok(()) => {}
            Err(StorageError::NotFound(_) | StorageError::PreconditionFailed(_)) => tracing::warn!(
                "function {:?}: the message {} of the queue {:?} was deleted by others, or taken over by another host, as it \
                 could not be kept hidden long enough; then it may be handled twice",
                self.function.name,
                message.id,
                self.queue.name()
            ),
            Err(error) => tracing::error!(
                "function {:?}: the message {} of the queue {:?} becomes visible again within {HIDDEN:?}, and is handled \
                 again, because {error}",
                self.function.name,
                message.id,
                self.queue.name()
            ),
        }
    }

    /// Calls the function. Returns what becomes of the message.
    async fn call(&self, message: &Message) -> Next {
        let most = self.config.max_dequeue_count;
        // Others have tried it, or it came back after hosts were killed.
        if message.dequeue_count > most && self.poison.is_some() {
            return Next::Poison(format!("it has been tried {most} times"));
        }
        let event = match event(&self.function.name, message, self.config.encoding) {
            Ok(event) => event,
            Err(error) => return Next::Poison(error.to_string()),
        };
        match self.calls.make(&self.function, event, most).await {
            CallsEnd::Succeeded => Next::Delete,
            CallsEnd::Interrupted => Next::Release(Duration::ZERO),
            CallsEnd::WorkersEnded(times) => {
                Next::Poison(format!("the worker ended in each of {times} calls"))
            }
            CallsEnd::Failed if message.dequeue_count >= most => {
                Next::Poison(format!("attempt {} of {most} has failed", message.dequeue_count))
            }
            CallsEnd::Failed => Next::Release(self.config.visibility_timeout),
        }
    }

    /// Keeps the message hidden for a further time.
    async fn keep_hidden(&self, message: &Message, receipt: &mut String) {
        match self.queue.update(&message.id, receipt, HIDDEN, None).await {
            Ok(renewed) => *receipt = renewed.pop_receipt,
            Err(error) => tracing::warn!(
                "function {:?}: the message {} of the queue {:?} may be handled twice, as it cannot be kept hidden: {error}",
                self.function.name,
                message.id,
                self.queue.name()
            ),
        }
    }

    /// Does with the message what its call came to. `is_in_poison` is set when it is in the poison queue, so that another
    /// attempt does not put it there again.
    async fn let_go(
        &self,
        message: &Message,
        receipt: &str,
        next: &Next,
        is_in_poison: &mut bool,
    ) -> Result<(), StorageError> {
        match next {
            Next::Delete => self.delete(message, receipt).await,
            Next::Release(after) => {
                let released = self.queue.update(&message.id, receipt, *after, None).await;
                released.map(drop)
            }
            Next::Poison(reason) => {
                let Some(poison) = &self.poison else {
                    let after = self.config.visibility_timeout.max(HIDDEN);
                    let released = self.queue.update(&message.id, receipt, after, None).await;
                    return released.map(drop);
                };
                if !*is_in_poison {
                    self.poison(poison, message, reason).await?;
                    *is_in_poison = true;
                }
                self.delete(message, receipt).await
            }
        }
    }

    async fn delete(&self, message: &Message, receipt: &str) -> Result<(), StorageError> {
        self.queue.delete(&message.id, receipt).await
    }

    /// Puts the message into the poison queue.
    async fn poison(&self, poison: &Queue, message: &Message, reason: &str) -> Result<(), StorageError> {
        tracing::error!(
            "function {:?}: the message {} of the queue {:?} goes to the queue {:?}: {reason}",
            self.function.name,
            message.id,
            self.queue.name(),
            poison.name()
        );
        poison.send_or_create(&message.text).await.map(drop)
    }
}
