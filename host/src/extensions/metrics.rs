//! Metrics: what the hooks did, and what extensions register themselves, in the text format of OpenMetrics.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use abi_stable::std_types::Tuple2;
use funcdock_extension_api::abi;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::registry::Registry;

use super::histogram::Histogram;
use super::registry::ExtensionReport;
use super::services::{InitContext, error};
use super::statistics::{BUCKETS, HookStatistics, bucket_bound};

type Labels = Vec<(String, String)>;
type Counters = Family<Labels, Counter>;
type Histograms = Family<Labels, Histogram, Bounds>;

/// The metrics of a worker.
#[derive(Default)]
pub(super) struct Metrics {
    worker: u32,
    registered: Mutex<Registered>,
}

/// What extensions have registered.
#[derive(Default)]
struct Registered {
    families: BTreeMap<String, Registration>,
    registry: Registry,
}

enum Registration {
    Counter(Counters),
    Histogram(Histograms, Vec<f64>),
}

#[derive(Clone)]
struct Bounds(Vec<f64>);

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(&self.0)
    }
}

impl Metrics {
    /// Those of the worker of this index, which they all carry as a label.
    pub(super) fn new(worker: u32) -> Self {
        Metrics {
            worker,
            registered: Mutex::new(Registered {
                families: BTreeMap::new(),
                registry: Registry::with_labels(worker_label(worker)),
            }),
        }
    }

    /// All metrics as text; `reports` is what the hooks did.
    pub(super) fn encode(&self, reports: Vec<ExtensionReport>) -> String {
        let mut hooks = Registry::with_labels(worker_label(self.worker));
        hooks.register_collector(Box::new(HookCollector(reports)));
        let mut text = String::new();
        let encoded = encode_registry(&mut text, &hooks)
            .and_then(|()| encode_registry(&mut text, &self.lock().registry))
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

/// The help text as the registry wants it: in one line, which the encoder escapes of labels alone, and without the full
/// stop, which it adds.
fn help(metric: &abi::MetricInfo<'_>) -> String {
    let help = metric.help.as_str();
    let help = help.strip_suffix('.').unwrap_or(help);
    help.replace('\\', "\\\\").replace('\n', "\\n")
}

impl InitContext<'_> {
    pub(super) fn counter(&self, metric: &abi::MetricInfo<'_>) -> Result<abi::Counter, abi::Error> {
        let (name, labels) = self.name_and_labels(metric)?;
        // The encoder puts it back.
        let name = name.strip_suffix("_total").unwrap_or(&name).to_owned();
        let mut registered = self.metrics.lock();
        let Registered { families, registry } = &mut *registered;
        let registration = families.entry(name.clone()).or_insert_with(|| {
            let family = Counters::default();
            registry.register(&name, help(metric), family.clone());
            Registration::Counter(family)
        });
        let Registration::Counter(family) = registration else {
            return Err(error(&format!("{name} is a histogram already")));
        };
        unsafe extern "C" fn add(this: *const c_void, amount: u64) {
            // SAFETY: `this` is the counter below, which is never freed.
            unsafe { &*this.cast::<Counter>() }.inc_by(amount);
        }
        // An extension's handle lives as long as the process.
        let counter: &'static Counter = Box::leak(Box::new(family.get_or_create_owned(&labels)));
        Ok(abi::Counter {
            add,
            this: std::ptr::from_ref(counter).cast(),
        })
    }

    pub(super) fn histogram(
        &self,
        metric: &abi::MetricInfo<'_>,
        bounds: &[f64],
    ) -> Result<abi::Histogram, abi::Error> {
        let (name, labels) = self.name_and_labels(metric)?;
        if !bounds.is_sorted_by(|a, b| a < b) || !bounds.iter().all(|bound| bound.is_finite()) {
            return Err(error(&format!("{name}: the bounds {bounds:?} do not ascend")));
        }
        let mut registered = self.metrics.lock();
        let Registered { families, registry } = &mut *registered;
        let registration = families.entry(name.clone()).or_insert_with(|| {
            let family = Histograms::new_with_constructor(Bounds(bounds.to_vec()));
            registry.register(&name, help(metric), family.clone());
            Registration::Histogram(family, bounds.to_vec())
        });
        let family = match registration {
            Registration::Histogram(family, known) if known == bounds => family,
            Registration::Histogram(_, known) => {
                return Err(error(&format!("{name} has the bounds {known:?} already")));
            }
            Registration::Counter(_) => return Err(error(&format!("{name} is a counter already"))),
        };
        unsafe extern "C" fn record(this: *const c_void, value: f64) {
            // SAFETY: `this` is the histogram below, which is never freed.
            unsafe { &*this.cast::<Histogram>() }.record(value);
        }
        let histogram: &'static Histogram = Box::leak(Box::new(family.get_or_create_owned(&labels)));
        Ok(abi::Histogram {
            record,
            this: std::ptr::from_ref(histogram).cast(),
        })
    }

    /// The metric's whole name, and its labels with the function's.
    fn name_and_labels(&self, metric: &abi::MetricInfo<'_>) -> Result<(String, Labels), abi::Error> {
        let given = metric.name.as_str();
        let valid = |text: &str| {
            text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !valid(given) {
            let problem = format!("{given:?} is no metric's name: letters, digits and underscores");
            return Err(error(&problem));
        }
        let mut labels = Labels::new();
        for Tuple2(name, value) in metric.labels.as_slice() {
            if !valid(name) || matches!(name.as_str(), "worker" | "function" | "le") {
                let problem = format!(
                    "metric {given}: {name:?} is no label's name: letters, digits and underscores, but not worker, \
                     function or le"
                );
                return Err(error(&problem));
            }
            if labels.iter().any(|(known, _)| known == name.as_str()) {
                return Err(error(&format!("metric {given}: label {name:?} is given twice")));
            }
            labels.push((name.to_string(), value.to_string()));
        }
        if let Some(function) = self.function {
            labels.push(("function".to_owned(), function.name.clone()));
        }
        // The same labels in another order are the same labels.
        labels.sort();
        let extension: String = self
            .extension
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        // A name that no metric's can begin with.
        let digit = extension.starts_with(|first: char| first.is_ascii_digit());
        let underscore = if digit { "_" } else { "" };
        Ok((format!("{underscore}{extension}_{given}"), labels))
    }
}

/// What the hooks of all extensions did.
#[derive(Debug)]
struct HookCollector(Vec<ExtensionReport>);

impl HookCollector {
    fn hooks(&self) -> impl Iterator<Item = (Labels, &HookStatistics)> {
        self.0.iter().flat_map(|report| {
            report.hooks.iter().map(|(hook, statistics)| {
                let labels = [("extension", report.name.as_str()), ("hook", *hook)];
                let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
                (labels.to_vec(), statistics)
            })
        })
    }

    fn counter(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&HookStatistics) -> u64,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, statistics) in self.hooks() {
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(&of(statistics), None)?;
        }
        Ok(())
    }
}

