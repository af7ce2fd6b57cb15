//! Receives the messages of a queue, and keeps each until it is handled: the queue trigger and Event Grid's events of blobs
//! share it.
//!
//! A message is held while it is handled: it is hidden from others, for a time that is renewed. What becomes of it then is
//! the handler's decision. Hosts on other machines share a queue by the same rules of the service.

mod backoff;
mod held;

use std::sync::Arc;
use std::time::Duration;

use funcdock_storage::{Message, Queue, StorageError};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::outage::Outage;
use backoff::Backoff;
use held::Keeper;

pub(super) use held::HIDDEN;

/// Handles the messages of a queue.
pub(super) trait MessageHandler: Send + Sync + 'static {
    /// Handles a message, which is hidden from others meanwhile. Returns what becomes of it.
    fn handle(&self, message: &Message) -> impl Future<Output = Next> + Send;
}

/// What becomes of a message.
pub(super) enum Next {
    /// It is deleted.
    Delete,
    /// It is visible to others again after this time.
    Release(Duration),
    /// It goes into another queue, for this reason.
    Poison(Queue, String),
}

/// How many messages are received, and how often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How many are received at once, 1 to 32.
    pub(super) batch_size: usize,
    /// Messages are received when no more than these are held.
    pub(super) new_batch_threshold: usize,
    /// The longest time between two looks into an empty queue.
    pub(super) longest_pause: Duration,
}

/// Receives the messages of a queue.
pub(super) struct Poller<H> {
    keeper: Arc<Keeper<H>>,
    pace: Pace,
    outage: Outage,
    /// The messages in work.
    held: JoinSet<()>,
}

impl<H: MessageHandler> Poller<H> {
    /// Returns what has `handler` handle the messages of this queue until `stop`. `owner` is for whom they are, as the log
    /// names it.
    pub(super) fn new(queue: Queue, owner: String, handler: H, pace: Pace, stop: CancellationToken) -> Self {
        Poller {
            outage: Outage::new(format!("{owner}: messages of the queue {:?}", queue.name())),
            keeper: Arc::new(Keeper {
                queue,
                owner,
                handler,
                stop,
            }),
            pace,
            held: JoinSet::new(),
        }
    }

    /// Receives messages until the stop, and ends when those that it has are let go.
    pub(super) async fn run(mut self) {
        let keeper = Arc::clone(&self.keeper);
        let mut backoff = Backoff::new(self.pace.longest_pause);
        while !keeper.stop.is_cancelled() {
            while self.held.try_join_next().is_some() {}
            if self.held.len() > self.pace.new_batch_threshold {
                tokio::select! {
                    // If its handling has panicked, the panic is printed, and the message becomes visible by itself.
                    _ = self.held.join_next() => {}
                    () = keeper.stop.cancelled() => {}
                }
                continue;
            }
            let received = tokio::select! {
                received = keeper.queue.receive(self.pace.batch_size, HIDDEN) => received,
                // What it is about to receive becomes visible again by itself.
                () = keeper.stop.cancelled() => break,
            };
            let pause = self.begin(received, &mut backoff);
            self.pause(pause).await;
        }
        while self.held.join_next().await.is_some() {}
    }

    /// Begins with the messages that were received. Returns the time until the next look into the queue.
    fn begin(&mut self, received: Result<Vec<Message>, StorageError>, backoff: &mut Backoff) -> Duration {
        let messages = match received {
            Ok(messages) => messages,
            // Whoever writes to it makes it.
            Err(StorageError::NotFound(_)) => Vec::new(),
            Err(error) => return self.outage.failed(&error),
        };
        self.outage.ended();
        let pause = backoff.after(messages.len());
        for message in messages {
            self.held.spawn(Arc::clone(&self.keeper).keep(message));
        }
        pause
    }

    /// Waits this long, or until the stop.
    async fn pause(&mut self, time: Duration) {
        if !time.is_zero() {
            tokio::select! {
                () = sleep(time) => {}
                () = self.keeper.stop.cancelled() => {}
            }
        }
    }
}
