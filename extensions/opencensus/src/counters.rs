//! Counters on the host's `/metrics`: what became of spans, and malformed headers.

use funcdock_extension_api::{AppInfo, Counter, Result};
use funcdock_telemetry::export::{Fate, Meter};
use funcdock_telemetry::propagation::{Propagator, Propagators};

/// Registers an exporter's counters, one for each fate of a span.
pub(crate) fn meter(app: &AppInfo<'_>, exporter: &str) -> Result<Meter> {
    let label = ("exporter", exporter);
    let counter = |fate: Fate| match (fate, fate.drop_reason()) {
        (_, Some(reason)) => app.counter(
            "spans_dropped_total",
            "Spans that were lost, by reason",
            &[label, ("reason", reason)],
        ),
        (Fate::Rejected, None) => app.counter(
            "spans_rejected_total",
            "Spans that the receiver refused, of batches that it took",
            &[label],
        ),
        (_, None) => app.counter(
            "spans_exported_total",
            "Spans that the receiver acknowledged",
            &[label],
        ),
    };
    let counters = Fate::ALL.into_iter().map(counter).collect::<Result<Vec<_>>>()?;
    Ok(Box::new(move |fate, spans| counters[fate as usize].add(spans)))
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
