//! Maps a part of a file into memory: the crate's only unsafe code.

use std::fs::File;
use std::io;
use std::ops::Range;

use memmap2::{Mmap, MmapOptions};

/// Maps the range of the file for reading. The range is not empty and is within the file; its end is in the file now. The
/// mapping outlives the file's name and descriptor, and ends when it is dropped.
///
/// Nobody may change or shorten the file as long as it is mapped: see the SAFETY line.
///
/// # Errors
/// The system's, for example when there is no address space left.
pub(super) fn map(file: &File, range: Range<u64>) -> io::Result<Mmap> {
    let length = usize::try_from(range.end - range.start).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut options = MmapOptions::new();
    options.offset(range.start).len(length);
    // SAFETY: the bytes must not change while there is a mapping, and reading one that the file no longer has ends the
    // process with SIGBUS. The caller has checked that the range is within the file, and that its header says that it is
    // complete: the protocol is that whoever makes a map writes it once, before it sends its name. Afterwards host and worker
    // only remove it, and a mapping keeps the bytes of a removed file. Others who could write to the file are processes of
    // root, of its owner, and of the group that a directory's owner lets in; `directories` refuses directories of other users
    // and those that every user can write into. Of these processes, the function code in this worker is the only one that is
    // not the host's or ours. If it shortens a map, it ends its own worker, as it can in many other ways; the kernel has no
    // means to forbid it for files with names.
    unsafe { options.map(file) }
}
