//! The keys that let requests in: those of the host and those of single functions, in the files that Azure Functions has for
//! them.
//!
//! A [`KeyFolder`] reads, makes and changes the files. A [`KeyRing`] answers what a key opens; it notices when a file changes,
//! whoever changes it: another worker, or an operator.

mod file;
mod folder;
mod ring;

use std::io;
use std::path::PathBuf;

pub use file::Key;
pub use folder::{Changed, KeyFolder, KeyList};
pub use ring::KeyRing;

/// The name of the master key in requests for keys. It opens everything.
pub const MASTER: &str = "_master";

/// Why keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file cannot be read.
    #[error("cannot read the keys in {}: {reason}; give the host's user the right to, or name another folder in FUNCTIONS_SECRETS_PATH", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The reason.
        reason: io::Error,
    },
    /// A file is not as it should be.
    #[error("{}: {detail}", file.display())]
    Parse {
        /// The file.
        file: PathBuf,
        /// What was expected, what was found, and what to do.
        detail: String,
    },
    /// The folder or a file in it cannot be made or written.
    #[error(
        "cannot write the keys to {}: {reason}; make the folder writable, or name another one in FUNCTIONS_SECRETS_PATH",
        file.display()
    )]
    Write {
        /// The file or folder.
        file: PathBuf,
        /// The reason.
        reason: io::Error,
    },
    /// A function has the name of the host's own file.
    #[error(
        "a function named \"host\" has no keys of its own, as their file would be the host's; use keys of the host"
    )]
    HostName,
    /// What was asked for is not possible with this key.
    #[error("the key _master opens everything, so it can be renewed but not deleted")]
    DeleteMaster,
}
