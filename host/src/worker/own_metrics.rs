//! The host's own metrics of a worker: calls, responses, the process.

use std::fmt;
use std::sync::{Arc, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::model::FunctionInfo;
use crate::pipeline::{BOUNDS, Counts, CountsNow, DurationsNow, ENDINGS, FunctionRunner};
use crate::triggers::http::{CLASSES, ResponseCounts};

type Labels = Vec<(&'static str, String)>;
type DurationsOf = fn(&CountsNow) -> &DurationsNow;

/// What the metrics are made of.
pub(super) struct OwnMetrics {
    pub(super) worker: u32,
    /// How often the worker of this index was started before.
    pub(super) restarts: u32,
    /// The functions by name, without the instances of extensions that they hold: these end before the worker.
    pub(super) functions: Vec<(Arc<FunctionInfo>, Arc<Counts>)>,
    pub(super) responses: Arc<ResponseCounts>,
    pub(super) runner: Weak<dyn FunctionRunner>,
}

impl OwnMetrics {
    /// Returns them as a complete text of OpenMetrics.
    pub(super) fn encode(&self) -> String {
        let functions = self.functions.iter();
        let now = Now {
            functions: functions
                .map(|(info, counts)| (info.name.clone(), counts.now()))
                .collect(),
            responses: self.responses.now(),
            gauges: [
                (
                    "funcdock_calls_waiting",
                    "Calls of synchronous functions that wait for a thread.",
                    self.runner.upgrade().map_or(0, |runner| runner.waiting()) as f64,
                ),
                (
                    "funcdock_worker_resident_memory_bytes",
                    "The resident memory of the worker's process.",
                    crate::sys::resident_bytes().unwrap_or_default() as f64,
                ),
            ],
            counters: [
                (
                    "funcdock_worker_restarts",
                    "How often the worker was started again or replaced.",
                    u64::from(self.restarts),
                ),
                (
                    "funcdock_log_records_dropped",
                    "Log records and messages that nobody read in time.",
                    crate::logging::dropped(),
                ),
            ],
        };
        let labels = std::iter::once(("worker".into(), self.worker.to_string().into()));
        let mut registry = Registry::with_labels(labels);
        registry.register_collector(Box::new(now));
        let mut text = String::new();
        let encoded = encode_registry(&mut text, &registry).and_then(|()| encode_eof(&mut text));
        // Writing to a String does not fail.
        debug_assert!(encoded.is_ok());
        text
    }
}

/// All values at one time.
#[derive(Debug)]
struct Now {
    functions: Vec<(String, CountsNow)>,
    responses: [u64; CLASSES.len()],
    gauges: [(&'static str, &'static str, f64); 2],
    counters: [(&'static str, &'static str, u64); 2],
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let of = |function: &str| -> Labels { vec![("function", function.to_owned())] };
        let help = "Calls that have ended, by how: a function has returned or raised, an extension has answered or refused.";
        let mut family = encoder.encode_descriptor("funcdock_calls", help, None, MetricType::Counter)?;
        for (function, counts) in &self.functions {
            for (ending, count) in ENDINGS.iter().zip(counts.endings) {
                let labels: Labels = vec![("function", function.clone()), ("outcome", (*ending).to_owned())];
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let histograms: [(&str, &str, DurationsOf); 2] = [
            (
                "funcdock_call_duration_seconds",
                "How long calls took, up to the end of the function.",
                |counts| &counts.durations,
            ),
            (
                "funcdock_call_wait_seconds",
                "How long calls waited before the function began: for a thread, or for the event loop.",
                |counts| &counts.waits,
            ),
        ];
        for (name, help, durations) in histograms {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
            for (function, counts) in &self.functions {
                let durations = durations(counts);
                let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
                let buckets: Vec<(f64, u64)> = bounds.zip(durations.ranges).collect();
                let count = durations.ranges.iter().sum();
                family
                    .encode_family(&of(function))?
                    .encode_histogram::<NoLabelSet>(durations.seconds, count, &buckets, None)?;
            }
        }
        let help = "Calls that run or wait.";
        let mut family =
            encoder.encode_descriptor("funcdock_calls_in_flight", help, None, MetricType::Gauge)?;
        for (function, counts) in &self.functions {
            family
                .encode_family(&of(function))?
                .encode_gauge(&counts.in_flight)?;
        }
        let help = "Responses by the class of their status, those of the host itself included.";
        let mut family =
            encoder.encode_descriptor("funcdock_http_responses", help, None, MetricType::Counter)?;
        for (class, count) in CLASSES.iter().zip(self.responses) {
            let labels: Labels = vec![("code", (*class).to_owned())];
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        for (name, help, value) in &self.gauges {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(value)?;
        }
        for (name, help, value) in &self.counters {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(value, None)?;
        }
        Ok(())
    }
}
