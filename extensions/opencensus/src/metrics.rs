//! The metrics of functions: exported by OTLP, and shown on the host's `/metrics` under the names that OpenTelemetry gives
//! them for Prometheus.

use funcdock_extension_api::{AppInfo, Counter, Histogram, Result};
use funcdock_telemetry::metrics::{BYTES, CallOutcome, Metrics, SECONDS, Series};

/// The triggers that the host has. Metrics are registered before functions are known, so the trigger is their only label.
const TRIGGERS: [&str; 4] = ["http", "timer", "pubsub", "datasource"];

/// Nanoseconds in a second.
const SECOND: f64 = 1e9;

/// The metrics of one function. They live as long as the process.
pub(crate) struct FunctionMetrics {
    exported: &'static Series,
    /// `None` for triggers that the host does not show.
    shown: Option<TriggerMetrics>,
}

impl FunctionMetrics {
    pub(crate) fn new(exported: &'static Series, shown: Option<TriggerMetrics>) -> Self {
        FunctionMetrics { exported, shown }
    }

    /// Counts the worker's first call.
    pub(crate) fn cold_start(&self, metrics: &Metrics) {
        let init_duration = metrics.cold_start(self.exported);
        if let Some(shown) = &self.shown {
            shown.coldstarts.add(1);
            if let Some(seconds) = init_duration {
                shown.init_duration.record(seconds);
            }
        }
    }

    /// Counts a call that took so many nanoseconds.
    pub(crate) fn call_ended(&self, metrics: &Metrics, took: u64, call: CallOutcome) {
        metrics.call_ended(self.exported, took, call);
        if let Some(shown) = &self.shown {
            shown.call_ended(took, call, metrics.resident());
        }
    }
}

/// The metrics of all triggers.
pub(crate) struct HostMetrics(Vec<(&'static str, TriggerMetrics)>);

impl HostMetrics {
    pub(crate) fn register(app: &AppInfo<'_>) -> Result<Self> {
        let register = |trigger| Ok((trigger, TriggerMetrics::register(app, trigger)?));
        TRIGGERS
            .into_iter()
            .map(register)
            .collect::<Result<_>>()
            .map(HostMetrics)
    }

    /// Returns the metrics of a trigger; `None` if the host does not show them.
    pub(crate) fn of(&self, trigger: &str) -> Option<TriggerMetrics> {
        let found = self.0.iter().find(|(known, _)| *known == trigger);
        found.map(|(_, metrics)| *metrics)
    }
}

/// The metrics of one trigger. Copies count together.
#[derive(Clone, Copy)]
pub(crate) struct TriggerMetrics {
    invocations: Counter,
    errors: Counter,
    timeouts: Counter,
    coldstarts: Counter,
    invoke_duration: Histogram,
    init_duration: Histogram,
    mem_usage: Histogram,
}

impl TriggerMetrics {
    fn register(app: &AppInfo<'_>, trigger: &str) -> Result<Self> {
        let labels = [("faas_trigger", trigger)];
        let counter = |name, help| app.counter(name, help, &labels);
        let histogram = |name, help, bounds| app.histogram(name, help, &labels, bounds);
        Ok(TriggerMetrics {
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

    fn call_ended(&self, took: u64, call: CallOutcome, resident: Option<u64>) {
        let counter = match call.is_error {
            true => self.errors,
            false => self.invocations,
        };
        counter.add(1);
        if call.timed_out {
            self.timeouts.add(1);
        }
        if call.ran {
            self.invoke_duration.record(took as f64 / SECOND);
            if let Some(bytes) = resident {
                self.mem_usage.record(bytes as f64);
            }
        }
    }
}
