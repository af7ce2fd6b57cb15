//! The file of a map that this process has written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::process;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::layout::{self, HEADER_LENGTH};

#[cfg(test)]
mod tests;

/// A file with a map. Removes it when dropped, in the process that wrote it: a forked child has a copy of the value, but the
/// file stays its parent's.
#[derive(Debug)]
pub(super) struct MapFile {
    path: PathBuf,
    writer: u32,
}

impl MapFile {
    /// Makes a new file with this content, for this user alone. Nothing is left of it in case of an error.
    ///
    /// # Errors
    /// The system's: the directory is full, is missing, or cannot be written into.
    pub(super) fn write(path: PathBuf, content: &[u8]) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let map = MapFile {
            path,
            writer: process::id(),
        };
        let length = content.len() as u64;
        reserve(&file, HEADER_LENGTH as u64 + length)?;
        file.write_all_at(content, HEADER_LENGTH as u64)?;
        // The header is last: who opens the file before does not take it for complete.
        file.write_all_at(&layout::header(length), 0)?;
        Ok(map)
    }

    /// Removes the file.
    ///
    /// # Errors
    /// The system's: somebody else has removed it, or the directory no longer permits it.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(self.leave())
    }

    /// Leaves the file to the host, and returns its path.
    pub(super) fn leave(mut self) -> PathBuf {
        let path = mem::take(&mut self.path);
        mem::forget(self);
        path
    }
}

impl Drop for MapFile {
    fn drop(&mut self) {
        if self.writer == process::id() {
            // If that fails, the host removes it when it starts again.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes the space of the whole file at once, so that a full file system is noticed before it is filled with a part of the
/// content. A file system that cannot do that notices it while the content is written.
fn reserve(file: &File, size: u64) -> io::Result<()> {
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, size) {
            Err(Errno::INTR) => {}
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
