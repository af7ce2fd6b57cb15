//! Metrics: what the hooks did, and what extensions register themselves, in the text format of OpenMetrics.

mod histogram;
mod hooks;
mod name;
mod registered;

use std::sync::{Mutex, MutexGuard, PoisonError};

use funcdock_extension_api::abi;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

use super::report::ExtensionReport;
use hooks::HookCollector;
use name::Metric;
use registered::Registered;

/// The owner of a metric.
#[derive(Clone, Copy)]
pub(super) struct MetricOwner<'a> {
    /// The extension.
    pub(super) extension: &'a str,
    /// The function that the instance is for, of a function-level extension.
    pub(super) function: Option<&'a str>,
}

/// The metrics of a worker.
#[derive(Default)]
pub(super) struct Metrics {
    worker: u32,
    registered: Mutex<Registered>,
}

impl Metrics {
    /// Those of the worker of this index, which they all carry as a label.
    pub(super) fn new(worker: u32) -> Self {
        Metrics {
            worker,
            registered: Mutex::new(Registered::new(Registry::with_labels(worker_label(worker)))),
        }
    }

    /// Registers a counter.
    ///
    /// # Errors
    /// A name or a label that is not valid, or a name that another kind of metric has.
    pub(super) fn counter(
        &self,
        owner: MetricOwner<'_>,
        metric: &abi::MetricInfo<'_>,
    ) -> Result<abi::Counter, abi::Error> {
        let metric = Metric::new(owner, metric).map_err(invalid)?;
        self.lock().counter(metric).map_err(invalid)
    }

    /// Registers a gauge.
    ///
    /// # Errors
    /// As for a counter.
    pub(super) fn gauge(
        &self,
        owner: MetricOwner<'_>,
        metric: &abi::MetricInfo<'_>,
    ) -> Result<abi::Gauge, abi::Error> {
        let metric = Metric::new(owner, metric).map_err(invalid)?;
        self.lock().gauge(metric).map_err(invalid)
    }

    /// Registers a histogram with these upper bounds.
    ///
    /// # Errors
    /// As for a counter; also bounds that do not ascend, or differ from those that the histogram has.
    pub(super) fn histogram(
        &self,
        owner: MetricOwner<'_>,
        metric: &abi::MetricInfo<'_>,
        bounds: &[f64],
    ) -> Result<abi::Histogram, abi::Error> {
        let metric = Metric::new(owner, metric).map_err(invalid)?;
        self.lock().histogram(metric, bounds).map_err(invalid)
    }

    /// All metrics as text; `reports` is what the hooks did.
    pub(super) fn encode(&self, reports: Vec<ExtensionReport>) -> String {
        let mut hooks = Registry::with_labels(worker_label(self.worker));
        hooks.register_collector(Box::new(HookCollector(reports)));
        let mut text = String::new();
        let encoded = encode_registry(&mut text, &hooks)
            .and_then(|()| encode_registry(&mut text, self.lock().registry()))
            .and_then(|()| encode_eof(&mut text));
        // Writing to a String does not fail.
        debug_assert!(encoded.is_ok());
        text
    }

    /// Nothing that holds the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn worker_label(
    worker: u32,
) -> std::iter::Once<(std::borrow::Cow<'static, str>, std::borrow::Cow<'static, str>)> {
    std::iter::once(("worker".into(), worker.to_string().into()))
}

fn invalid(problem: String) -> abi::Error {
    abi::Error::new(abi::ERROR_VALUE, problem)
}
