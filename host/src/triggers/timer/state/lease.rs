//! A lease on a blob, which is renewed for as long as it is held.
//!
//! The service gives a lease to one client at a time, and to another one only when it was released or has expired. This side
//! counts it as lost some time before the service does, and counts from when it asked, not from when it got the reply.

use std::time::{Duration, Instant, SystemTime};

use funcdock_storage::{Blob, StorageError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// For how long the service keeps a lease that is not renewed. So another host takes over from one that was killed after this
/// time.
pub(super) const DURATION: Duration = Duration::from_secs(30);

/// For how long this side counts on it after a renewal.
const USABLE: Duration = Duration::from_secs(25);

/// The time between two renewals.
const RENEWAL: Duration = Duration::from_secs(10);

/// The time until a renewal that has failed is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// How long a release may take. A lease that is not released expires.
const RELEASE: Duration = Duration::from_secs(3);

/// When the lease was asked for, by both clocks: the first one stands still while the machine sleeps, and the second one may
/// be set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    monotonic: Instant,
    system: SystemTime,
}

impl Term {
    /// Returns the term of a request that is sent now.
    pub(super) fn begin() -> Self {
        Term {
            monotonic: Instant::now(),
            system: SystemTime::now(),
        }
    }

    /// Returns how long the lease can still be counted on.
    fn left(self) -> Duration {
        // An error is a clock that was set back.
        let by_system = self.system.elapsed().unwrap_or_default();
        USABLE.saturating_sub(self.monotonic.elapsed().max(by_system))
    }
}

/// A lease that is renewed until it is released, lost or dropped. Dropped, it expires by itself.
pub(in crate::triggers::timer) struct HeldLease {
    blob: Blob,
    id: String,
    /// Who has it, for messages.
    holder: String,
    /// Closed when the lease is lost.
    term: watch::Receiver<Term>,
    renewals: JoinHandle<()>,
}

impl HeldLease {
    /// Renews this lease from now on, which was acquired with a request in `term`. The loss is logged, with `holder` as the
    /// subject. Needs a tokio runtime.
    pub(super) fn keep(blob: Blob, id: String, term: Term, holder: String) -> Self {
        let (sender, receiver) = watch::channel(term);
        let renewals = tokio::spawn(renew(blob.clone(), id.clone(), sender, holder.clone()));
        HeldLease {
            blob,
            id,
            holder,
            term: receiver,
            renewals,
        }
    }

    /// Whether no other client has the lease.
    pub(super) fn is_held(&self) -> bool {
        self.term.has_changed().is_ok() && !self.term.borrow().left().is_zero()
    }

    /// Waits until the lease is lost. Cancel-safe.
    pub(super) async fn lost(&self) {
        let mut term = self.term.clone();
        while term.changed().await.is_ok() {}
    }

    /// Releases the lease, so that another client can have it at once.
    pub(super) async fn release(self) {
        // The holder has noticed it before the renewals have: all of this process stood still.
        if !self.is_held() && !self.renewals.is_finished() {
            log_loss(&self.holder, "the host or its machine stood still");
        }
        self.renewals.abort();
        match timeout(RELEASE, self.blob.release_lease(&self.id)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("a lease is not released, and expires: {error}"),
            Err(_) => tracing::debug!("a lease is not released within {RELEASE:?}, and expires"),
        }
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.renewals.abort();
    }
}

/// Renews the lease until it is lost, and puts each term into `term`.
async fn renew(blob: Blob, id: String, term: watch::Sender<Term>, holder: String) {
    let mut pause = RENEWAL;
    let mut last_error = None;
    let reason = loop {
        let left = term.borrow().left();
        if left.is_zero() {
            break match last_error {
                Some(error) => format!("it could not be renewed for {USABLE:?}: {error}"),
                None => format!("it could not be renewed for {USABLE:?}"),
            };
        }
        sleep(pause.min(left)).await;
        let begun = Term::begin();
        let left = term.borrow().left();
        match timeout(left, blob.renew_lease(&id)).await {
            Ok(Ok(())) => {
                term.send_replace(begun);
                pause = RENEWAL;
                last_error = None;
            }
            Ok(Err(error @ (StorageError::PreconditionFailed(_) | StorageError::NotFound(_)))) => {
                break error.to_string();
            }
            Ok(Err(error)) => {
                tracing::debug!("a lease is not renewed: {error}");
                pause = RETRY;
                last_error = Some(error.to_string());
            }
            Err(_) => {}
        }
    };
    log_loss(&holder, &reason);
}

fn log_loss(holder: &str, reason: &str) {
    tracing::warn!("{holder} until this host has its lease again, which is lost: {reason}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_ends_by_either_clock() {
        assert!(Term::begin().left() > USABLE - Duration::from_secs(1));
        let earlier = |seconds| {
            let by = Duration::from_secs(seconds);
            (
                Instant::now()
                    .checked_sub(by)
                    .expect("the machine runs for longer"),
                SystemTime::now() - by,
            )
        };
        let (old, old_system) = earlier(20);
        let left = |monotonic, system| Term { monotonic, system }.left();
        assert!(left(old, SystemTime::now()) <= Duration::from_secs(5));
        assert!(
            left(Instant::now(), old_system) <= Duration::from_secs(5),
            "the machine has slept"
        );
        let (older, _) = earlier(26);
        assert_eq!(left(older, SystemTime::now()), Duration::ZERO);
        let ahead = SystemTime::now() + Duration::from_secs(3600);
        assert_eq!(
            left(older, ahead),
            Duration::ZERO,
            "a clock that was set back keeps no lease"
        );
    }

    /// What is counted on must end before the service gives the lease away, and leave time for another attempt.
    const _: () = assert!(USABLE.as_secs() + 3 <= DURATION.as_secs());
    const _: () = assert!(RENEWAL.as_secs() * 2 < USABLE.as_secs());
}
