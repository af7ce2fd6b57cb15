//! Counters on the host's `/metrics`: what became of spans and log records, and malformed headers.

use funcdock_extension_api::{AppInfo, Counter, Result};
use funcdock_telemetry::export::{Fate, Meter};
use funcdock_telemetry::propagation::{Propagator, Propagators};

/// What is exported: the start of its counters' names, and of their descriptions.
#[derive(Clone, Copy)]
pub(crate) struct Items {
    prefix: &'static str,
    noun: &'static str,
}

pub(crate) const SPANS: Items = Items {
    prefix: "spans",
    noun: "Spans",
};

pub(crate) const LOG_RECORDS: Items = Items {
    prefix: "log_records",
    noun: "Log records",
};

/// Registers an exporter's counters, one for each fate of an item.
pub(crate) fn meter(app: &AppInfo<'_>, items: Items, exporter: &str) -> Result<Meter> {
    let Items { prefix, noun } = items;
    let label = ("exporter", exporter);
    let counter = |fate: Fate| match (fate, fate.drop_reason()) {
        (_, Some(reason)) => app.counter(
            &format!("{prefix}_dropped_total"),
            &format!("{noun} that were lost, by reason"),
            &[label, ("reason", reason)],
        ),
        (Fate::Rejected, None) => app.counter(
            &format!("{prefix}_rejected_total"),
            &format!("{noun} that the receiver refused, of batches that it took"),
            &[label],
        ),
        (_, None) => app.counter(
            &format!("{prefix}_exported_total"),
            &format!("{noun} that the receiver acknowledged"),
            &[label],
        ),
    };
    let counters = Fate::ALL.into_iter().map(counter).collect::<Result<Vec<_>>>()?;
    Ok(Box::new(move |fate, count| counters[fate as usize].add(count)))
}

/// Counts headers that break the rules of their format, by format.
pub(crate) struct MalformedHeaders([Option<Counter>; Propagator::ALL.len()]);

impl MalformedHeaders {
    pub(crate) fn register(app: &AppInfo<'_>, propagators: Propagators) -> Self {
        let counter = |propagator: Propagator| {
            let help = "Calls with trace headers or baggage that break the rules of their format.";
            let labels = [("propagator", propagator.name())];
            let is_used = propagators.iter().any(|used| used == propagator);
            // Without the counters of newer hosts, tracing works all the same.
            is_used.then(|| app.counter("malformed_headers_total", help, &labels).ok())?
        };
        MalformedHeaders(Propagator::ALL.map(counter))
    }

    #[cold]
    pub(crate) fn count(&self, propagator: Propagator) {
        if let Some(counter) = &self.0[propagator as usize] {
            counter.add(1);
        }
        tracing::debug!("headers of {} break its rules and are ignored", propagator.name());
    }
}
