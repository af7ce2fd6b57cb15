//! A library file: read once, checked, and loaded from a copy in memory that nobody can change.
//!
//! The system's loader trusts the file that it maps: one that was cut short, by an interrupted copy say, ends the process
//! (SIGBUS) and not the call; one for another machine it calls "not found"; and one that somebody overwrites later (`cp`
//! over it) changes under the code that runs. So the bytes that are checked go into a sealed file in memory, and the
//! loader maps that.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use object::ReadCache;
use rustix::fs::{MemfdFlags, memfd_create};

use elf::{Dynamic, check, has_symbol, texts_of_notes};

mod elf;

/// The size of a file that is certainly not a library, in bytes (1 GiB).
const TOO_LARGE: u64 = 1 << 30;

/// Why the file is not a library for this machine, as far as this can be seen without loading it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// There is a folder of that name.
    #[error("a folder")]
    Folder,
    /// There is something else of that name, such as a pipe.
    #[error("neither a file nor a folder")]
    Special,
    /// It is too large to be one.
    #[error("a file of {0} bytes, which is too large for a library")]
    TooLarge(u64),
    /// Somebody wrote it while it was read.
    #[error("a file that changed while it was read")]
    Changed,
    /// It is not an ELF file.
    #[error("a file that is not a library (it has no ELF header)")]
    Other,
    /// It is for another kind of machine.
    #[error("a library for {0}")]
    Machine(String),
    /// It is an ELF file of another kind, such as an executable.
    #[error("an ELF file that is not a dynamic library")]
    Kind,
    /// It ends before the segments to load do.
    #[error("a library that was cut short: {length} bytes of at least {needed}")]
    Truncated {
        /// How long it is.
        length: u64,
        /// How long it would have to be.
        needed: u64,
    },
    /// Its headers make no sense.
    #[error("a damaged library: {0}")]
    Damaged(#[from] object::read::Error),
}

/// The content of a library file.
pub(crate) struct Image(Vec<u8>);

impl Image {
    /// Reads a file, whole and once. What happens to the file from then on does not matter.
    pub(crate) fn read(file: &Path) -> Result<Self, ImageError> {
        let file = open(file)?;
        let before = file.metadata()?;
        let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or_default());
        (&file).take(TOO_LARGE).read_to_end(&mut bytes)?;
        let after = file.metadata()?;
        let state = |metadata: &std::fs::Metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        if state(&before) != state(&after) || bytes.len() as u64 != after.len() {
            return Err(ImageError::Changed);
        }
        Ok(Image(bytes))
    }

    /// Returns the content.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Checks that it is safe to give it to the system's loader.
    pub(crate) fn check(&self) -> Result<(), ImageError> {
        check(self.bytes()).map(|_| ())
    }

    /// Returns the part that the loader maps: debug information comes after it, and may be many times as large.
    fn loaded(&self) -> &[u8] {
        let end = check(self.bytes()).ok().flatten();
        let end = end.and_then(|end| usize::try_from(end).ok());
        self.0.get(..end.unwrap_or(self.0.len())).unwrap_or(&self.0)
    }

    /// Returns a library that the loader would search for in the folder of `file`, from which this was read (`$ORIGIN`),
    /// and which is there. A copy in memory has no folder.
    pub(crate) fn neighbour(&self, file: &Path) -> Option<PathBuf> {
        let folder = file.parent()?;
        let dynamic = Dynamic::of(self.bytes()).unwrap_or_default();
        let mut candidates = dynamic
            .search
            .iter()
            .flat_map(|path| path.split(':'))
            .flat_map(|path| {
                let rest = ["$ORIGIN", "${ORIGIN}"]
                    .iter()
                    .find_map(|origin| path.strip_prefix(origin));
                let rest = rest.map(|rest| rest.trim_start_matches('/'));
                let folder = rest.map(|rest| folder.join(rest));
                dynamic
                    .needed
                    .iter()
                    .filter_map(move |name| Some(folder.as_ref()?.join(name)))
            });
        candidates.find(|candidate| candidate.is_file())
    }

    /// Returns the path of a copy in memory, for the system's loader: sealed, and there for as long as the
    /// process lives. The same content has the same copy, so that the loader maps it once. `name` is for people who look
    /// at the maps of the process.
    pub(crate) fn sealed(&self, name: &OsStr) -> io::Result<PathBuf> {
        /// Kept open: a path leads to its number, which must not get another file.
        static COPIES: Mutex<Vec<File>> = Mutex::new(Vec::new());
        let mut copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match copies.iter().position(|copy| self.is_in(copy)) {
            Some(index) => index,
            None => {
                copies.push(self.seal(name)?.into());
                copies.len() - 1
            }
        };
        // Not `self`, so that a debugger finds it too.
        let (process, descriptor) = (std::process::id(), copies[index].as_raw_fd());
        Ok(format!("/proc/{process}/fd/{descriptor}").into())
    }

    /// Runs every inspection of a library, for fuzzing.
    pub(crate) fn inspect(
        &self,
        file: &Path,
        symbol: &str,
    ) -> (Result<(), ImageError>, Option<PathBuf>, bool) {
        let has_symbol = has_symbol(self.bytes(), symbol).unwrap_or(false);
        let _ = texts_of_notes(self.bytes(), "", 0);
        (self.check(), self.neighbour(file), has_symbol)
    }

    fn seal(&self, name: &OsStr) -> io::Result<OwnedFd> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut copy = File::from(memfd_create(name, flags)?);
        copy.write_all(self.loaded())?;
        let seals =
            SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
        fcntl(&copy, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(copy.into())
    }

    fn is_in(&self, copy: &File) -> bool {
        const PIECE: usize = 1 << 14;
        let (loaded, mut buffer) = (self.loaded(), [0; PIECE]);
        let has_length = copy
            .metadata()
            .is_ok_and(|metadata| metadata.len() == loaded.len() as u64);
        let mut pieces = loaded.chunks(PIECE).enumerate();
        has_length
            && pieces.all(|(index, piece)| {
                let found = &mut buffer[..piece.len()];
                copy.read_exact_at(found, (index * PIECE) as u64).is_ok() && found == piece
            })
    }
}

impl From<Vec<u8>> for Image {
    fn from(bytes: Vec<u8>) -> Self {
        Image(bytes)
    }
}

/// Opens a file to read, but nothing that would block, such as a pipe.
fn open(path: &Path) -> Result<File, ImageError> {
    let file = File::options()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)?;
    let metadata = file.metadata()?;
    match metadata.file_type() {
        kind if kind.is_dir() => Err(ImageError::Folder),
        kind if !kind.is_file() => Err(ImageError::Special),
        _ if metadata.len() > TOO_LARGE => Err(ImageError::TooLarge(metadata.len())),
        _ => Ok(file),
    }
}

/// Whether `file` is a library for this machine that has this symbol for others.
pub(crate) fn exports(file: &Path, symbol: &str) -> bool {
    open(file).is_ok_and(|file| has_symbol(&ReadCache::new(file), symbol).unwrap_or(false))
}

/// Returns the texts of the notes of this owner and kind in a library for this machine. No code of the library runs.
pub(crate) fn notes(file: &Path, owner: &str, kind: u32) -> Vec<String> {
    let notes = open(file)
        .ok()
        .and_then(|file| texts_of_notes(&ReadCache::new(file), owner, kind));
    notes.unwrap_or_default()
}

#[cfg(test)]
mod tests;
