//! Memory that several processes share, as words that they read and write at any time.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;

use memmap2::{MmapOptions, MmapRaw};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::resource::{Resource, getrlimit};
use rustix::fs::{MemfdFlags, memfd_create};

const WORD: usize = size_of::<AtomicU64>();

/// Words in a file in memory. All are zero at first.
#[derive(Debug)]
pub(crate) struct SharedWords {
    file: File,
    map: MmapRaw,
}

impl SharedWords {
    /// Makes so many.
    pub(crate) fn new(count: usize) -> io::Result<Self> {
        let size = (count * WORD) as u64;
        // A signal would end the process if the file became larger than that.
        let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
        if size > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(memfd_create(c"funcdock-logs", flags)?);
        file.set_len(size)?;
        // To access what another process has cut off would end this one.
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        SharedWords::map(file, count)
    }

    /// Returns those that another process has made, so many.
    pub(crate) fn of(descriptor: OwnedFd, count: usize) -> io::Result<Self> {
        let file = File::from(descriptor);
        if file.metadata()?.len() != (count * WORD) as u64 {
            return Err(io::Error::other("it has another size"));
        }
        SharedWords::map(file, count)
    }

    fn map(file: File, count: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(count * WORD).map_raw(&file)?;
        Ok(SharedWords { file, map })
    }

    /// Returns a descriptor for another process.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.file.try_clone()?.into())
    }
}

impl Deref for SharedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: the mapping begins at a page, has this length, stays until `self` is dropped, and its file cannot become
        // shorter. Every process accesses it as atomic words alone.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.map.len() / WORD) }
    }
}
