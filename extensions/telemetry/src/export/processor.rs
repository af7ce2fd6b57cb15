//! One exporter with its own queue, thread and counters, so that a stuck one does not affect the others.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::error::FlushError;
use super::failure_log::{FailureLog, Throttle};
use super::queue::{DeadlinePassed, Queue};
use super::shutdown_signal::ShutdownSignal;
use super::tally::{Fate, Meter, Tally};
use super::{ExportError, Exporter};
use crate::settings::Batching;
use crate::signal::Signal;

/// The least time between warnings of dropped spans.
const DROPS_LOGGED_EVERY: Duration = Duration::from_secs(10);

/// One exporter with its queue and thread.
pub(crate) struct Processor {
    signal: Signal,
    /// The destination's name in the log.
    target: String,
    batching: Batching,
    queue: Arc<Queue>,
    closing: Arc<ShutdownSignal>,
    drop_warnings: Throttle,
}

impl Processor {
    /// Starts the exporter's thread.
    pub(crate) fn start(
        signal: Signal,
        mut exporter: Box<dyn Exporter>,
        target: String,
        batching: Batching,
        meter: Option<Meter>,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(batching, Tally::new(meter)));
        let closing = Arc::new(ShutdownSignal::default());
        let mut failures = FailureLog::new(signal, &target);
        let (source, end) = (Arc::clone(&queue), Arc::clone(&closing));
        let run = move || {
            while let Some(batch) = source.take() {
                let result = exporter.export(&batch, &end);
                match &result {
                    Ok(_) => failures.export_worked(),
                    Err(error) => failures.export_failed(batch.len(), error),
                }
                source.record_batch(batch, result);
            }
            source.finish();
        };
        thread::Builder::new()
            .name(format!("export-{}", signal.name()))
            .spawn(run)?;
        Ok(Processor {
            signal,
            target,
            batching,
            queue,
            closing,
            drop_warnings: Throttle::new(DROPS_LOGGED_EVERY),
        })
    }

    /// Takes an ended span. Never blocks.
    pub(super) fn put(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        if let Err(Fate::QueueFull) = self.queue.put(encode) {
            self.warn_of_drop();
        }
    }

    #[cold]
    fn warn_of_drop(&self) {
        if self.drop_warnings.is_due() {
            tracing::warn!(
                "{} {} for {} dropped so far: more come than the exporter takes and the queue of {} and {} bytes \
                 holds; raise {}, or lower the load",
                self.queue.with_tally(|tally| tally.of(Fate::QueueFull)),
                self.signal.items(),
                self.target,
                self.batching.queue,
                self.batching.queue_bytes,
                match self.signal {
                    Signal::Logs => "OTEL_BLRP_MAX_QUEUE_SIZE",
                    Signal::Traces | Signal::Metrics => "\"queue\" or \"queue_bytes\"",
                }
            );
        }
    }

    /// Exports what waits now.
    pub(super) fn request_flush(&self) {
        self.queue.request_flush();
    }

    /// Waits for the end of the requested flush.
    pub(super) fn flush(&self, deadline: Instant) -> Result<(), FlushError> {
        self.outcome(self.queue.flush(deadline))
    }

    /// Takes no further spans; the exporter's thread exports those that wait and ends.
    pub(super) fn close(&self, deadline: Instant) {
        self.queue.close();
        self.closing.begin(deadline);
    }

    /// Waits for the end of the exporter's thread, and logs the fates of all spans.
    pub(super) fn end(&self, deadline: Instant) -> Result<(), FlushError> {
        let result = self.outcome(self.queue.end(deadline));
        self.queue.with_tally(|tally| {
            let items = self.signal.items();
            if tally.dropped() > 0 {
                tracing::warn!("{items} for {}: {tally}", self.target);
            } else if !tally.is_empty() {
                tracing::info!("{items} for {}: {tally}", self.target);
            }
        });
        result
    }

    fn outcome(&self, result: Result<Result<(), ExportError>, DeadlinePassed>) -> Result<(), FlushError> {
        let target = self.target.clone();
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(FlushError::Export { target, error }),
            Err(DeadlinePassed { spans }) => Err(FlushError::Deadline {
                target,
                count: spans,
                items: self.signal.items(),
            }),
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self, fate: Fate) -> u64 {
        self.queue.with_tally(|tally| tally.of(fate))
    }
}

impl Drop for Processor {
    /// Lets the exporter's thread end if a pipeline is given up while it is made.
    fn drop(&mut self) {
        self.queue.close();
    }
}
