//! Counters, gauges and histograms that the extension registers, for the test to read.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use abi_stable::std_types::Tuple2;

use super::log::lock;
use crate::abi;

/// What a histogram has recorded.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HistogramValue {
    /// How many values.
    pub count: u64,
    /// Their sum, in the unit of the histogram.
    pub sum: f64,
    /// The upper bound of each bucket, and how many values lie above the bound before it and not above this one. The
    /// last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
}

type Labels = Vec<(String, String)>;

/// The metrics of an extension.
#[derive(Default)]
pub(super) struct Metrics(Mutex<BTreeMap<String, Family>>);

enum Family {
    Counter(BTreeMap<Labels, &'static AtomicU64>),
    /// The bits of the numbers.
    Gauge(BTreeMap<Labels, &'static AtomicU64>),
    Histogram(Vec<f64>, BTreeMap<Labels, &'static Recorded>),
}

impl Family {
    fn kind(&self) -> &'static str {
        match self {
            Family::Counter(_) => "counter",
            Family::Gauge(_) => "gauge",
            Family::Histogram(..) => "histogram",
        }
    }
}

/// Values by bucket; the handle of an extension lives as long as the process.
struct Recorded(Mutex<HistogramValue>);

impl Metrics {
    pub(super) fn counter(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        match lock(&self.0).get(name)? {
            Family::Counter(cells) => Some(cells.get(&sorted(labels))?.load(Ordering::Relaxed)),
            Family::Gauge(_) | Family::Histogram(..) => None,
        }
    }

    pub(super) fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        match lock(&self.0).get(name)? {
            Family::Gauge(cells) => {
                let bits = cells.get(&sorted(labels))?.load(Ordering::Relaxed);
                Some(f64::from_bits(bits))
            }
            Family::Counter(_) | Family::Histogram(..) => None,
        }
    }

    pub(super) fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Option<HistogramValue> {
        match lock(&self.0).get(name)? {
            Family::Counter(_) | Family::Gauge(_) => None,
            Family::Histogram(_, cells) => Some(lock(&cells.get(&sorted(labels))?.0).clone()),
        }
    }

    pub(super) fn register_counter(&self, metric: &Metric) -> Result<abi::Counter, abi::Error> {
        let mut families = lock(&self.0);
        let family = families
            .entry(metric.name.clone())
            .or_insert_with(|| Family::Counter(BTreeMap::new()));
        let Family::Counter(cells) = family else {
            return Err(invalid(format!("{} is a {} already", metric.name, family.kind())));
        };
        unsafe extern "C" fn add(this: *const c_void, amount: u64) {
            // SAFETY: `this` is the counter below, which is never freed.
            unsafe { &*this.cast::<AtomicU64>() }.fetch_add(amount, Ordering::Relaxed);
        }
        let cell: &'static AtomicU64 = cells
            .entry(metric.labels.clone())
            .or_insert_with(|| Box::leak(Box::default()));
        // SAFETY: the function expects such a counter, which is never freed.
        Ok(unsafe { abi::Counter::new(add, std::ptr::from_ref(cell).cast()) })
    }

    pub(super) fn register_gauge(&self, metric: &Metric) -> Result<abi::Gauge, abi::Error> {
        let mut families = lock(&self.0);
        let family = families
            .entry(metric.name.clone())
            .or_insert_with(|| Family::Gauge(BTreeMap::new()));
        let Family::Gauge(cells) = family else {
            return Err(invalid(format!("{} is a {} already", metric.name, family.kind())));
        };
        unsafe extern "C" fn set(this: *const c_void, value: f64) {
            // SAFETY: `this` is the gauge below, which is never freed.
            unsafe { &*this.cast::<AtomicU64>() }.store(value.to_bits(), Ordering::Relaxed);
        }
        unsafe extern "C" fn add(this: *const c_void, amount: f64) {
            // SAFETY: as above.
            let cell = unsafe { &*this.cast::<AtomicU64>() };
            let add = |bits| Some((f64::from_bits(bits) + amount).to_bits());
            // It never refuses.
            let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
        let cell: &'static AtomicU64 = cells
            .entry(metric.labels.clone())
            .or_insert_with(|| Box::leak(Box::default()));
        // SAFETY: the functions expect such a gauge, which is never freed.
        Ok(unsafe { abi::Gauge::new(set, add, std::ptr::from_ref(cell).cast()) })
    }

    pub(super) fn register_histogram(
        &self,
        metric: &Metric,
        bounds: &[f64],
    ) -> Result<abi::Histogram, abi::Error> {
        let name = &metric.name;
        if !bounds.is_sorted_by(|a, b| a < b) || !bounds.iter().all(|bound| bound.is_finite()) {
            return Err(invalid(format!("{name}: the bounds {bounds:?} do not ascend")));
        }
        let mut families = lock(&self.0);
        let family = families
            .entry(name.clone())
            .or_insert_with(|| Family::Histogram(bounds.to_vec(), BTreeMap::new()));
        let cells = match family {
            Family::Histogram(known, cells) if known == bounds => cells,
            Family::Histogram(known, _) => {
                return Err(invalid(format!("{name} has the bounds {known:?} already")));
            }
            other => return Err(invalid(format!("{name} is a {} already", other.kind()))),
        };
        unsafe extern "C" fn record(this: *const c_void, value: f64) {
            // SAFETY: `this` is the histogram below, which is never freed.
            unsafe { &*this.cast::<Recorded>() }.record(value);
        }
        let cell: &'static Recorded = cells
            .entry(metric.labels.clone())
            .or_insert_with(|| Box::leak(Box::new(Recorded::new(bounds))));
        // SAFETY: the function expects such a histogram, which is never freed.
        Ok(unsafe { abi::Histogram::new(record, std::ptr::from_ref(cell).cast()) })
    }
}

impl Recorded {
    fn new(bounds: &[f64]) -> Self {
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        Recorded(Mutex::new(HistogramValue {
            count: 0,
            sum: 0.0,
            buckets: bounds.map(|bound| (bound, 0)).collect(),
        }))
    }

    fn record(&self, value: f64) {
        let mut recorded = lock(&self.0);
        recorded.count += 1;
        recorded.sum += value;
        // NaN lies in no bucket.
        if let Some((_, count)) = recorded.buckets.iter_mut().find(|(bound, _)| value <= *bound) {
            *count += 1;
        }
    }
}

/// A metric's whole name, and its labels with the function's.
pub(super) struct Metric {
    name: String,
    labels: Labels,
}

impl Metric {
    /// Checks names as the host does.
    pub(super) fn new(
        extension: &str,
        function: Option<&str>,
        metric: &abi::MetricInfo<'_>,
    ) -> Result<Self, abi::Error> {
        let given = metric.name.as_str();
        if !is_name(given) {
            return Err(invalid(format!(
                "{given:?} is not a valid metric name: use letters, digits and underscores"
            )));
        }
        let mut labels = Vec::new();
        for Tuple2(name, value) in metric.labels.as_slice() {
            if !is_name(name) || matches!(name.as_str(), "worker" | "function" | "le") {
                return Err(invalid(format!(
                    "metric {given}: {name:?} is not a valid label name: use letters, digits and underscores, but not worker, \
                     function or le"
                )));
            }
            labels.push((name.as_str(), value.as_str()));
        }
        labels.extend(function.map(|function| ("function", function)));
        let extension: String = extension
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        Ok(Metric {
            name: format!("{extension}_{given}"),
            labels: sorted(&labels),
        })
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn sorted(labels: &[(&str, &str)]) -> Labels {
    let mut labels: Labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    labels.sort();
    labels
}

fn invalid(message: String) -> abi::Error {
    abi::Error::new(abi::ERROR_VALUE, message)
}
