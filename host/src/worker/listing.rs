//! A worker's reports about its functions and extensions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::control::{ExtensionListing, FunctionListing};
use crate::extensions::{ExtensionReport, Extensions};
use crate::model::{Binding, EventFunction, FunctionDefinition, RetryPolicy};
use crate::pipeline::{FunctionRunner, LoadedFunction};
use crate::triggers::sources::serves;

/// All extensions of a worker.
#[derive(Clone)]
pub(super) struct AllExtensions {
    pub(super) native: Arc<Mutex<Extensions>>,
    /// The extensions that the runner runs.
    pub(super) language: Arc<[ExtensionReport]>,
}

impl AllExtensions {
    pub(super) fn report(&self) -> Vec<ExtensionReport> {
        let mut report = lock(&self.native).report();
        report.extend_from_slice(&self.language);
        report
    }
}

/// Locks the extensions. A report that panicked half-way has changed nothing.
pub(super) fn lock(extensions: &Mutex<Extensions>) -> MutexGuard<'_, Extensions> {
    extensions.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the listing of a function at start.
pub(super) fn function(definition: &FunctionDefinition) -> FunctionListing {
    let trigger = definition.trigger();
    let http = trigger.and_then(Binding::http);
    FunctionListing {
        name: definition.name.clone(),
        kind: trigger.map(|trigger| trigger.kind.clone()).unwrap_or_default(),
        methods: http
            .map(|http| http.methods.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        route: http.map(|http| http.route.to_string()),
        auth_level: http.map(|http| http.auth_level),
    }
}

/// Returns why functions could not be loaded, by their names.
pub(super) fn not_loaded(
    functions: &[Arc<LoadedFunction>],
    runner: &dyn FunctionRunner,
) -> BTreeMap<String, String> {
    let failed = functions.iter().filter_map(|function| {
        let failure = runner.failure(function)?;
        Some((function.definition.name.clone(), failure.message.clone()))
    });
    failed.collect()
}

/// Returns the functions that the supervisor's triggers call: those that could be loaded. `retry` is the policy of those that
/// have none.
pub(super) fn events(
    functions: &[Arc<LoadedFunction>],
    runner: &dyn FunctionRunner,
    retry: Option<&RetryPolicy>,
) -> Vec<EventFunction> {
    let called = functions
        .iter()
        .filter(|function| serves(&function.info.trigger) && runner.failure(function).is_none());
    let event = |function: &Arc<LoadedFunction>| {
        let event = EventFunction::new(&function.definition, runner.needs_thread(function))?;
        Some(EventFunction {
            retry: event.retry.or_else(|| retry.cloned()),
            ..event
        })
    };
    called.filter_map(event).collect()
}

/// Returns the names of the connections to storage that bindings of these functions have.
pub(super) fn connections(functions: &[Arc<LoadedFunction>]) -> BTreeSet<String> {
    let bindings = functions
        .iter()
        .flat_map(|function| &function.definition.bindings);
    let connections = bindings.filter_map(|binding| binding.settings.connection());
    connections.map(str::to_owned).collect()
}

/// Returns the listing of an extension at start.
pub(super) fn extension(report: ExtensionReport) -> ExtensionListing {
    ExtensionListing {
        name: report.name,
        version: report.version.unwrap_or_default(),
        state: report.state.to_string(),
        message: report.message,
    }
}
