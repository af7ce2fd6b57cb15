//! What became of the spans: each that ended is counted once, under one fate.

use std::fmt;

/// What becomes of an ended span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The receiver acknowledged it.
    Exported,
    /// The receiver took its batch and refused the span.
    Rejected,
    /// Dropped: the queue was full.
    QueueFull,
    /// Dropped: the receiver did not take its batch, after all retries.
    ExportFailed,
    /// Dropped: it ended after the pipeline was closed, or still waited at the deadline of the end.
    Shutdown,
}

impl Fate {
    /// All of them.
    pub const ALL: [Fate; 5] = [
        Fate::Exported,
        Fate::Rejected,
        Fate::QueueFull,
        Fate::ExportFailed,
        Fate::Shutdown,
    ];

    /// Returns why the span was dropped, as metrics and the log name it; `None` if it was not dropped.
    pub fn drop_reason(self) -> Option<&'static str> {
        match self {
            Fate::Exported | Fate::Rejected => None,
            Fate::QueueFull => Some("queue_full"),
            Fate::ExportFailed => Some("export_failed"),
            Fate::Shutdown => Some("shutdown"),
        }
    }
}

/// Adds to a host's counters what the tally counts: so many spans met this fate.
pub type Meter = Box<dyn Fn(Fate, u64) + Send>;

/// The number of spans by fate.
#[derive(Default)]
pub(super) struct Tally {
    counts: [u64; Fate::ALL.len()],
    /// `None` for signals that the host does not count.
    meter: Option<Meter>,
}

impl Tally {
    pub(super) fn new(meter: Option<Meter>) -> Self {
        Tally {
            counts: Default::default(),
            meter,
        }
    }

    pub(super) fn add(&mut self, fate: Fate, spans: usize) {
        if spans == 0 {
            return;
        }
        self.counts[fate as usize] += spans as u64;
        if let Some(meter) = &self.meter {
            meter(fate, spans as u64);
        }
    }

    pub(super) fn of(&self, fate: Fate) -> u64 {
        self.counts[fate as usize]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    pub(super) fn dropped(&self) -> u64 {
        drop_reasons().map(|(fate, _)| self.of(fate)).sum()
    }
}

fn drop_reasons() -> impl Iterator<Item = (Fate, &'static str)> {
    Fate::ALL
        .into_iter()
        .filter_map(|fate| Some((fate, fate.drop_reason()?)))
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
        for (index, (fate, reason)) in drop_reasons().enumerate() {
            let before = if index == 0 { " (" } else { ", " };
            write!(f, "{before}{reason} {}", self.of(fate))?;
        }
        f.write_str(")")
    }
}