impl Collector for HookCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        type Of = fn(&HookStatistics) -> u64;
        let counters: [(&str, &str, Of); 6] = [
            ("calls", "Calls of the hook.", |hook| hook.calls),
            ("errors", "Calls of the hook that returned an error.", |hook| {
                hook.errors
            }),
            ("panics", "Calls of the hook that panicked.", |hook| hook.panics),
            (
                "slow",
                "Calls of the hook that took longer than its budget.",
                |hook| hook.slow,
            ),
            (
                "answers",
                "Calls of the hook that answered instead of the function.",
                |hook| hook.answers,
            ),
            (
                "refusals",
                "Calls of the hook that refused the invocation.",
                |hook| hook.refusals,
            ),
        ];
        for (name, help, of) in counters {
            self.counter(&mut encoder, &format!("funcdock_extension_hook_{name}"), help, of)?;
        }
        let mut family = encoder.encode_descriptor(
            "funcdock_extension_hook_duration_seconds",
            "How long calls of the hook took.",
            None,
            MetricType::Histogram,
        )?;
        for (labels, statistics) in self.hooks() {
            let buckets: [(f64, u64); BUCKETS] =
                std::array::from_fn(|index| (bucket_bound(index), statistics.latencies[index]));
            let sum = statistics.total_us as f64 / 1e6;
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                sum,
                statistics.calls,
                &buckets,
                None,
            )?;
        }
        Ok(())
    }
}
