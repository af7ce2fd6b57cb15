//! Output that nobody may read: what is written waits in a queue, and a thread of its own writes it. A full queue drops
//! records and counts them. So neither a call nor a loop ever waits for the reader of stderr or stdout.
//!
//! Not `tracing-appender`: its queue is bounded by records and not by bytes, it does not say what it has dropped where
//! that is missing, prints to stdout itself at the end, and cannot work in a forked child.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The number of bytes that may wait for the reader.
const LIMIT: usize = 4 << 20;

/// The number of bytes that a write to a pipe keeps together, whoever else writes to it: other workers do.
const ATOMIC: usize = 4096;

/// The number of bytes that the queue keeps room for.
const KEPT: usize = 64 << 10;

/// How long a forked child waits for the reader.
const CHILD_PATIENCE: Duration = Duration::from_millis(100);

/// Whether this process is a forked child, which has no thread that writes.
static IS_FORKED: AtomicBool = AtomicBool::new(false);

/// The records that were dropped since the start of the process.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Returns the number of records of stderr and stdout that nobody has read in time, since the start of the process.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

thread_local! {
    /// The output that this thread writes to.
    static WRITES_FOR: Cell<*const Output> = const { Cell::new(ptr::null()) };
}

/// stderr or stdout.
pub(crate) struct Output {
    stream: Stream,
    queue: Mutex<Queue>,
    /// There is something to write.
    filled: Condvar,
    /// Everything is written.
    emptied: Condvar,
}

#[derive(Debug, Clone, Copy)]
enum Stream {
    Stderr,
    Stdout,
}

struct Queue {
    waiting: Vec<u8>,
    /// The number of records that had no place after those that wait.
    dropped: u64,
    /// Whether the thread is there.
    has_writer: bool,
    is_writing: bool,
}

/// The log, and the errors at the end.
pub(crate) static STDERR: Output = Output::new(Stream::Stderr);

/// The output of a host that serves.
pub(crate) static STDOUT: Output = Output::new(Stream::Stdout);

/// Has a forked child write records itself: the thread that writes is in its parent, and another thread of the parent may
/// have held the queue. Takes no lock.
pub(super) fn write_directly() {
    IS_FORKED.store(true, Ordering::Relaxed);
}

impl Output {
    const fn new(stream: Stream) -> Self {
        Output {
            stream,
            queue: Mutex::new(Queue {
                waiting: Vec::new(),
                dropped: 0,
                has_writer: false,
                is_writing: false,
            }),
            filled: Condvar::new(),
            emptied: Condvar::new(),
        }
    }

