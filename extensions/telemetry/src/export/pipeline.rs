//! All exporters of a signal together.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Exporter;
#[cfg(test)]
use super::Fate;
use super::error::{FlushError, FlushErrors};
use super::processor::Processor;
use crate::encode::Limits;
use crate::settings::Batching;
use crate::signal::Signal;

/// The memory that a thread keeps for encoding a span for several exporters.
const SCRATCH_BYTES: usize = 64 << 10;

/// This process was forked from the one that has the exporters' threads.
static IS_FORKED_CHILD: AtomicBool = AtomicBool::new(false);

/// Exports nothing from now on, as this process is a forked child, which has no exporters' threads.
pub fn enter_forked_child() {
    IS_FORKED_CHILD.store(true, Ordering::Relaxed);
}

fn is_forked_child() -> bool {
    IS_FORKED_CHILD.load(Ordering::Relaxed)
}

/// Where ended spans go, or log records. Used by any number of threads.
pub struct Pipeline {
    /// None if nothing is exported.
    processors: Vec<Processor>,
    limits: Limits,
}

impl Pipeline {
    /// A pipeline into these exporters.
    pub(crate) fn new(processors: Vec<Processor>, limits: Limits) -> Pipeline {
        Pipeline { processors, limits }
    }

    /// A pipeline that exports nothing; spans need not be recorded for it.
    pub fn off() -> Pipeline {
        Pipeline::new(Vec::new(), Limits::default())
    }

    /// A pipeline into one exporter; `target` names it in the log.
    ///
    /// # Errors
    /// The exporter's thread cannot be started.
    pub fn to(
        signal: Signal,
        exporter: impl Exporter,
        target: &str,
        batching: Batching,
    ) -> io::Result<Pipeline> {
        let processor = Processor::start(signal, Box::new(exporter), target.to_owned(), batching, None)?;
        Ok(Pipeline::new(vec![processor], Limits::default()))
    }

    /// Whether spans are worth recording.
    pub fn is_on(&self) -> bool {
        !self.processors.is_empty() && !is_forked_child()
    }

    /// The most that a span keeps.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Takes an ended span, which `encode` appends as a field of OTLP's `ScopeSpans`. Never blocks.
    pub fn export(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        thread_local! {
            static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        match &self.processors[..] {
            [] => {}
            // Another thread may have held the queue's lock when it was forked, and the parent exports what is in there.
            _ if is_forked_child() => {}
            [only] => only.put(encode),
            several => SCRATCH.with_borrow_mut(|scratch| {
                encode(scratch);
                for processor in several {
                    processor.put(|out| out.extend_from_slice(scratch));
                }
                scratch.clear();
                scratch.shrink_to(SCRATCH_BYTES);
            }),
        }
    }

    /// Exports what waits, within the deadline.
    ///
    /// # Errors
    /// The deadline passed, and the rest still waits; or an export failed.
    pub fn flush(&self, deadline: Duration) -> Result<(), FlushErrors> {
        let end = Instant::now() + deadline;
        for processor in &self.processors {
            processor.request_flush();
        }
        collect(self.processors.iter().map(|processor| processor.flush(end)))
    }

    /// Takes no further spans, and lets the exporters' threads end; does not wait for them.
    pub fn close(&self, deadline: Instant) {
        for processor in &self.processors {
            processor.close(deadline);
        }
    }

    /// Exports what waits and ends the exporters' threads, within the deadline. Logs the fates of all spans.
    ///
    /// # Errors
    /// The deadline passed, and what was left is lost; or an export failed.
    pub fn shutdown(&self, deadline: Duration) -> Result<(), FlushErrors> {
        let end = Instant::now() + deadline;
        self.close(end);
        collect(self.processors.iter().map(|processor| processor.end(end)))
    }

    #[cfg(test)]
    pub(super) fn processors(&self) -> &[Processor] {
        &self.processors
    }

    /// The number of spans that met this fate, at all exporters together.
    #[cfg(test)]
    pub(crate) fn count(&self, fate: Fate) -> u64 {
        self.processors
            .iter()
            .map(|processor| processor.count(fate))
            .sum()
    }
}

/// Runs through all results, and returns all errors.
fn collect(results: impl Iterator<Item = Result<(), FlushError>>) -> Result<(), FlushErrors> {
    let errors: Vec<_> = results.filter_map(Result::err).collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(FlushErrors(errors)),
    }
}
