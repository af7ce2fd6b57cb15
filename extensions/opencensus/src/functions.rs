//! What is known of the functions that were loaded.

use std::sync::{Mutex, OnceLock, PoisonError};

use funcdock_extension_api::Function;
use funcdock_telemetry::conventions::{TracedFunction, faas_trigger};
use funcdock_telemetry::encode::Limits;
use funcdock_telemetry::metrics::Metrics;
use funcdock_telemetry::resource::Azure;

use crate::metrics::{FunctionMetrics, HostMetrics};

/// What is known of a function.
#[derive(Clone, Copy)]
pub(crate) struct FunctionEntry {
    pub(crate) traced: &'static TracedFunction,
    pub(crate) metrics: &'static FunctionMetrics,
}

impl FunctionEntry {
    /// Prepares what is the same for each call of a function. Call it once a function, as nothing of it is freed.
    pub(crate) fn new(
        function: &Function<'_>,
        azure: &Azure,
        limits: Limits,
        metrics: &Metrics,
        host_metrics: &HostMetrics,
    ) -> Self {
        let traced = TracedFunction {
            name: leak_text(function.name()),
            faas_name: leak_text(&azure.faas_name(function.name())),
            trigger: faas_trigger(function.trigger()),
            resource_id: azure.function_id(function.name()).map(|id| leak_text(&id)),
            route: function.route().map(|route| leak_text(&format!("/{route}"))),
            ..TracedFunction::default()
        };
        let series = metrics.series(traced.faas_name, traced.trigger);
        FunctionEntry {
            metrics: leak(FunctionMetrics::new(series, host_metrics.of(traced.trigger))),
            traced: leak(traced.encoded(limits)),
        }
    }
}

/// The functions that were loaded.
///
/// Spans and call states refer to a function without a count or a copy, so what is known of it is leaked, once a function:
/// a worker has a handful of functions until it ends.
#[derive(Default)]
pub(crate) struct Functions {
    /// Sorted by name, which is cheaper to search than to hash.
    by_name: Mutex<Vec<FunctionEntry>>,
    /// The same, once all have been loaded, for look-ups without the lock.
    all: OnceLock<Vec<FunctionEntry>>,
}

impl Functions {
    /// Returns the function of this name; calls `make` if it is not known yet.
    pub(crate) fn get_or_make(&self, name: &str, make: impl FnOnce() -> FunctionEntry) -> FunctionEntry {
        if let Some(all) = self.all.get()
            && let Ok(at) = find(all, name)
        {
            return all[at];
        }
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        match find(&by_name, name) {
            Ok(at) => by_name[at],
            Err(at) => {
                let function = make();
                by_name.insert(at, function);
                function
            }
        }
    }

    /// Notes that all have been loaded. Returns their names, sorted.
    pub(crate) fn complete(&self) -> Vec<&'static str> {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.all.get_or_init(|| by_name.clone());
        all.iter().map(|function| function.traced.name).collect()
    }
}

/// Returns the place of the function of this name, or where to insert it.
fn find(by_name: &[FunctionEntry], name: &str) -> Result<usize, usize> {
    by_name.binary_search_by(|function| function.traced.name.cmp(name))
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn leak_text(text: &str) -> &'static str {
    Box::leak(Box::from(text))
}
