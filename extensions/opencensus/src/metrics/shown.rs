//! The same metrics as the host's `/metrics` shows them, under the names that OpenTelemetry gives them for
//! Prometheus.

use funcdock_extension_api::{AppInfo, Counter, Histogram, Result};

use super::{BYTES, SECONDS};

/// The triggers that the host calls functions by, so far. Metrics are registered before functions are known:
/// the trigger is all that can be a label.
const TRIGGERS: [&str; 1] = ["http"];

/// The metrics of each trigger.
pub(super) struct Shown(Vec<(&'static str, OfTrigger)>);

/// The metrics of one trigger. Copies count together.
#[derive(Clone, Copy)]
pub(super) struct OfTrigger {
    pub(super) invocations: Counter,
    pub(super) errors: Counter,
    pub(super) timeouts: Counter,
    pub(super) coldstarts: Counter,
    pub(super) invoke_duration: Histogram,
    pub(super) init_duration: Histogram,
    pub(super) mem_usage: Histogram,
}

impl Shown {
    pub(super) fn register(app: &AppInfo<'_>) -> Result<Self> {
        let of = |trigger| Ok((trigger, OfTrigger::register(app, trigger)?));
        TRIGGERS.into_iter().map(of).collect::<Result<_>>().map(Shown)
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Shown(Vec::new())
    }

    /// Those of a trigger; `None` where they are not shown.
    pub(super) fn of(&self, trigger: &str) -> Option<OfTrigger> {
        let found = self.0.iter().find(|(known, _)| *known == trigger);
        found.map(|(_, metrics)| *metrics)
    }
}

impl OfTrigger {
    fn register(app: &AppInfo<'_>, trigger: &str) -> Result<Self> {
        let labels = [("faas_trigger", trigger)];
        let counter = |name, help| app.counter(name, help, &labels);
        let histogram = |name, help, bounds| app.histogram(name, help, &labels, bounds);
        Ok(OfTrigger {
            invocations: counter("faas_invocations_total", "Calls that ended well.")?,
            errors: counter("faas_errors_total", "Calls that failed, time-outs among them.")?,
            timeouts: counter(
                "faas_timeouts_total",
                "Calls that took longer than host.json's functionTimeout.",
            )?,
            coldstarts: counter("faas_coldstarts_total", "First calls of a worker.")?,
            invoke_duration: histogram("faas_invoke_duration_seconds", "How long calls took.", SECONDS)?,
            init_duration: histogram(
                "faas_init_duration_seconds",
                "How long the worker took from its start until its functions were loaded.",
                SECONDS,
            )?,
            mem_usage: histogram(
                "faas_mem_usage_bytes",
                "The resident set of the worker's process at the ends of calls.",
                BYTES,
            )?,
        })
    }
}
