//! What can go wrong with shared memory.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use super::directories::{DIRECTORIES_SETTING, UnusableDirectory};
use super::layout::{LayoutError, MAX_CONTENT_LENGTH};
use crate::messages::RpcDataType;

/// Shared memory cannot be used, or a map cannot be read or written. What cannot be written can still go by message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedMemoryError {
    /// Shared memory is enabled, but none of its directories can be used.
    #[error("shared memory is enabled, but there is no directory for it: {}", listed(.0))]
    NoDirectory(Vec<UnusableDirectory>),
    /// The host names a map by what is not the name of a file.
    #[error("{name:?} is not a valid name of a shared memory map: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No directory has a map with this name.
    #[error(
        "there is no shared memory map {name:?} in {}; the host and the worker need the same {setting}",
        listed(.directories.iter().map(|path| path.display())),
        setting = DIRECTORIES_SETTING
    )]
    Missing {
        /// The map's name.
        name: String,
        /// Where it was looked for.
        directories: Vec<PathBuf>,
    },
    /// The map's file cannot be opened, read or mapped.
    #[error("cannot read the shared memory map {}: {reason}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// The map's path is that of a directory, a pipe or a device.
    #[error("the shared memory map {} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The map's file does not have what the host refers to.
    #[error("the shared memory map {} is not valid: {reason}", .path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: LayoutError,
    },
    /// The content is too large for the host, or empty.
    #[error("{length} bytes cannot go by shared memory: the host reads 1 to {MAX_CONTENT_LENGTH} bytes")]
    ContentLength {
        /// The content's length in bytes.
        length: usize,
    },
    /// The host reads bytes and strings from shared memory, and nothing else.
    #[error("data of the type {0:?} cannot go by shared memory: the host reads Bytes and String")]
    ContentType(RpcDataType),
    /// No directory takes the content. Nothing of it is left there.
    #[error("cannot write {length} bytes to shared memory: {}", listed(.failures))]
    Write {
        /// The content's length in bytes.
        length: usize,
        /// One for each directory.
        failures: Vec<WriteFailure>,
    },
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct WriteFailure {
    /// The file.
    pub path: PathBuf,
    /// The system's error.
    pub reason: io::Error,
}

fn listed<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join("; ")
}
