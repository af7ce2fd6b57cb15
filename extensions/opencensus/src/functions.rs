//! The functions that were loaded.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use funcdock_extension_api::Function;

use crate::attributes::{self, TracedFunction};
use crate::metrics::{Metrics, Series};
use crate::resource::Azure;
use crate::settings::Limits;

/// What is known of a function.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) traced: &'static TracedFunction,
    pub(crate) series: &'static Series,
}

impl Known {
    /// Keeps what is the same for each call of a function; the texts in spans are cut by `limits`. Ask once a function.
    pub(crate) fn of(function: &Function<'_>, azure: &Azure, metrics: &Metrics, limits: Limits) -> Self {
        let traced = TracedFunction {
            name: leak(function.name()),
            faas_name: leak(&azure.faas_name(function.name())),
            trigger: attributes::faas_trigger(function.trigger()),
            resource_id: azure.function_id(function.name()).map(|id| leak(&id)),
            route: function.route().map(|route| leak(&format!("/{route}"))),
            encoded: None,
        };
        Known {
            series: metrics.series(traced.faas_name, traced.trigger),
            traced: Box::leak(Box::new(traced.encoded(limits))),
        }
    }
}

/// The functions that were loaded.
///
/// A span's name must be `'static` or be copied for each span. A worker has a handful of functions and keeps
/// them until it ends, as this library stays loaded until then: their texts are leaked, once each.
#[derive(Default)]
pub(crate) struct Functions(RwLock<HashMap<&'static str, Known>>);

impl Functions {
    /// The function of this name, made if it is not known yet.
    pub(crate) fn get_or_make(&self, name: &str, make: impl FnOnce() -> Known) -> Known {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = known.get(name) {
            return *function;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if let Some(function) = known.get(name) {
            return *function;
        }
        let function = make();
        known.insert(function.traced.name, function);
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
