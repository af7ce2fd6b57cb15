//! The functions that were loaded.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use funcdock_extension_api::Function;

use crate::attributes::{self, TracedFunction};
use crate::metrics::{Metrics, Series};
use crate::resource::Azure;

/// What is known of a function.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) traced: TracedFunction,
    pub(crate) series: &'static Series,
}

/// The functions that were loaded.
///
/// A span's name must be `'static` or be copied for each span. A worker has a handful of functions and keeps
/// them until it ends, as this library stays loaded until then: their texts are leaked, once each.
#[derive(Default)]
pub(crate) struct Functions(RwLock<HashMap<&'static str, Known>>);

impl Functions {
    pub(crate) fn get(&self, function: &Function<'_>, azure: &Azure, metrics: &Metrics) -> Known {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = known.get(function.name()) {
            return *function;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if let Some(function) = known.get(function.name()) {
            return *function;
        }
        let traced = TracedFunction {
            name: leak(function.name()),
            faas_name: leak(&azure.faas_name(function.name())),
            trigger: attributes::faas_trigger(function.trigger()),
            resource_id: azure.function_id(function.name()).map(|id| leak(&id)),
            route: function.route().map(|route| leak(&format!("/{route}"))),
        };
        let function = Known {
            traced,
            series: metrics.series(traced.faas_name, traced.trigger),
        };
        known.insert(traced.name, function);
        function
    }

    /// Their names, sorted.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<_> = known.keys().copied().collect();
        names.sort_unstable();
        names
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(Box::from(text))
}
