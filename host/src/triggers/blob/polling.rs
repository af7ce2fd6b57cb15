//! Notices new versions of blobs by listing their container again and again, page by page, as far as names begin as the
//! pattern does; at the first start it finds all blobs that there are.
//!
//! The time between two sweeps is a second, and grows to ten while nothing is found; it is never shorter than what the
//! listing took. A sweep looks at the receipts of those versions alone that it does not know (see `known`). The first sweep
//! after a start looks at all of them, with a request each, and so does one a day: who deletes a receipt gets another call
//! by then.
//!
//! Blobs are taken from a page as calls can be made, so that no more than a page and what is in work is in memory, and
//! another host finds the others. A version that is overwritten before its turn is left out, as with the reference.

use std::sync::Arc;
use std::time::{Duration, Instant};

use funcdock_storage::{BlobItem, Page, StorageError};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::HELD_PER_CALL;
use super::event::BlobVersion;
use super::held::{Ended, Handler};
use super::known::{Known, Version};
use crate::model::{BlobTrigger, EventFunction};
use crate::triggers::events::{EventCalls, EventSetup};
use crate::triggers::outage::Outage;

/// The time after a sweep that found something, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// How often the receipts of all blobs are looked at.
const RESCAN: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns what calls this function for the blobs of its container, until `calls` stops.
///
/// # Errors
/// Why it cannot be served: a message for the user.
pub(in crate::triggers) fn run(
    function: EventFunction,
    settings: BlobTrigger,
    calls: EventCalls,
    setup: &mut EventSetup,
) -> Result<impl Future<Output = ()> + Send + use<>, String> {
    let most = setup.settings.blobs.max_degree_of_parallelism;
    let handler = super::handler(function, settings, calls, setup)?;
    let poller = Poller {
        prefix: handler.pattern.prefix().to_owned(),
        outage: Outage::new(format!(
            "function {:?}: blobs of the container {:?}",
            handler.function.name,
            handler.container.name()
        )),
        handler: Arc::new(handler),
        most_held: most.saturating_mul(HELD_PER_CALL),
        held: JoinSet::new(),
        known: Known::new(),
        rescanned: Instant::now(),
        pause: PAUSES.0,
        unavailable: None,
        is_doubtful: false,
    };
    Ok(poller.run())
}

/// Sweeps over a container.
struct Poller {
    prefix: String,
    handler: Arc<Handler>,
    outage: Outage,
    most_held: usize,
    /// The versions in work.
    held: JoinSet<(Version, Ended)>,
    known: Known,
    /// When the receipts of all blobs were looked at.
    rescanned: Instant,
    /// The time after a sweep that finds nothing.
    pause: Duration,
    /// Why a version could not be handled. The sweep is given up.
    unavailable: Option<StorageError>,
    /// Whether no version could be handled since.
    is_doubtful: bool,
}

impl Poller {
    async fn run(mut self) {
        let handler = Arc::clone(&self.handler);
        while !handler.calls.is_stopping() {
            let pause = self.sweep().await;
            tokio::select! {
                () = sleep(pause) => {}
                () = handler.calls.stopping() => {}
            }
        }
        while self.held.join_next().await.is_some() {}
    }

    /// Begins with the versions that are new. Returns the time until the next sweep.
    async fn sweep(&mut self) -> Duration {
        let handler = Arc::clone(&self.handler);
        if self.rescanned.elapsed() >= RESCAN {
            self.rescanned = Instant::now();
            self.known.forget();
        }
        let (mut next, mut listing, mut found) = (None, Duration::ZERO, 0_usize);
        self.known.begin_sweep();
        loop {
            let begun = Instant::now();
            let page = tokio::select! {
                page = handler.container.list(&self.prefix, next.as_deref(), None) => page,
                () = handler.calls.stopping() => return Duration::ZERO,
            };
            listing += begun.elapsed();
            let page = match page {
                Ok(page) => page,
                // Whoever writes to it makes it.
                Err(StorageError::NotFound(_)) => Page {
                    items: Vec::new(),
                    next: None,
                },
                Err(error) => return self.outage.failed(&error),
            };
            for item in page.items {
                if !handler.is_wanted(&item.name) {
                    continue;
                }
                let Some((version, is_new)) = self.known.begin(&item) else {
                    continue;
                };
                if !self.begin(version, item).await {
                    self.known.leave(version);
                    return self.give_up();
                }
                found += usize::from(is_new);
            }
            self.known.end_page();
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        self.known.end_sweep();
        self.take_ended();
        if self.unavailable.is_some() {
            return self.give_up();
        }
        if !self.is_doubtful || (found == 0 && self.held.is_empty()) {
            self.is_doubtful = false;
            self.outage.ended();
        }
        self.next_pause(found).max(listing)
    }

    /// Begins with a version as soon as a call can be made. Returns `false` if the sweep is to be given up.
    async fn begin(&mut self, version: Version, item: BlobItem) -> bool {
        let handler = Arc::clone(&self.handler);
        let slot = loop {
            self.take_ended();
            if self.unavailable.is_some() || handler.calls.is_stopping() {
                return false;
            }
            let has_place = self.held.len() < self.most_held;
            tokio::select! {
                biased;
                () = handler.calls.stopping() => return false,
                slot = Arc::clone(&handler.slots).acquire_owned(), if has_place => match slot {
                    Ok(slot) => break slot,
                    // Nobody closes it.
                    Err(_) => return false,
                },
                Some(ended) = self.held.join_next() => self.note(ended),
            }
        };
        let blob = BlobVersion {
            name: item.name,
            etag: item.etag,
            blob_type: item.blob_type,
        };
        self.held.spawn(async move {
            let ended = Arc::clone(&handler).handle(blob.clone(), slot).await;
            if let Ended::Refused(error) = &ended {
                // It must not stand in the way of other blobs.
                tracing::error!(
                    "function {:?} is not called for the blob {:?} before the host is started again: {error}",
                    handler.function.name,
                    handler.path(&blob)
                );
            }
            (version, ended)
        });
        true
    }

    fn take_ended(&mut self) {
        while let Some(ended) = self.held.try_join_next() {
            self.note(ended);
        }
    }

    fn note(&mut self, ended: Result<(Version, Ended), tokio::task::JoinError>) {
        // If its handling has panicked, the panic is printed, and the version stays in work until the next start.
        let Ok((version, ended)) = ended else {
            return;
        };
        match ended {
            // The next sweep finds the version that has replaced it.
            Ended::Done | Ended::Replaced(_) | Ended::Refused(_) => self.known.finish(version),
            Ended::Left => self.known.leave(version),
            Ended::Unavailable(error) => {
                self.known.leave(version);
                self.unavailable = Some(error);
                self.is_doubtful = true;
                return;
            }
        }
        self.is_doubtful = false;
    }

    /// Returns the time until the next sweep after one that was given up.
    fn give_up(&mut self) -> Duration {
        match self.unavailable.take() {
            Some(error) => self.outage.failed(&error),
            None => Duration::ZERO,
        }
    }

    fn next_pause(&mut self, found: usize) -> Duration {
        if found > 0 {
            self.pause = PAUSES.0;
            return self.pause;
        }
        let now = self.pause;
        // Several hosts are not to look at the same times.
        let factor = 1.3 + 0.4 * fastrand::f64();
        self.pause = now.mul_f64(factor).min(PAUSES.1);
        now
    }
}
