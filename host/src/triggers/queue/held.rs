//! A message in work: from when it is received until it is deleted, given back, or in the poison queue.

use std::sync::Arc;
use std::time::Duration;

use funcdock_storage::{Message, Queue, StorageError};
use tokio::time::sleep;

use super::message::event;
use crate::app::QueuesConfig;
use crate::model::{EventEnd, EventFunction};
use crate::triggers::events::EventCalls;

/// For how long messages are hidden from others. Another host gets those of a host that was killed after this time.
pub(super) const HIDDEN: Duration = Duration::from_secs(60);

/// How often the time is renewed: early enough for another attempt.
const RENEWAL: Duration = Duration::from_secs(25);

/// The time before a call is made again whose worker died.
const PAUSE: Duration = Duration::from_millis(200);

/// Handles the messages of a queue.
pub(super) struct Handler {
    pub(super) queue: Queue,
    pub(super) poison: Queue,
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
        let done = match next {
            Next::Delete => self.delete(&message, &receipt).await,
            Next::Release(after) => {
                let released = self.queue.update(&message.id, &receipt, after, None).await;
                released.map(drop)
            }
            Next::Poison(reason) => self.poison(&message, &receipt, &reason).await,
        };
        match done {
            Ok(()) => {}
            Err(StorageError::NotFound(_) | StorageError::PreconditionFailed(_)) => tracing::warn!(
                "function {:?}: the message {} of the queue {:?} was taken over by another host, as it could not be kept \
                 hidden long enough; it may be handled twice",
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
        if message.dequeue_count > most {
            return Next::Poison(format!("it has been tried {most} times"));
        }
        let event = match event(&self.function.name, message, self.config.encoding) {
            Ok(event) => event,
            Err(error) => return Next::Poison(error.to_string()),
        };
        let mut lost = 0;
        loop {
            match self.calls.call_with_retries(&self.function, event.clone()).await {
                EventEnd::Succeeded => return Next::Delete,
                EventEnd::Failed(_) if message.dequeue_count >= most => {
                    return Next::Poison(format!("it has failed {most} times"));
                }
                EventEnd::Failed(_) => return Next::Release(self.config.visibility_timeout),
                EventEnd::Lost if self.calls.is_stopping() => return Next::Release(Duration::ZERO),
                // The message is kept, so that the end of a worker does not count among its attempts.
                EventEnd::Lost => {
                    lost += 1;
                    if lost >= most {
                        return Next::Poison(format!("the worker ended in each of {most} calls"));
                    }
                    tokio::select! {
                        () = sleep(PAUSE) => {}
                        () = self.calls.stopping() => return Next::Release(Duration::ZERO),
                    }
                }
            }
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

    async fn delete(&self, message: &Message, receipt: &str) -> Result<(), StorageError> {
        self.queue.delete(&message.id, receipt).await
    }

    /// Moves the message into the poison queue.
    async fn poison(&self, message: &Message, receipt: &str, reason: &str) -> Result<(), StorageError> {
        tracing::error!(
            "function {:?}: the message {} of the queue {:?} goes to the queue {:?}: {reason}",
            self.function.name,
            message.id,
            self.queue.name(),
            self.poison.name()
        );
        match self.poison.send(&message.text, None, None).await {
            Err(StorageError::NotFound(_)) => {
                self.poison.create_if_missing().await?;
                self.poison.send(&message.text, None, None).await?;
            }
            sent => drop(sent?),
        }
        self.delete(message, receipt).await
    }
}
