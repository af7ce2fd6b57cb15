//! The functions that were loaded.

use std::sync::{Mutex, OnceLock, PoisonError};

use funcdock_extension_api::Function;

use crate::attributes::{self, TracedFunction};
use crate::encode::Encoded;
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
            encoded: Encoded::default(),
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
/// them until it ends, as this library stays loaded until then: what is known of them is leaked, once each.
#[derive(Default)]
pub(crate) struct Functions {
    /// By name, which is cheaper to search for than to hash.
    by_name: Mutex<Vec<Known>>,
    /// The same, once all have been loaded: for a look without the lock.
    all: OnceLock<Vec<Known>>,
}

impl Functions {
    /// The function of this name, made if it is not known yet.
    pub(crate) fn get_or_make(&self, name: &str, make: impl FnOnce() -> Known) -> Known {
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

    /// All have been loaded. Returns their names, sorted.
    pub(crate) fn complete(&self) -> Vec<&'static str> {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.all.get_or_init(|| by_name.clone());
        all.iter().map(|function| function.traced.name).collect()
    }
}

/// Where the function of this name is, or would be.
fn find(by_name: &[Known], name: &str) -> Result<usize, usize> {
    by_name.binary_search_by(|function| function.traced.name.cmp(name))
}

fn leak(text: &str) -> &'static str {
    Box::leak(Box::from(text))
}