    /// Writes a record, which ends with a line break. Never waits, but in a forked child, and there not for long.
    pub(crate) fn write(&'static self, record: &[u8]) {
        if WRITES_FOR.get() == ptr::from_ref(self) {
            // What the thread itself says of the records that it has lost.
            let _ = self.stream.write(record, None);
            return;
        }
        if IS_FORKED.load(Ordering::Relaxed) {
            // What does not fit is lost: nobody is left to say so.
            let _ = self.stream.write(record, Some(CHILD_PATIENCE));
            return;
        }
        let mut queue = self.queue();
        // Once a record is missing all are, until there is room: then one message has the place of all.
        let has_room = queue.waiting.is_empty()
            || (queue.dropped == 0 && queue.waiting.len().saturating_add(record.len()) <= LIMIT);
        if !has_room || !self.ensure_writer(&mut queue) {
            queue.dropped += 1;
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.waiting.extend_from_slice(record);
        let is_idle = !queue.is_writing;
        drop(queue);
        if is_idle {
            self.filled.notify_one();
        }
    }

    /// Waits until everything is written, but not longer than this.
    pub(crate) fn flush(&self, time: Duration) {
        if IS_FORKED.load(Ordering::Relaxed) {
            return;
        }
        let end = Instant::now() + time;
        let mut queue = self.queue();
        while queue.is_writing || !queue.waiting.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.emptied.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // The queue is whole at any time.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the thread, unless there is one. Returns whether there is.
    fn ensure_writer(&'static self, queue: &mut Queue) -> bool {
        if !queue.has_writer {
            let thread = std::thread::Builder::new().name("output".to_owned());
            queue.has_writer = thread.spawn(move || self.run()).is_ok();
        }
        queue.has_writer
    }

    /// Writes what is in the queue, for as long as the process lives.
    fn run(&'static self) {
        WRITES_FOR.set(ptr::from_ref(self));
        let (mut batch, mut lost) = (Vec::new(), 0);
        loop {
            let mut queue = self.queue();
            while queue.waiting.is_empty() {
                queue.is_writing = false;
                self.emptied.notify_all();
                queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            queue.is_writing = true;
            std::mem::swap(&mut queue.waiting, &mut batch);
            let dropped = std::mem::take(&mut queue.dropped);
            drop(queue);

            let mut is_written = true;
            let mut rest = batch.as_slice();
            while !rest.is_empty() {
                let (piece, others) = rest.split_at(piece_length(rest));
                rest = others;
                is_written = self.stream.write(piece, None).is_ok();
                if !is_written {
                    let records = records_in(piece);
                    DROPPED.fetch_add(records, Ordering::Relaxed);
                    lost += records;
                }
            }
            lost += dropped;
            if lost > 0 && is_written {
                self.stream.report_lost(std::mem::take(&mut lost));
            }
            batch.clear();
            // After a time without a reader.
            batch.shrink_to(KEPT);
        }
    }
}

impl Stream {
    /// Writes all bytes. Takes no lock, unlike the standard library's own writers. With `patience`, gives up if the
    /// reader takes nothing for so long.
    fn write(self, bytes: &[u8], patience: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Stderr => write(io::stderr().as_fd(), bytes, patience),
            Stream::Stdout => write(io::stdout().as_fd(), bytes, patience),
        }
    }

    fn report_lost(self, count: u64) {
        match self {
            Stream::Stderr => tracing::error!(
                "{count} log records were dropped: nobody read stderr, or it could not be written"
            ),
            Stream::Stdout => {
                tracing::error!(
                    "{count} messages were dropped: nobody read stdout, or it could not be written"
                )
            }
        }
    }
}

fn write(to: BorrowedFd<'_>, mut bytes: &[u8], patience: Option<Duration>) -> io::Result<()> {
    // A pipe with room at all has room for this many.
    let most = if patience.is_some() { ATOMIC } else { usize::MAX };
    while !bytes.is_empty() {
        if patience.is_some() {
            wait_for_room(to, patience)?;
        }
        match nix::unistd::write(to, &bytes[..bytes.len().min(most)]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            // Another process has made the pipe or the terminal non-blocking.
            Err(Errno::EAGAIN) => wait_for_room(to, patience)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn wait_for_room(to: BorrowedFd<'_>, patience: Option<Duration>) -> io::Result<()> {
    let timeout = patience.map_or(Ok(PollTimeout::NONE), PollTimeout::try_from);
    let timeout = timeout.unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(to, PollFlags::POLLOUT)], timeout) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Returns how many of these bytes to write at once: whole records if they are short enough to be kept together, else
/// whole lines.
fn piece_length(bytes: &[u8]) -> usize {
    if bytes.len() <= ATOMIC {
        return bytes.len();
    }
    let line_ends = || (1..=ATOMIC).rev().filter(|end| bytes[end - 1] == b'\n');
    let record_end = line_ends().find(|end| bytes[*end] != b' ');
    let line_end = || line_ends().next();
    record_end.or_else(line_end).unwrap_or_else(|| {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        end.map_or(bytes.len(), |end| end + 1)
    })
}

/// Returns the number of records that begin in these bytes: further lines of a record begin with a space.
fn records_in(bytes: &[u8]) -> u64 {
    let starts = bytes.split(|byte| *byte == b'\n');
    let is_start = |line: &&[u8]| line.first().is_some_and(|first| *first != b' ');
    starts.filter(is_start).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_are_short_enough_are_written_in_one_piece() {
        let record = |length: usize| [vec![b'x'; length - 1], vec![b'\n']].concat();
        assert_eq!(piece_length(&record(100)), 100);
        let two = [record(4000), record(200)].concat();
        assert_eq!(piece_length(&two), 4000);
        let mut with_lines = [record(1000), record(2000), record(2000)].concat();
        assert_eq!(piece_length(&with_lines), 3000);
        with_lines[3000] = b' ';
        assert_eq!(
            piece_length(&with_lines),
            1000,
            "its last line belongs to the second"
        );
        with_lines[1000] = b' ';
        assert_eq!(
            piece_length(&with_lines),
            3000,
            "one record, longer than that: whole lines"
        );
        assert_eq!(piece_length(&[record(5000), record(10)].concat()), 5000);
        assert_eq!(piece_length(&[b'x'; 9000]), 9000);
    }

    #[test]
    fn records_are_counted_by_their_first_lines() {
        assert_eq!(records_in(b""), 0);
        assert_eq!(records_in(b"one\n  more\n  \ntwo\nthree\n"), 3);
        assert_eq!(records_in(b"  the rest of one\ntwo\n"), 1);
    }
}
