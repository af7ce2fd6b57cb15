//! A message in work: from when it is received until it is deleted, given back, or in the poison queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use funcdock_storage::{Message, Queue, StorageError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{MessageHandler, Next};

/// For how long messages are hidden from others. Another host gets those of a host that was killed after this time.
pub(in crate::triggers) const HIDDEN: Duration = Duration::from_secs(60);

/// How often the time is renewed: early enough for another attempt.
const RENEWAL: Duration = Duration::from_secs(25);

/// The time between two attempts to let a message go.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps the messages of a queue while they are handled.
pub(super) struct Keeper<H> {
    pub(super) queue: Queue,
    /// For whom the messages are.
    pub(super) owner: String,
    pub(super) handler: H,
    /// Ends the receiving of messages.
    pub(super) stop: CancellationToken,
}

impl<H: MessageHandler> Keeper<H> {
    /// Has this message handled, and lets it go.
    pub(super) async fn keep(self: Arc<Self>, message: Message) {
        let mut receipt = message.pop_receipt.clone();
        let mut handling = std::pin::pin!(self.handler.handle(&message));
        let next = loop {
            tokio::select! {
                next = &mut handling => break next,
                // A renewal runs to its end, even if the handling ends meanwhile: it changes the receipt.
                () = sleep(RENEWAL) => self.keep_hidden(&message, &mut receipt).await,
            }
        };
        let visible_again = Instant::now() + HIDDEN.saturating_sub(RENEWAL);
        let mut is_in_poison = false;
        let done = loop {
            match self.let_go(&message, &receipt, &next, &mut is_in_poison).await {
                // As long as nobody else can have it, another attempt may spare it being handled twice.
                Err(StorageError::Unavailable(error))
                    if Instant::now() < visible_again && !self.stop.is_cancelled() =>
                {
                    tracing::debug!(
                        "{}: the message {} of the queue {:?} cannot be let go yet: {error}",
                        self.owner,
                        message.id,
                        self.queue.name()
                    );
                    sleep(PAUSE).await;
                }
                done => break done,
            }
        };
        match done {
            Ok(()) => {}
            Err(StorageError::NotFound(_) | StorageError::PreconditionFailed(_)) => tracing::warn!(
                "{}: the message {} of the queue {:?} was deleted by others, or taken over by another host, as it could not be \
                 kept hidden long enough; then it may be handled twice",
                self.owner,
                message.id,
                self.queue.name()
            ),
            Err(error) => tracing::error!(
                "{}: the message {} of the queue {:?} becomes visible again within {HIDDEN:?}, and is handled again, because \
                 {error}",
                self.owner,
                message.id,
                self.queue.name()
            ),
        }
    }

    /// Keeps the message hidden for a further time.
    async fn keep_hidden(&self, message: &Message, receipt: &mut String) {
        match self.queue.update(&message.id, receipt, HIDDEN, None).await {
            Ok(renewed) => *receipt = renewed.pop_receipt,
            Err(error) => tracing::warn!(
                "{}: the message {} of the queue {:?} may be handled twice, as it cannot be kept hidden: {error}",
                self.owner,
                message.id,
                self.queue.name()
            ),
        }
    }

    /// Does with the message what its handling came to. `is_in_poison` is set when it is in the poison queue, so that another
    /// attempt does not put it there again.
    async fn let_go(
        &self,
        message: &Message,
        receipt: &str,
        next: &Next,
        is_in_poison: &mut bool,
    ) -> Result<(), StorageError> {
        match next {
            Next::Delete => self.queue.delete(&message.id, receipt).await,
            Next::Release(after) => {
                let released = self.queue.update(&message.id, receipt, *after, None).await;
                released.map(drop)
            }
            Next::Poison(poison, reason) => {
                if !*is_in_poison {
                    self.poison(poison, message, reason).await?;
                    *is_in_poison = true;
                }
                self.queue.delete(&message.id, receipt).await
            }
        }
    }

    /// Puts the message into the poison queue.
    async fn poison(&self, poison: &Queue, message: &Message, reason: &str) -> Result<(), StorageError> {
        tracing::error!(
            "{}: the message {} of the queue {:?} goes to the queue {:?}: {reason}",
            self.owner,
            message.id,
            self.queue.name(),
            poison.name()
        );
        poison.send_or_create(&message.text).await.map(drop)
    }
}
