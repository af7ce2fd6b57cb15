//! Shared memory: large data goes between host and worker in files that both map, instead of in messages.
//!
//! A map is a file with a random name in the folder `AzureFunctions` of `/dev/shm`, or of the directories that
//! `FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES` names, which host and worker share; [`layout`] has its layout. The message has
//! an [`RpcSharedMemory`] with the name in place of the data.
//!
//! Who removes a map:
//!
//! - Maps of the host, the inputs of calls, are removed by the host alone, when the call is over or when its cache drops
//!   them. What [`SharedMemory::read`] returns stays valid.
//! - Maps of this worker, the outputs of calls, are removed by the worker when the host closes them
//!   ([`SharedMemory::close`]). With the host's [function data cache](SharedMemory::with_function_data_cache) they belong to
//!   the host from then on.
//! - What the host has not closed when the [`SharedMemory`] is dropped is removed. Drop it after the stream has ended: the
//!   host must have read the outputs of the last calls.
//! - What a worker leaves behind that was killed is removed by the host when it starts, as it clears the folder then. A
//!   worker does not do that, because nothing in the folder tells whether the writer of a map still runs.
//!
//! All functions block, for no longer than a copy of the content takes: [`SharedMemory::write`] of many megabytes does not
//! belong on a thread that drives a runtime.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use uuid::Uuid;

use crate::messages::{RpcDataType, RpcSharedMemory};

mod directories;
mod error;
pub mod layout;
mod map_file;
#[allow(unsafe_code)] // the crate's only block
mod mapping;
#[cfg(test)]
mod tests;

pub use directories::UnusableDirectory;
pub use error::{SharedMemoryError, WriteFailure};
use layout::MAX_CONTENT_LENGTH;
use map_file::MapFile;

/// The shortest content in bytes for which host and workers use shared memory.
const MIN_LENGTH: usize = 1 << 20;

/// The size in bytes of a code unit of a string, as the host counts a string's size.
const CODE_UNIT: usize = 2;

/// The maps in the directories that host and worker share, and those of them that this worker has written.
#[derive(Debug)]
pub struct SharedMemory {
    directories: Vec<PathBuf>,
    unusable: Vec<UnusableDirectory>,
    has_cache: bool,
    /// By name, what this worker has written and the host has not closed. The lock is never held over I/O.
    written: Mutex<HashMap<String, MapFile>>,
}

impl SharedMemory {
    /// Returns the shared memory that the app settings describe, or `None` where they do not enable it:
    /// `FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED` is `1` or `true` if it is enabled. Makes the directories that are
    /// missing. `lookup` returns the value of a setting.
    ///
    /// # Errors
    /// [`SharedMemoryError::NoDirectory`]. The worker must not announce the capability then, so that the host sends
    /// everything by message.
    pub fn from_settings(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SharedMemoryError> {
        if !lookup(directories::ENABLED_SETTING).is_some_and(|value| directories::is_enabled(&value)) {
            return Ok(None);
        }
        let value = lookup(directories::DIRECTORIES_SETTING);
        let (usable, unusable) = directories::from_setting(value.as_deref());
        if usable.is_empty() {
            return Err(SharedMemoryError::NoDirectory(unusable));
        }
        Ok(Some(SharedMemory {
            directories: usable,
            unusable,
            has_cache: false,
            written: Mutex::default(),
        }))
    }

    /// Sets whether the host keeps data in its cache of maps: whether the capability `FunctionDataCache` of
    /// `WorkerInitRequest` is `true`.
    #[must_use]
    pub fn with_function_data_cache(mut self, has_cache: bool) -> Self {
        self.has_cache = has_cache;
        self
    }

    /// Returns the directories of the settings that cannot be used, for a warning.
    #[must_use]
    pub fn unusable_directories(&self) -> &[UnusableDirectory] {
        &self.unusable
    }

    /// Returns whether the host expects bytes of this length by shared memory: from 1 MiB to 2 GiB less one byte, and with the
    /// function data cache also less, but not nothing.
    #[must_use]
    pub fn is_worth(&self, length: usize) -> bool {
        (self.min_length()..=MAX_CONTENT_LENGTH).contains(&length)
    }

    /// Returns whether the host expects this string by shared memory. The limits are those of [`is_worth`](Self::is_worth), but
    /// are for two bytes a character. The host also has to read it, as UTF-8, and to hold it, as UTF-16.
    #[must_use]
    pub fn is_worth_text(&self, text: &str) -> bool {
        is_text_within(text, self.min_length(), MAX_CONTENT_LENGTH)
    }

    fn min_length(&self) -> usize {
        if self.has_cache { 1 } else { MIN_LENGTH }
    }

    /// Returns the data that the host refers to, without a copy: the bytes own a mapping of the file, and stay valid when the
    /// file is removed. `None` is the host's null, a reference that is empty. A string is not checked to be UTF-8.
    ///
    /// # Errors
    /// There is no such map, it cannot be opened, or it does not have these bytes.
    pub fn read(&self, reference: &RpcSharedMemory) -> Result<Option<Bytes>, SharedMemoryError> {
        if *reference == RpcSharedMemory::default() {
            return Ok(None);
        }
        let (path, file) = self.open(&reference.name)?;
        let unreadable = |reason| SharedMemoryError::Read {
            path: path.clone(),
            reason,
        };
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(SharedMemoryError::NotAFile(path));
        }
        let mut start = [0; layout::HEADER_LENGTH];
        let start_length = read_start(&file, &mut start).map_err(unreadable)?;
        let range = layout::content_range(
            &start[..start_length],
            metadata.len(),
            reference.offset,
            reference.count,
        );
        let range = match range {
            Ok(range) if range.is_empty() => return Ok(Some(Bytes::new())),
            Ok(range) => range,
            Err(reason) => return Err(SharedMemoryError::Layout { path, reason }),
        };
        let mapping = mapping::map(&file, range).map_err(unreadable)?;
        Ok(Some(Bytes::from_owner(mapping)))
    }

