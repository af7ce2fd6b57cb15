//! The metrics that extensions have registered.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::atomic::AtomicU64;

use funcdock_extension_api::abi;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::histogram::Histogram;
use super::name::{Labels, Metric};

type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
type Histograms = Family<Labels, Histogram, Bounds>;

/// The metrics that extensions have registered.
#[derive(Default)]
pub(super) struct Registered {
    families: BTreeMap<String, Registration>,
    registry: Registry,
}

enum Registration {
    Counter(Counters),
    Gauge(Gauges),
    Histogram(Histograms, Vec<f64>),
}

impl Registration {
    /// The kind of metric, for messages.
    fn kind(&self) -> &'static str {
        match self {
            Registration::Counter(_) => "counter",
            Registration::Gauge(_) => "gauge",
            Registration::Histogram(..) => "histogram",
        }
    }
}

#[derive(Clone)]
struct Bounds(Vec<f64>);

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(&self.0)
    }
}

impl Registered {
    /// Registers with this registry, which has the labels that all metrics carry.
    pub(super) fn new(registry: Registry) -> Self {
        Registered {
            families: BTreeMap::new(),
            registry,
        }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn counter(&mut self, metric: Metric) -> Result<abi::Counter, String> {
        let Metric { name, help, labels } = metric;
        // The encoder puts it back.
        let name = name.strip_suffix("_total").unwrap_or(&name).to_owned();
        let registry = &mut self.registry;
        let registration = self.families.entry(name.clone()).or_insert_with(|| {
            let family = Counters::default();
            registry.register(&name, help, family.clone());
            Registration::Counter(family)
        });
        let Registration::Counter(family) = registration else {
            return Err(format!("{name} is a {} already", registration.kind()));
        };
        unsafe extern "C" fn add(this: *const c_void, amount: u64) {
            // SAFETY: `this` is the counter below, which is never freed.
            unsafe { &*this.cast::<Counter>() }.inc_by(amount);
        }
        // An extension's handle lives as long as the process.
        let counter: &'static Counter = Box::leak(Box::new(family.get_or_create_owned(&labels)));
        // SAFETY: the function expects such a counter, which is never freed.
        Ok(unsafe { abi::Counter::new(add, std::ptr::from_ref(counter).cast()) })
    }

    pub(super) fn gauge(&mut self, metric: Metric) -> Result<abi::Gauge, String> {
        let Metric { name, help, labels } = metric;
        let registry = &mut self.registry;
        let registration = self.families.entry(name.clone()).or_insert_with(|| {
            let family = Gauges::default();
            registry.register(&name, help, family.clone());
            Registration::Gauge(family)
        });
        let Registration::Gauge(family) = registration else {
            return Err(format!("{name} is a {} already", registration.kind()));
        };
        unsafe extern "C" fn set(this: *const c_void, value: f64) {
            // SAFETY: `this` is the gauge below, which is never freed.
            unsafe { &*this.cast::<Gauge<f64, AtomicU64>>() }.set(value);
        }
        unsafe extern "C" fn add(this: *const c_void, amount: f64) {
            // SAFETY: as above.
            unsafe { &*this.cast::<Gauge<f64, AtomicU64>>() }.inc_by(amount);
        }
        let gauge: &'static Gauge<f64, AtomicU64> = Box::leak(Box::new(family.get_or_create_owned(&labels)));
        // SAFETY: the functions expect such a gauge, which is never freed.
        Ok(unsafe { abi::Gauge::new(set, add, std::ptr::from_ref(gauge).cast()) })
    }

    pub(super) fn histogram(&mut self, metric: Metric, bounds: &[f64]) -> Result<abi::Histogram, String> {
        let Metric { name, help, labels } = metric;
        if !bounds.is_sorted_by(|a, b| a < b) || !bounds.iter().all(|bound| bound.is_finite()) {
            return Err(format!("{name}: the bounds {bounds:?} do not ascend"));
        }
        let registry = &mut self.registry;
        let registration = self.families.entry(name.clone()).or_insert_with(|| {
            let family = Histograms::new_with_constructor(Bounds(bounds.to_vec()));
            registry.register(&name, help, family.clone());
            Registration::Histogram(family, bounds.to_vec())
        });
        let family = match registration {
            Registration::Histogram(family, known) if known == bounds => family,
            Registration::Histogram(_, known) => {
                return Err(format!("{name} has the bounds {known:?} already"));
            }
            other => return Err(format!("{name} is a {} already", other.kind())),
        };
        unsafe extern "C" fn record(this: *const c_void, value: f64) {
            // SAFETY: `this` is the histogram below, which is never freed.
            unsafe { &*this.cast::<Histogram>() }.record(value);
        }
        let histogram: &'static Histogram = Box::leak(Box::new(family.get_or_create_owned(&labels)));
        // SAFETY: the function expects such a histogram, which is never freed.
        Ok(unsafe { abi::Histogram::new(record, std::ptr::from_ref(histogram).cast()) })
    }
}
