//! A log file that begins anew at a size, and keeps some of its predecessors: `host.log`, `host.log.1`, `host.log.2`, …
//!
//! Not `file-rotate`: it panics if the folder is gone, and leaves half a line behind if the disk is full.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The time between two looks whether the file is still at its path.
const LOOK: Duration = Duration::from_secs(1);

/// A log file.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    size: u64,
    /// The size of one file; `None` if there is no limit.
    limit: Option<u64>,
    /// The size at which this one is full: more than the limit if it could not be rotated.
    full_at: Option<u64>,
    /// The number of predecessors to keep.
    kept: u32,
    /// Whether its last line has no end yet.
    is_in_line: bool,
    looked: Instant,
    /// Why the file cannot be made again after it was removed. Nobody could read what is written to the removed one.
    gone: Option<io::Error>,
    /// The number of lines that could not be written so far.
    lost: u64,
    /// Why the last of them could not, until that is reported.
    why_lost: Option<io::Error>,
}

/// What happened to a write.
#[derive(Debug)]
pub(super) enum Trouble {
    /// So many lines were lost so far, the last one for this reason, and there is room again. The report may be lost, too:
    /// then another one follows.
    Lost(u64, io::Error),
    /// The file is full and cannot be rotated, so it grows.
    NotRotated(io::Error),
}

impl RotatingFile {
    /// Opens a file, and appends to what it has.
    pub(super) fn open(path: &Path, limit: Option<u64>, kept: u32) -> io::Result<Self> {
        // The working directory may be another one later.
        let path = std::path::absolute(path)?;
        let (file, size) = open(&path)?;
        Ok(RotatingFile {
            path,
            file,
            size,
            limit,
            full_at: limit,
            kept,
            is_in_line: false,
            looked: Instant::now(),
            gone: None,
            lost: 0,
            why_lost: None,
        })
    }

    /// Appends lines. A last line without an end goes on with the next call. A line is never in two files. What cannot be
    /// written is lost, and counted.
    pub(super) fn append(&mut self, mut lines: &[u8]) -> Vec<Trouble> {
        if self.looked.elapsed() >= LOOK {
            self.look();
        }
        let mut troubles = Vec::new();
        while !lines.is_empty() {
            let (piece, rest) = lines.split_at(self.fitting(lines));
            if piece.is_empty() {
                troubles.extend(self.rotate().err().map(Trouble::NotRotated));
                continue;
            }
            lines = rest;
            match self.write(piece) {
                Ok(()) => troubles.extend(self.why_lost.take().map(|why| Trouble::Lost(self.lost, why))),
                Err(error) => {
                    self.lost += memchr::memchr_iter(b'\n', piece).count() as u64;
                    self.why_lost = Some(error);
                }
            }
            self.is_in_line = !piece.ends_with(b"\n");
        }
        troubles
    }

    /// Opens the file at the path if it is another one by now, or none.
    pub(super) fn look(&mut self) {
        self.looked = Instant::now();
        let (Ok(ours), there) = (self.file.metadata(), fs::metadata(&self.path)) else {
            return;
        };
        // Somebody may have shortened it.
        self.size = ours.len();
        let is_same = |there: fs::Metadata| (there.dev(), there.ino()) == (ours.dev(), ours.ino());
        // A line that has begun ends where it has begun.
        if !self.is_in_line && !there.is_ok_and(is_same) {
            self.gone = self.reopen().filter(|_| ours.nlink() == 0);
        }
    }

    /// Opens what is at the path. If that fails, it goes on with the file that it has, and looks again soon.
    fn reopen(&mut self) -> Option<io::Error> {
        match open(&self.path) {
            Ok((file, size)) => {
                (self.file, self.size, self.full_at) = (file, size, self.limit);
                None
            }
            Err(error) => Some(error),
        }
    }

    /// Returns how many of these bytes belong into this file: none if it is to be rotated first.
    fn fitting(&self, lines: &[u8]) -> usize {
        let Some(full_at) = self.full_at else {
            return lines.len();
        };
        let room = usize::try_from(full_at.saturating_sub(self.size)).unwrap_or(usize::MAX);
        if lines.len() <= room {
            return lines.len();
        }
        match memchr::memrchr(b'\n', &lines[..room]) {
            Some(end) => end + 1,
            None if self.size > 0 && !self.is_in_line => 0,
            // One that is longer than a file, or has begun already.
            None => memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1),
        }
    }

    /// Writes all bytes, or none.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(why) = &self.gone {
            return Err(io::Error::new(why.kind(), why.to_string()));
        }
        let written = self.file.write_all(bytes);
        match &written {
            Ok(()) => self.size += bytes.len() as u64,
            // What was written of them would be half a line.
            Err(_) => {
                if self.file.metadata().is_ok_and(|now| now.len() > self.size) {
                    let _ = self.file.set_len(self.size);
                }
            }
        }
        written
    }

    /// Makes room: the file becomes its own first predecessor. If that fails, it may have as much again.
    fn rotate(&mut self) -> io::Result<()> {
        let rotated = match self.kept {
            0 => self.file.set_len(0).map(|()| self.size = 0),
            _ => self.shift().and_then(|()| self.reopen().map_or(Ok(()), Err)),
        };
        if rotated.is_err() {
            self.full_at = self.limit.map(|limit| self.size.saturating_add(limit));
        }
        rotated
    }

    /// Gives each file the name of its predecessor.
    fn shift(&self) -> io::Result<()> {
        for number in (0..self.kept).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the path of a predecessor; 0 is the file itself.
    fn numbered(&self, number: u32) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        if number > 0 {
            path.push(format!(".{number}"));
        }
        path.into()
    }
}

