//! Counts headers that break the rules of their format, as metrics of the host.

use funcdock_extension_api::{AppInfo, Counter};

use crate::propagation::{Propagator, Propagators};

/// A counter for each format in use.
pub(crate) struct Malformed([Option<Counter>; Propagator::ALL.len()]);

impl Malformed {
    pub(crate) fn register(app: &AppInfo<'_>, propagators: Propagators) -> Self {
        let counter = |propagator: Propagator| {
            let help = "Calls with trace headers or baggage that break the rules of their format.";
            let labels = [("propagator", propagator.name())];
            let is_used = propagators.iter().any(|used| used == propagator);
            // An older host has no metrics, which is no reason to trace nothing.
            is_used.then(|| app.counter("malformed_headers_total", help, &labels).ok())?
        };
        Malformed(Propagator::ALL.map(counter))
    }

    #[cold]
    pub(crate) fn count(&self, propagator: Propagator) {
        if let Some(counter) = &self.0[propagator as usize] {
            counter.add(1);
        }
        tracing::debug!("headers of {} break its rules and are ignored", propagator.name());
    }
}
