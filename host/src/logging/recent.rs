//! The recent records of the host, for `funcdock logs`: what the supervisor and all workers log and print. The supervisor
//! makes the memory, workers get it with their other descriptors, and each process adds what it writes.
//!
//! To add a record costs a copy, whether somebody reads or not. Readers look for new records by themselves, so nobody who
//! logs wakes or waits for them.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::escape::OneLine;
use super::ring::{Reader, Ring};
use super::{Format, Level, json};

static RING: OnceLock<Ring> = OnceLock::new();

/// The index of the cell of this worker process.
static CELL: OnceLock<u32> = OnceLock::new();

/// Whether this process logs in JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// The recent records of the host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recent(&'static Ring);

impl Recent {
    /// Returns them, if this process has any.
    pub(crate) fn get() -> Option<Self> {
        RING.get().map(Recent)
    }

    /// Begins to keep records, unless that has begun. In the supervisor.
    pub(crate) fn begin() -> io::Result<Self> {
        if RING.get().is_none() {
            let ring = Ring::new()?;
            // Fails if another thread was faster.
            let _ = RING.set(ring);
        }
        Recent::get().ok_or_else(|| io::Error::other("it was not set"))
    }

    /// Adds the records of this worker process, which has this cell, to those of its supervisor, if that keeps any.
    pub(crate) fn join(descriptor: OwnedFd, cell: u32) -> io::Result<()> {
        let file = File::from(descriptor);
        if file.metadata()?.is_file() {
            // A process joins once.
            let _ = (CELL.set(cell), RING.set(Ring::of(file.into())?));
        }
        Ok(())
    }

    /// Says that this worker process logs no more of calls. Its supervisor says so, too, when it has exited.
    pub(crate) fn finish(self) {
        if let Some(cell) = CELL.get() {
            self.set_busy(*cell, false);
        }
    }

    /// Returns a descriptor for a worker: of the memory, or of /dev/null if there is none.
    pub(crate) fn descriptor() -> io::Result<OwnedFd> {
        match RING.get() {
            Some(ring) => ring.descriptor(),
            None => Ok(File::open("/dev/null")?.into()),
        }
    }

    /// Returns a reader of all records that are kept.
    pub(crate) fn read(self) -> Reader {
        Reader::oldest(self.0)
    }

    /// Returns a reader that goes on at this [place](Reader::place); `None` if that is not one of this host.
    pub(crate) fn read_after(self, place: &str) -> Option<Reader> {
        Reader::after(self.0, place)
    }

    /// Sets whether the worker process with this cell may still log of calls.
    pub(crate) fn set_busy(self, cell: u32, is_busy: bool) {
        self.0.set_busy(cell, is_busy);
    }

    /// Whether a worker may still log of calls.
    pub(crate) fn is_busy(self) -> bool {
        self.0.is_busy()
    }

    /// Says that the host stops.
    pub(crate) fn stop(self) {
        self.0.stop();
    }

    /// Whether the host stops.
    pub(crate) fn is_stopping(self) -> bool {
        self.0.is_stopping()
    }
}

/// Adds a record, of which this is the text, with its last line break.
pub(super) fn remember(level: Level, function: Option<&str>, text: &[u8]) {
    if let Some(ring) = RING.get() {
        ring.add(level, function.unwrap_or_default(), text);
    }
}

/// Where something was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Printed {
    /// To stdout.
    Stdout,
    /// To stderr.
    Stderr,
}

impl Printed {
    /// The logger of a record that has what was printed.
    fn logger(self) -> &'static str {
        match self {
            Printed::Stdout => "stdout",
            Printed::Stderr => "stderr",
        }
    }
}

/// Adds what this process prints itself. Each line is a record, but in a log of JSON empty ones are left out.
pub(super) fn remember_lines(to: Printed, level: Level, lines: &str) {
    if RING.get().is_none() {
        return;
    }
    for line in lines.split_inclusive('\n') {
        // Lines about requests may be JSON already.
        if !is_json() || line.starts_with('{') {
            remember(level, None, line.as_bytes());
        } else if !line.trim().is_empty() {
            let record = json::printed(level, to.logger(), None, line.trim_end());
            remember(level, None, record.as_bytes());
        }
    }
}

/// Adds a line that a function has printed, without its end. What could steer a terminal is escaped; in a log of JSON the line
/// is the message of a record.
pub fn remember_printed(to: Printed, function: Option<&str>, line: &str) {
    if RING.get().is_none() {
        return;
    }
    let function = function.filter(|name| !name.is_empty());
    let record = match is_json() {
        true => json::printed(Level::Info, to.logger(), function, line),
        false => format!("{}\n", OneLine(line)),
    };
    remember(Level::Info, function, record.as_bytes());
}

/// Says in which format this process logs.
pub(super) fn set_format(format: Format) {
    IS_JSON.store(format == Format::Json, Ordering::Relaxed);
}

fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}
