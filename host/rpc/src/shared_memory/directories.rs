//! The settings of shared memory, and the directories that they name.

use std::fs::{self, DirBuilder, Metadata};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// The app setting that enables shared memory.
pub(super) const ENABLED_SETTING: &str = "FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED";

/// The app setting with the directories, separated by commas.
pub(super) const DIRECTORIES_SETTING: &str = "FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES";

const DEFAULT_DIRECTORY: &str = "/dev/shm";

/// The folder of each directory that has the maps. The host removes what is in it when it starts.
const SUBFOLDER: &str = "AzureFunctions";

/// Who may change an entry of a directory: others than its owner and its group.
const WRITABLE_FOR_OTHERS: u32 = 0o002;

/// A directory of the settings that shared memory cannot use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct UnusableDirectory {
    /// The directory with its subfolder.
    pub path: PathBuf,
    /// Why, and what to do.
    pub reason: String,
}

/// Returns whether this value of [`ENABLED_SETTING`] enables shared memory, for host and worker alike. Microsoft's worker
/// also takes `t`, `y` and `yes`, but its host does not: it would never ask to close a map, and each would stay forever.
pub(super) fn is_enabled(value: &str) -> bool {
    let value = value.trim();
    value == "1" || value.eq_ignore_ascii_case("true")
}

/// Returns the directories that the value of [`DIRECTORIES_SETTING`] names, in its order, and those that cannot be used.
/// Makes those that are missing.
pub(super) fn from_setting(value: Option<&str>) -> (Vec<PathBuf>, Vec<UnusableDirectory>) {
    let value = value
        .filter(|value| !value.is_empty())
        .unwrap_or(DEFAULT_DIRECTORY);
    let mut usable = Vec::new();
    let mut unusable = Vec::new();
    for directory in value.split(',') {
        let path = Path::new(directory).join(SUBFOLDER);
        match prepare(directory, &path) {
            Ok(()) if usable.contains(&path) => {}
            Ok(()) => usable.push(path),
            Err(reason) => unusable.push(UnusableDirectory { path, reason }),
        }
    }
    (usable, unusable)
}

/// Makes the folder if it is missing, for this user alone, and checks who can write into it.
fn prepare(directory: &str, path: &Path) -> Result<(), String> {
    // Neither host nor worker trims the parts of the setting, so they would not mean the same directory.
    if !directory.starts_with('/') {
        return Err(format!(
            "{directory:?} in {DIRECTORIES_SETTING} is not an absolute path; write paths from / on, without spaces after commas"
        ));
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| format!("cannot make this directory: {error}"))?;
    let metadata = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    access_problem(&metadata, rustix::process::geteuid().as_raw()).map_or(Ok(()), Err)
}

/// Returns why it is not safe to have maps in this folder. Whoever can write into it can replace or shorten a map, and the
/// default directory is one in which every user of the machine may make it.
fn access_problem(metadata: &Metadata, user: u32) -> Option<String> {
    let (owner, mode) = (metadata.uid(), metadata.mode());
    if metadata.is_symlink() {
        return Some(format!(
            "it is a symbolic link; name its target in {DIRECTORIES_SETTING}"
        ));
    }
    if owner != 0 && owner != user {
        return Some(format!(
            "it belongs to the user {owner}, who can change data in it; it must belong to the user {user} of this worker or to root"
        ));
    }
    if mode & WRITABLE_FOR_OTHERS != 0 {
        return Some(format!(
            "every user can write into it (mode {:o}); run chmod o-w on it",
            mode & 0o7777
        ));
    }
    None
}
