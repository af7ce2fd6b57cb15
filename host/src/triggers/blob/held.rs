//! A version of a blob in work: from when this host looks at its receipt until that is complete, or is left to others.

use std::sync::Arc;
use std::time::Duration;

use funcdock_storage::{Container, Queue, StorageError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::event::{BlobVersion, Cause};
use super::message::BlobMessage;
use super::receipt::{self, Claim, Lease, ReceiptState, Receipts};
use crate::app::{BlobsConfig, MessageEncoding};
use crate::model::expression::BlobPattern;
use crate::model::{Event, EventFunction};
use crate::triggers::events::{CallsEnd, EventCalls};

/// How often a lease is renewed: early enough for another attempt.
const RENEWAL: Duration = Duration::from_secs(20);

/// The time before the second call for a blob whose first call failed, which doubles with each call, and the longest one.
const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The times between attempts to look at a receipt whose errors may be of its blob.
const LOOK_PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// The time before another attempt to complete a receipt, which doubles, and the longest one.
const COMPLETION_DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Handles the blobs of a container.
pub(super) struct Handler {
    pub(super) container: Container,
    pub(super) pattern: BlobPattern,
    pub(super) receipts: Receipts,
    pub(super) poison: Queue,
    /// How messages of the poison queue are written.
    pub(super) encoding: MessageEncoding,
    pub(super) function: EventFunction,
    pub(super) calls: EventCalls,
    pub(super) config: BlobsConfig,
    /// The calls that may be made at once.
    pub(super) slots: Arc<Semaphore>,
}

/// How the work on a version ended.
pub(super) enum Ended {
    /// It is not to be looked at again.
    Done,
    /// The blob has another version, with this etag: this one is gone.
    Replaced(String),
    /// It is: another host has it, or this one stops.
    Left,
    /// It is, when storage answers.
    Unavailable(StorageError),
    /// Storage does not let this host look at it, and would not the next time.
    Refused(StorageError),
}

/// How the look at a receipt ended.
enum Look {
    Mine(Lease, Box<Event>),
    Done,
    Replaced(String),
    Taken,
}

/// What becomes of a version after its calls.
enum Next {
    Complete,
    /// Left to the next sweep, or to another host.
    Release,
    /// As [`Next::Release`], and storage does not answer.
    Wait(StorageError),
    /// Into the poison queue, for this reason.
    Poison(String),
}

impl Handler {
    /// Calls the function for this version if nobody else has done it or does. Takes the slot of the call.
    pub(super) async fn handle(self: Arc<Self>, version: BlobVersion, slot: OwnedSemaphorePermit) -> Ended {
        match self.look_again(&version).await {
            Ok(Look::Mine(lease, event)) => self.hold(&version, &lease, *event, slot).await,
            Ok(Look::Done) => Ended::Done,
            Ok(Look::Replaced(etag)) => Ended::Replaced(etag),
            Ok(Look::Taken) => Ended::Left,
            Err(error @ (StorageError::Unavailable(_) | StorageError::Unauthorized(_))) => {
                Ended::Unavailable(error)
            }
            Err(error) => Ended::Refused(error),
        }
    }

    /// Whether the function is called for blobs of this name.
    pub(super) fn is_wanted(&self, name: &str) -> bool {
        // Calls for receipts would have receipts, and so on.
        let is_receipt = self.container.name() == receipt::CONTAINER && name.starts_with(receipt::FOLDER);
        !is_receipt && self.pattern.match_blob(name).is_some()
    }

    /// Returns the path of this version's blob: `container/name`.
    pub(super) fn path(&self, version: &BlobVersion) -> String {
        self.cause(version).path()
    }

    fn cause<'a>(&'a self, version: &'a BlobVersion) -> Cause<'a> {
        Cause {
            function: &self.function.name,
            container: self.container.name(),
            version,
        }
    }

    /// As [`Handler::look`], and again some times if an error is of this blob alone.
    async fn look_again(&self, version: &BlobVersion) -> Result<Look, StorageError> {
        for pause in LOOK_PAUSES {
            match self.look(version).await {
                Err(error @ StorageError::Other(_)) => tracing::debug!("{error}; trying again in {pause:?}"),
                looked => return looked,
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.calls.stopping() => return Ok(Look::Taken),
            }
        }
        self.look(version).await
    }

    /// Looks whether a call is to be made, and takes the version if it is.
    async fn look(&self, version: &BlobVersion) -> Result<Look, StorageError> {
        let Some(captures) = self.pattern.match_blob(&version.name) else {
            return Ok(Look::Done);
        };
        let blob = self.container.blob(&version.name)?;
        let receipt = self.receipts.of(&version.name, &version.etag)?;
        let state = receipt.state().await?;
        if state == ReceiptState::Complete {
            return Ok(Look::Done);
        }
        let properties = match blob.properties().await {
            Ok(properties) if properties.etag == version.etag => properties,
            Ok(properties) => return Ok(Look::Replaced(properties.etag)),
            Err(StorageError::NotFound(_)) => return Ok(Look::Done),
            Err(error) => return Err(error),
        };
        Ok(match receipt.claim(state).await? {
            Claim::Mine(lease) => {
                let event = self.cause(version).event(blob.url(), &properties, captures);
                Look::Mine(lease, event.into())
            }
            Claim::Complete => Look::Done,
            Claim::Taken => Look::Taken,
        })
    }

    /// Works on the version, and keeps the lease meanwhile.
    async fn hold(
        &self,
        version: &BlobVersion,
        lease: &Lease,
        event: Event,
        slot: OwnedSemaphorePermit,
    ) -> Ended {
        let ended = {
            let mut work = std::pin::pin!(self.work(version, lease, event, slot));
            loop {
                tokio::select! {
                    ended = &mut work => break ended,
                    () = sleep(RENEWAL) => self.renew(version, lease).await,
                }
            }
        };
        lease.release().await;
        ended
    }

    async fn work(
        &self,
        version: &BlobVersion,
        lease: &Lease,
        event: Event,
        slot: OwnedSemaphorePermit,
    ) -> Ended {
        let mut poison = match self.call(version, lease, event, slot).await {
            Next::Complete => None,
            Next::Release => return Ended::Left,
            Next::Wait(error) => return Ended::Unavailable(error),
            Next::Poison(reason) => {
                tracing::error!(
                    "function {:?}: a message about the blob {:?} goes to the queue {:?}: {reason}",
                    self.function.name,
                    self.path(version),
                    self.poison.name()
                );
                let message = BlobMessage::new(&self.function.name, self.container.name(), version);
                Some(message.text(self.encoding))
            }
        };
        let mut delay = COMPLETION_DELAYS.0;
        loop {
            // A last attempt is made after the stop.
            let is_last = self.calls.is_stopping();
            match self.complete(lease, &mut poison).await {
                Ok(()) => return Ended::Done,
                Err(
                    StorageError::NotFound(_)
                    | StorageError::Conflict(_)
                    | StorageError::PreconditionFailed(_),
                ) => {
                    tracing::warn!(
                        "function {:?} may be called twice for the blob {:?}: its receipt was taken over by another host, \
                         or deleted",
                        self.function.name,
                        self.path(version)
                    );
                    return Ended::Done;
                }
                Err(error) if is_last => {
                    tracing::error!(
                        "function {:?} is called again for the blob {:?} after the next start, because {error}",
                        self.function.name,
                        self.path(version)
                    );
                    return Ended::Left;
                }
                Err(error) => tracing::warn!(
                    "function {:?}: the receipt of the blob {:?} cannot be completed: {error}; trying again in {delay:?}",
                    self.function.name,
                    self.path(version)
                ),
            }
            tokio::select! {
                () = sleep(delay) => {}
                () = self.calls.stopping() => {}
            }
            delay = (delay * 2).min(COMPLETION_DELAYS.1);
        }
    }

    /// Calls the function. Returns what becomes of the version.
    async fn call(
        &self,
        version: &BlobVersion,
        lease: &Lease,
        event: Event,
        slot: OwnedSemaphorePermit,
    ) -> Next {
        let most = self.config.poison_blob_threshold;
        let mut slot = Some(slot);
        let mut failed = 0;
        loop {
            if self.calls.is_stopping() {
                return Next::Release;
            }
            let pause = match self.calls.make(&self.function, event.clone(), most).await {
                CallsEnd::Succeeded => return Next::Complete,
                CallsEnd::Interrupted => return Next::Release,
                CallsEnd::WorkersEnded(times) => {
                    return Next::Poison(format!("the worker ended in each of {times} calls"));
                }
                CallsEnd::Failed => {
                    if let Err(error) = self.ask_storage(version, lease).await {
                        return Next::Wait(error);
                    }
                    failed += 1;
                    if failed >= most {
                        return Next::Poison(format!("the function has failed {most} times"));
                    }
                    DELAYS.0.saturating_mul(1 << (failed - 1).min(16)).min(DELAYS.1)
                }
            };
            // Others are called for meanwhile.
            drop(slot.take());
            let wait = async {
                sleep(pause).await;
                Arc::clone(&self.slots).acquire_owned().await
            };
            tokio::select! {
                acquired = wait => match acquired {
                    Ok(acquired) => slot = Some(acquired),
                    // Nobody closes it.
                    Err(_) => return Next::Release,
                },
                () = self.calls.stopping() => return Next::Release,
            }
        }
    }

    /// Asks whether storage answers after a failed call. If it does not, that may be why the call has failed, so that the blob
    /// is not to end in the poison queue for it.
    async fn ask_storage(&self, version: &BlobVersion, lease: &Lease) -> Result<(), StorageError> {
        let asked = async {
            lease.renew().await?;
            self.container.blob(&version.name)?.properties().await
        };
        match asked.await {
            Err(error @ (StorageError::Unavailable(_) | StorageError::Unauthorized(_))) => Err(error),
            // A lost lease or a deleted blob is no reason to forgive the function its failure.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Sends the message for the poison queue, if there is one left, and completes the receipt.
    async fn complete(&self, lease: &Lease, poison: &mut Option<String>) -> Result<(), StorageError> {
        if let Some(message) = poison {
            self.poison.send_or_create(message).await?;
            *poison = None;
        }
        lease.complete().await
    }

    async fn renew(&self, version: &BlobVersion, lease: &Lease) {
        if let Err(error) = lease.renew().await {
            tracing::warn!(
                "function {:?} may be called twice for the blob {:?}, as its receipt cannot be kept: {error}",
                self.function.name,
                self.path(version)
            );
        }
    }
}
