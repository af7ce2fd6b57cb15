//! One exporter with all that is its own: a queue, a thread, counters. One that is stuck costs the others nothing.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::queue::{Late, Queue};
use super::retry::Closing;
use super::tally::{Fate, Meter, Tally};
use super::trouble::{Throttle, Trouble};
use super::{Exporter, FlushError, StartError};
use crate::settings::Batching;
use crate::signal::Signal;

/// How often dropped spans are mentioned in the log, at most.
const DROPS_LOGGED_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Outlet {
    signal: Signal,
    /// What is exported to, as the log has it.
    target: String,
    batching: Batching,
    queue: Arc<Queue>,
    closing: Arc<Closing>,
    mention_drops: Throttle,
}

impl Outlet {
    /// Starts the exporter's thread.
    pub(super) fn start(
        signal: Signal,
        mut exporter: Box<dyn Exporter>,
        target: String,
        batching: Batching,
        meter: Option<Meter>,
    ) -> Result<Self, StartError> {
        let queue = Arc::new(Queue::new(batching, Tally::new(meter)));
        let closing = Arc::new(Closing::default());
        let mut trouble = Trouble::new(signal, &target);
        let (source, end) = (Arc::clone(&queue), Arc::clone(&closing));
        let run = move || {
            while let Some(batch) = source.take() {
                let result = exporter.export(&batch, &end);
                match &result {
                    Ok(_) => trouble.worked(),
                    Err(error) => trouble.failed(batch.len(), error),
                }
                source.settle(batch, result);
            }
            source.finish();
        };
        thread::Builder::new()
            .name(format!("export-{}", signal.name()))
            .spawn(run)?;
        Ok(Outlet {
            signal,
            target,
            batching,
            queue,
            closing,
            mention_drops: Throttle::new(DROPS_LOGGED_EVERY),
        })
    }

    /// Takes an ended span. Never blocks.
    pub(super) fn put(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        if let Err(Fate::QueueFull) = self.queue.put(encode) {
            self.mention_drop();
        }
    }

    #[cold]
    fn mention_drop(&self) {
        if self.mention_drops.now() {
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

    /// Lets what waits go out now.
    pub(super) fn hurry(&self) {
        self.queue.hurry();
    }

    /// Waits until what was hurried has gone out.
    pub(super) fn flush(&self, deadline: Instant) -> Result<(), FlushError> {
        self.told(self.queue.flush(deadline))
    }

    /// Takes no more spans; the exporter's thread exports those that wait and ends.
    pub(super) fn close(&self, deadline: Instant) {
        self.queue.close();
        self.closing.begin(deadline);
    }

    /// Waits for the end of the exporter's thread, and tells what became of all spans.
    pub(super) fn end(&self, deadline: Instant) -> Result<(), FlushError> {
        let result = self.told(self.queue.end(deadline));
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

    fn told(&self, result: Result<Result<(), super::ExportError>, Late>) -> Result<(), FlushError> {
        let target = self.target.clone();
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(FlushError::Export { target, error }),
            Err(Late { spans }) => Err(FlushError::Deadline {
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

impl Drop for Outlet {
    /// Lets the exporter's thread end, where a pipeline is given up while it is made.
    fn drop(&mut self) {
        self.queue.close();
    }
}
