//! The state of timers in files of the app's folder, for the hosts on one machine.
//!
//! Another host of the same app waits until the one with the lock ends; after a reload, the new timer waits until a call of
//! the old one has ended.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use super::Status;
use crate::sys;
use crate::triggers::events::EventCalls;

/// The folder of the host's state within an app's folder.
const FOLDER: &str = ".funcdock/timers";

/// The time between two attempts to get the lock.
const LOCK_PAUSE: Duration = Duration::from_secs(2);

/// The file with the status of a function.
pub(in crate::triggers::timer) struct StatusFile {
    path: PathBuf,
    /// Whether it was said already that it cannot be written.
    has_failed: bool,
}

impl StatusFile {
    /// Returns the file of the function with this name in the app at `root`.
    pub(super) fn new(root: &Path, function: &str) -> Self {
        StatusFile {
            path: root.join(FOLDER).join(format!("{function}.json")),
            has_failed: false,
        }
    }

    /// Reads the status; `None` if there is none. A file that cannot be read counts as none, with a warning.
    pub(super) fn read(&self) -> Option<Status> {
        let read = fs::read_to_string(&self.path);
        let parsed = match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            read => read.and_then(|text| Ok(serde_json::from_str(&text)?)),
        };
        parsed
            .inspect_err(|error| {
                tracing::warn!(
                    "{}: cannot be read, so that a missed call of its timer is not made up for: {error}",
                    self.path.display()
                );
            })
            .ok()
    }

    /// Writes the status. The first failure is logged.
    pub(super) fn write(&mut self, status: &Status) {
        let written = serde_json::to_vec_pretty(status)
            .map_err(io::Error::from)
            .and_then(|text| {
                create_folder(self.path.parent())?;
                sys::write_private(&self.path, &text)
            });
        if let Err(error) = written
            && !std::mem::replace(&mut self.has_failed, true)
        {
            tracing::warn!(
                "{}: cannot be written, so that a missed call of its timer is not made up for after a restart: {error}",
                self.path.display()
            );
        }
    }
}

fn create_folder(folder: Option<&Path>) -> io::Result<()> {
    folder.map_or(Ok(()), fs::create_dir_all)
}

/// A lock that is held until this is dropped: the open file, if there is a lock at all.
pub(in crate::triggers::timer) struct HeldFile(#[expect(dead_code, reason = "kept open")] Option<File>);

/// The right to call a function at its times, which one timer of this machine has at a time.
pub(in crate::triggers::timer) struct FileLock {
    function: String,
    path: PathBuf,
}

impl FileLock {
    /// Returns the lock of the function with this name in the app at `root`.
    pub(super) fn new(root: &Path, function: &str) -> Self {
        FileLock {
            function: function.to_owned(),
            path: root.join(FOLDER).join(format!("{function}.lock")),
        }
    }

    /// Waits until this timer has the right, which it keeps until what this returns is dropped; `None` if the trigger is
    /// to end before. In a folder that cannot be written there is no lock, with a warning.
    pub(super) async fn acquire(&self, calls: &EventCalls) -> Option<HeldFile> {
        let function = &self.function;
        let mut waits = 0_u32;
        loop {
            match self.try_acquire() {
                Ok(Some(file)) => {
                    if waits > 1 {
                        tracing::info!("function {function:?}: this host calls it at its times from now on");
                    }
                    return Some(HeldFile(Some(file)));
                }
                Ok(None) => {
                    waits = waits.saturating_add(1);
                    // The first time it may be the end of the timer that this one replaces.
                    if waits == 2 {
                        tracing::info!(
                            "function {function:?}: another host of this app calls it at its times, or a call still \
                             runs; this host takes over when that ends"
                        );
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        "{}: cannot be locked ({error}): each host of this app calls function {function:?} at its times",
                        self.path.display()
                    );
                    return Some(HeldFile(None));
                }
            }
            tokio::select! {
                () = sleep(LOCK_PAUSE) => {}
                () = calls.stopping() => return None,
            }
        }
    }

    fn try_acquire(&self) -> io::Result<Option<File>> {
        create_folder(self.path.parent())?;
        let file = File::options().create(true).append(true).open(&self.path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}
