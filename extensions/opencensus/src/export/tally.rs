//! What became of the spans: each that ended is counted once, under one of these.

use std::fmt;

use funcdock_extension_api::{AppInfo, Counter, Result};

/// What becomes of an ended span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The other side acknowledged it.
    Exported,
    /// The other side took its batch and refused the span.
    Rejected,
    /// More ended than the exporter took and the queue holds.
    QueueFull,
    /// The other side did not take its batch, after all retries.
    ExportFailed,
    /// It ended when nobody took spans any more, or still waited when the time to shut down was over.
    Shutdown,
}

const FATES: usize = 5;
const DROPPED: [(Fate, &str); 3] = [
    (Fate::QueueFull, "queue_full"),
    (Fate::ExportFailed, "export_failed"),
    (Fate::Shutdown, "shutdown"),
];

/// One exporter's counters on `/metrics`.
pub(super) struct Meter([Counter; FATES]);

impl Meter {
    /// Registers them; `exporter` is their label.
    pub(super) fn register(app: &AppInfo<'_>, exporter: &str) -> Result<Self> {
        let dropped = |(_, reason): (Fate, &str)| {
            app.counter(
                "spans_dropped_total",
                "Spans that were lost, by reason",
                &[("exporter", exporter), ("reason", reason)],
            )
        };
        let labels = [("exporter", exporter)];
        let [queue_full, export_failed, shutdown] = DROPPED;
        // In the order of `Fate`.
        Ok(Meter([
            app.counter(
                "spans_exported_total",
                "Spans that the receiver acknowledged",
                &labels,
            )?,
            app.counter(
                "spans_rejected_total",
                "Spans that the receiver refused, of batches that it took",
                &labels,
            )?,
            dropped(queue_full)?,
            dropped(export_failed)?,
            dropped(shutdown)?,
        ]))
    }
}

/// How many spans met which fate so far.
#[derive(Default)]
pub(super) struct Tally {
    counts: [u64; FATES],
    /// Counts the same; `None` in tests.
    meter: Option<Meter>,
}

impl Tally {
    pub(super) fn new(meter: Option<Meter>) -> Self {
        Tally {
            counts: [0; FATES],
            meter,
        }
    }

    pub(super) fn add(&mut self, fate: Fate, spans: usize) {
        if spans == 0 {
            return;
        }
        self.counts[fate as usize] += spans as u64;
        if let Some(Meter(counters)) = &self.meter {
            counters[fate as usize].add(spans as u64);
        }
    }

    pub(super) fn of(&self, fate: Fate) -> u64 {
        self.counts[fate as usize]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    pub(super) fn dropped(&self) -> u64 {
        DROPPED.iter().map(|(fate, _)| self.of(*fate)).sum()
    }
}

impl fmt::Display for Tally {
    /// "7 exported, 0 rejected, 3 dropped (queue_full 1, export_failed 2, shutdown 0)"
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (exported, rejected) = (self.of(Fate::Exported), self.of(Fate::Rejected));
        write!(
            f,
            "{exported} exported, {rejected} rejected, {} dropped",
            self.dropped()
        )?;
        for (index, (fate, reason)) in DROPPED.into_iter().enumerate() {
            let before = if index == 0 { " (" } else { ", " };
            write!(f, "{before}{reason} {}", self.of(fate))?;
        }
        f.write_str(")")
    }
}