    /// Opens the map with this name in the first directory that has it.
    fn open(&self, name: &str) -> Result<(PathBuf, File), SharedMemoryError> {
        if let Some(reason) = layout::name_problem(name) {
            return Err(SharedMemoryError::Name {
                name: name.to_owned(),
                reason,
            });
        }
        // A pipe in its place must not make us wait.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut error = SharedMemoryError::Missing {
            name: name.to_owned(),
            directories: self.directories.clone(),
        };
        for directory in &self.directories {
            let path = directory.join(name);
            match rustix::fs::open(&path, flags, Mode::empty()) {
                Ok(descriptor) => return Ok((path, File::from(descriptor))),
                Err(rustix::io::Errno::NOENT) => {}
                Err(reason) => {
                    let reason = reason.into();
                    error = SharedMemoryError::Read { path, reason };
                }
            }
        }
        Err(error)
    }

    /// Writes content into a new map, and returns what the host finds it by. The map stays until the host closes it or this
    /// value is dropped. Strings are UTF-8.
    ///
    /// # Errors
    /// [`SharedMemoryError::ContentLength`] and [`SharedMemoryError::ContentType`] for what the host does not read;
    /// [`SharedMemoryError::Write`] when no directory has the space. The data can go by message then.
    pub fn write(&self, content: &[u8], kind: RpcDataType) -> Result<RpcSharedMemory, SharedMemoryError> {
        let length = content.len();
        if !(1..=MAX_CONTENT_LENGTH).contains(&length) {
            return Err(SharedMemoryError::ContentLength { length });
        }
        if !matches!(kind, RpcDataType::Bytes | RpcDataType::String) {
            return Err(SharedMemoryError::ContentType(kind));
        }
        let name = Uuid::new_v4().to_string();
        let mut failures = Vec::new();
        for directory in &self.directories {
            let path = directory.join(&name);
            match MapFile::write(path.clone(), content) {
                Ok(map) => {
                    self.written().insert(name.clone(), map);
                    return Ok(RpcSharedMemory {
                        name,
                        offset: 0,
                        count: i64::try_from(length).unwrap_or(i64::MAX),
                        r#type: kind.into(),
                    });
                }
                Err(reason) => failures.push(WriteFailure { path, reason }),
            }
        }
        Err(SharedMemoryError::Write { length, failures })
    }

    /// Closes the maps that the host has read, and returns which of these were this worker's and are closed. Removes their
    /// files, or leaves them to the host's function data cache.
    pub fn close<S: AsRef<str>>(&self, names: impl IntoIterator<Item = S>) -> HashMap<String, bool> {
        let mut results = HashMap::new();
        for name in names {
            let name = name.as_ref();
            if !results.contains_key(name) {
                results.insert(name.to_owned(), self.close_one(name));
            }
        }
        results
    }

    fn close_one(&self, name: &str) -> bool {
        // A statement of its own, so that the lock is released before the file is removed.
        let map = self.written().remove(name);
        match map {
            None => false,
            Some(map) if self.has_cache => {
                map.leave();
                true
            }
            Some(map) => map.remove().is_ok(),
        }
    }

    fn written(&self) -> MutexGuard<'_, HashMap<String, MapFile>> {
        // The table is consistent at any time.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether a text has at least `min` bytes, with two bytes a character as workers count, and at most `max` bytes both
/// as UTF-8 and as UTF-16.
fn is_text_within(text: &str, min: usize, max: usize) -> bool {
    let min_characters = min.div_ceil(CODE_UNIT);
    let max_units = max / CODE_UNIT;
    // A character is one to four bytes, and no more units than bytes, so most texts need not be counted.
    let is_long = text.len() / 4 >= min_characters
        || (text.len() >= min_characters && text.chars().count() >= min_characters);
    let is_short = text.len() <= max_units || (text.len() <= max && text.encode_utf16().count() <= max_units);
    is_long && is_short
}

/// Reads the first bytes of the file, and returns how many there are.
fn read_start(file: &File, start: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < start.len() {
        match file.read_at(&mut start[length..], length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