/// Opens a file to append to it; returns its size, too.
fn open(path: &Path) -> io::Result<(File, u64)> {
    // To open a pipe would wait for its reader.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is a folder, a pipe or a device, not a file"));
    }
    let file = File::options().append(true).create(true).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Folder(tempfile::tempdir().expect("a folder"))
        }

        fn log(&self) -> PathBuf {
            self.0.path().join("host.log")
        }

        /// Returns the names and contents of all files.
        fn files(&self) -> Vec<(String, String)> {
            let entries = fs::read_dir(self.0.path()).expect("read").flatten();
            let mut files: Vec<_> = entries
                .map(|entry| {
                    let content = fs::read_to_string(entry.path()).expect("read");
                    (entry.file_name().to_string_lossy().into_owned(), content)
                })
                .collect();
            files.sort();
            files
        }
    }

    fn texts(files: &[(String, String)]) -> Vec<(&str, &str)> {
        files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect()
    }

    #[test]
    fn whole_lines_go_to_the_next_file_and_the_oldest_is_removed() {
        let folder = Folder::new();
        fs::write(folder.log(), "old\n").expect("written");
        let mut log = RotatingFile::open(&folder.log(), Some(10), 2).expect("open");
        assert!(log.append(b"1\n2\n3\n").is_empty());
        assert_eq!(texts(&folder.files()), [("host.log", "old\n1\n2\n3\n")]);
        assert!(
            log.append(b"a line that is longer than a file\nx\n1234567\n")
                .is_empty()
        );
        assert_eq!(
            texts(&folder.files()),
            [
                ("host.log", "x\n1234567\n"),
                ("host.log.1", "a line that is longer than a file\n"),
                ("host.log.2", "old\n1\n2\n3\n"),
            ]
        );
        // One that comes in pieces stays together.
        for piece in ["begins, ", "goes on, ", "ends\nnext\n"] {
            assert!(log.append(piece.as_bytes()).is_empty());
        }
        assert_eq!(
            texts(&folder.files()),
            [
                ("host.log", "next\n"),
                ("host.log.1", "begins, goes on, ends\n"),
                ("host.log.2", "x\n1234567\n"),
            ]
        );
    }

    #[test]
    fn without_predecessors_it_begins_anew_and_without_a_limit_it_grows() {
        let folder = Folder::new();
        let mut log = RotatingFile::open(&folder.log(), Some(4), 0).expect("open");
        assert!(log.append(b"1\n2\n3\n").is_empty());
        assert_eq!(texts(&folder.files()), [("host.log", "3\n")]);
        let mut log = RotatingFile::open(&folder.log(), None, 5).expect("open");
        assert!(log.append(&b"x\n".repeat(10_000)).is_empty());
        assert_eq!(folder.files().len(), 1);
    }

    #[test]
    fn one_that_was_moved_or_removed_is_made_again() {
        let folder = Folder::new();
        let mut log = RotatingFile::open(&folder.log(), Some(100), 1).expect("open");
        log.append(b"1\n");
        fs::rename(folder.log(), folder.0.path().join("moved")).expect("moved");
        log.look();
        log.append(b"2\n");
        fs::remove_file(folder.log()).expect("removed");
        log.look();
        log.append(b"begins, ");
        fs::rename(folder.log(), folder.0.path().join("moved again")).expect("moved");
        log.look();
        log.append(b"ends\n");
        log.look();
        log.append(b"4\n");
        assert_eq!(
            texts(&folder.files()),
            [
                ("host.log", "4\n"),
                ("moved", "1\n"),
                ("moved again", "begins, ends\n")
            ]
        );
    }

    #[test]
    fn lines_without_a_folder_are_lost_and_counted() {
        let folder = Folder::new();
        let inner = folder.0.path().join("logs");
        fs::create_dir(&inner).expect("made");
        let mut log = RotatingFile::open(&inner.join("host.log"), None, 1).expect("open");
        log.append(b"1\n");
        fs::remove_dir_all(&inner).expect("removed");
        log.look();
        assert!(log.append(b"2\n3\n").is_empty(), "nobody can be told");
        fs::create_dir(&inner).expect("made");
        log.look();
        let troubles = log.append(b"4\n");
        assert!(matches!(troubles[..], [Trouble::Lost(2, _)]), "{troubles:?}");
        assert_eq!(fs::read_to_string(inner.join("host.log")).expect("read"), "4\n");
    }

    #[test]
    fn one_that_cannot_be_rotated_grows_and_says_so() {
        let folder = Folder::new();
        // A folder that is not empty cannot be replaced by a file.
        fs::create_dir_all(folder.0.path().join("host.log.1/x")).expect("a folder");
        let mut log = RotatingFile::open(&folder.log(), Some(4), 1).expect("open");
        let troubles = log.append(b"1\n2\n3\n4\n5\n");
        assert!(
            matches!(
                troubles.as_slice(),
                [Trouble::NotRotated(_), Trouble::NotRotated(_)]
            ),
            "{troubles:?}"
        );
        assert_eq!(fs::read_to_string(folder.log()).expect("read"), "1\n2\n3\n4\n5\n");
    }
}
