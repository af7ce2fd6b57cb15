//! Sends stderr of this process and its children to a file: what the host logs, what its workers do, and what Python and
//! libraries print there themselves. All of it comes through one pipe, so that one thread can begin new files.

use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::rotation::{RotatingFile, Trouble};
use super::{LAST_WORDS, flush};
use crate::sys::replace_stderr;

/// The number of bytes that the pipe is asked to hold, while the file is slow.
const PIPE: i32 = 1 << 20;

/// The number of bytes that are read at once, and of a line after which it is written in pieces.
const CHUNK: usize = 64 << 10;

/// A file that has the place of stderr until this is dropped.
#[derive(Debug)]
pub struct LogFile {
    /// stderr as it was.
    original: OwnedFd,
    /// Closed when the thread is to end.
    stop: Option<PipeWriter>,
    ended: Receiver<()>,
    is_moved: Arc<AtomicBool>,
}

impl LogFile {
    /// Sends stderr to this file from now on. A file of `limit` bytes is followed by another one (`None`: never), and `kept`
    /// of its predecessors stay.
    pub fn begin(path: &Path, limit: Option<u64>, kept: u32) -> io::Result<Self> {
        let file = RotatingFile::open(path, limit, kept)?;
        let (reader, stderr) = io::pipe()?;
        let (stopped, stop) = io::pipe()?;
        // A smaller one is good, too.
        let _ = fcntl(&stderr, FcntlArg::F_SETPIPE_SZ(PIPE));
        let is_moved = Arc::<AtomicBool>::default();
        let (end, ended) = channel();
        let writer = FileWriter {
            file,
            reader,
            stopped,
            is_moved: Arc::clone(&is_moved),
            _end: end,
        };
        std::thread::Builder::new()
            .name("log-file".to_owned())
            .spawn(move || writer.run())?;
        Ok(LogFile {
            original: replace_stderr(&stderr)?,
            stop: Some(stop),
            ended,
            is_moved,
        })
    }

    /// Returns what has the next line look whether the file was moved away, which is then made again.
    pub fn reopen(&self) -> impl Fn() + Send + Sync + 'static {
        let is_moved = Arc::clone(&self.is_moved);
        move || is_moved.store(true, Ordering::Relaxed)
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        flush();
        // It fails only for a descriptor that is not open.
        let _ = replace_stderr(&self.original);
        self.stop = None;
        // It drops its end when everything is written. A disk that hangs does not hold up the end of the host.
        let _ = self.ended.recv_timeout(LAST_WORDS);
    }
}

/// The thread that writes the file.
struct FileWriter {
    file: RotatingFile,
    reader: PipeReader,
    stopped: PipeReader,
    is_moved: Arc<AtomicBool>,
    _end: Sender<()>,
}

impl FileWriter {
    fn run(mut self) {
        // Whole lines are written, the rest waits here for its end.
        let mut waiting = Vec::new();
        while self.wait() {
            match self.read(&mut waiting) {
                Ok(true) => {}
                // There is no writer any more, or the pipe cannot be read.
                Ok(false) | Err(_) => break,
            }
        }
        // What is left in the pipe. A process that a function has left behind may hold it open.
        let flags = fcntl(&self.reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        while flags.is_ok() && matches!(self.read(&mut waiting), Ok(true)) {}
        self.append(&waiting);
    }

    /// Waits for something to read. Returns `false` at the end.
    fn wait(&self) -> bool {
        let mut descriptors =
            [&self.reader, &self.stopped].map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
        match poll(&mut descriptors, PollTimeout::NONE) {
            Ok(_) => descriptors[1].revents().is_some_and(|events| events.is_empty()),
            Err(Errno::EINTR | Errno::EAGAIN) => true,
            Err(_) => false,
        }
    }

    /// Reads from the pipe, and writes whole lines. Returns `false` if there is nothing, and never will be.
    fn read(&mut self, waiting: &mut Vec<u8>) -> io::Result<bool> {
        let begin = waiting.len();
        waiting.resize(begin + CHUNK, 0);
        let read = self.reader.read(&mut waiting[begin..]);
        waiting.truncate(begin + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error),
        }
        let whole = match memchr::memrchr(b'\n', waiting) {
            Some(end) => end + 1,
            None if waiting.len() >= CHUNK => waiting.len(),
            None => 0,
        };
        self.append(&waiting[..whole]);
        waiting.drain(..whole);
        Ok(true)
    }

    fn append(&mut self, lines: &[u8]) {
        if self.is_moved.swap(false, Ordering::Relaxed) {
            self.file.look();
        }
        // These records come back through the pipe, from the queue that never waits.
        for trouble in self.file.append(lines) {
            match trouble {
                Trouble::Lost(count, why) => {
                    tracing::error!(
                        "{count} lines of the log were lost so far: its file could not be written: {why}"
                    );
                }
                Trouble::NotRotated(why) => {
                    tracing::error!("the log file is full and no new one can be made, so it grows: {why}");
                }
            }
        }
    }
}
