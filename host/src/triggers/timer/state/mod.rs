//! What a timer keeps: the time of its last call, and a lock, which makes one host the one that calls the function.
//!
//! They are in the app's default storage account if it has one, for the hosts on all machines, and else in files, for those of
//! this machine.

mod files;
mod lease;
mod storage;

use serde::{Deserialize, Serialize};

use crate::model::schedule::Timestamp;
use crate::triggers::events::{EventCalls, EventSetup};
use files::{FileLock, HeldFile, StatusFile};
use lease::HeldLease;
use storage::{LockBlob, StatusBlob};

/// When a function was called last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Status {
    /// The time of the schedule for which it was called; `None` if it never was.
    pub(super) last: Option<Timestamp>,
    /// The time after that.
    pub(super) next: Option<Timestamp>,
    /// When this was written.
    pub(super) last_updated: Option<Timestamp>,
}

/// The right to call a function at its times, which one timer has at a time.
pub(super) enum Lock {
    File(FileLock),
    Blob(Box<LockBlob>),
}

/// A lock that this timer has, until it is released or dropped.
pub(super) enum HeldLock {
    /// Dropped, it is released.
    File(HeldFile),
    /// Dropped, it ends by itself after a while.
    Blob(HeldLease),
}

/// Where the status of a function is.
pub(super) enum StatusStore {
    File(StatusFile),
    Blob(StatusBlob),
}

impl Lock {
    /// Returns the lock of the function with this name.
    ///
    /// # Errors
    /// Why there cannot be one: a message for the user.
    pub(super) fn new(setup: &EventSetup, function: &str) -> Result<Self, String> {
        Ok(match &setup.timer_container {
            None => Lock::File(FileLock::new(&setup.settings.root, function)),
            Some(container) => Lock::Blob(Box::new(LockBlob::new(
                container,
                &setup.settings.host_id,
                function,
            )?)),
        })
    }

    /// Waits until this timer has the right; `None` if the trigger is to end before.
    pub(super) async fn acquire(&mut self, calls: &EventCalls) -> Option<HeldLock> {
        match self {
            Lock::File(lock) => lock.acquire(calls).await.map(HeldLock::File),
            Lock::Blob(lock) => lock.acquire(calls).await.map(HeldLock::Blob),
        }
    }
}

impl HeldLock {
    /// Whether this timer still has the right.
    pub(super) fn is_held(&self) -> bool {
        match self {
            HeldLock::File(_) => true,
            HeldLock::Blob(lease) => lease.is_held(),
        }
    }

    /// Waits until this timer has lost the right.
    pub(super) async fn lost(&self) {
        match self {
            HeldLock::File(_) => std::future::pending().await,
            HeldLock::Blob(lease) => lease.lost().await,
        }
    }

    /// Lets another timer have the right.
    pub(super) async fn release(self) {
        match self {
            HeldLock::File(file) => drop(file),
            HeldLock::Blob(lease) => lease.release().await,
        }
    }
}

impl StatusStore {
    /// Returns the store for the status of the function with this name.
    ///
    /// # Errors
    /// Why there cannot be one: a message for the user.
    pub(super) fn new(setup: &EventSetup, function: &str) -> Result<Self, String> {
        Ok(match &setup.timer_container {
            None => StatusStore::File(StatusFile::new(&setup.settings.root, function)),
            Some(container) => StatusStore::Blob(StatusBlob::new(
                container,
                &setup.settings.host_id,
                function,
                setup.settings.zone.clone(),
            )?),
        })
    }

    /// Reads the status; `None` if there is none. One that cannot be understood counts as none, with a warning. Does not end
    /// while a storage account does not answer. Cancel-safe.
    pub(super) async fn read(&mut self) -> Option<Status> {
        match self {
            StatusStore::File(file) => file.read(),
            StatusStore::Blob(blob) => blob.read().await,
        }
    }

    /// Writes the status. The first failure is logged.
    pub(super) async fn write(&mut self, status: &Status) {
        match self {
            StatusStore::File(file) => file.write(status),
            StatusStore::Blob(blob) => blob.write(status).await,
        }
    }
}
