//! The extensions of a worker, from what host.json declares to what runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use funcdock_extension_api::driver::Scope;

use super::activity::{Activity, Phase};
use super::chain::HookChain;
use super::error::ExtensionError;
use super::finding::Search;
use super::instance::{Companion, Instance};
use super::metrics::Metrics;
use super::order;
use super::report::ExtensionReport;
use super::slot::{ExtensionSlot, StartContext, reason_if_optional};
use super::ticks;
use crate::app::ExtensionConfig;
use crate::model::FunctionInfo;

/// All extensions of a worker, in the order of host.json.
#[derive(Default)]
pub struct Extensions {
    pub(super) slots: Vec<ExtensionSlot>,
    /// Where to search for the extensions that function code docks.
    pub(super) search: Search,
    /// Who is told what may crash or hang.
    pub(super) activity: Activity,
    /// What host.json names although worker extensions are off.
    pub(super) switched_off: Vec<ExtensionConfig>,
    /// Why the app must not run, if function code imports what it must not run without while worker extensions are off.
    pub(super) refusal: Option<ExtensionError>,
    /// The metrics of the worker, once the extensions have started.
    metrics: Option<Metrics>,
}

impl Extensions {
    /// Opens the library of every extension and checks its settings.
    ///
    /// # Errors
    /// The first failure of an extension that is `required`. Those of others are logged and kept for the report.
    pub fn load(
        configs: &[ExtensionConfig],
        search: &Search,
        activity: Activity,
    ) -> Result<Self, ExtensionError> {
        // From here on ticks are measured, until the extensions start.
        ticks::now();
        let mut extensions = Extensions {
            search: search.clone(),
            activity,
            ..Extensions::default()
        };
        for config in configs {
            let slot = load(config, search, &extensions.activity)?;
            extensions.slots.extend(slot);
        }
        Ok(extensions)
    }

    /// Whether the extensions have started.
    pub(super) fn have_started(&self) -> bool {
        self.metrics.is_some()
    }

    /// Makes the instances, calls their `post_function_load` for each function, and returns the hook chain of each
    /// function.
    ///
    /// # Errors
    /// The first failure of an extension that is `required`, as in [`load`](Self::load). Those that were started before
    /// are left to [`shutdown`](Self::shutdown). If worker extensions are off, the app must not run without one that it
    /// imports.
    pub fn start(
        &mut self,
        app_root: &str,
        worker_index: u32,
        worker_count: u32,
        functions: &[Arc<FunctionInfo>],
    ) -> Result<Vec<HookChain>, ExtensionError> {
        if let Some(refusal) = self.refusal.take() {
            return Err(refusal);
        }
        order::sort(&mut self.slots)?;
        ticks::calibrate();
        let context = StartContext {
            app_root,
            worker_index,
            worker_count,
            functions,
            metrics: self.metrics.insert(Metrics::new(worker_index)),
            activity: &self.activity,
        };
        // For each function the list of instances that apply to it: app level first, then function level.
        let mut app_level: Vec<Vec<Arc<Instance>>> = vec![Vec::new(); functions.len()];
        let mut function_level = app_level.clone();
        for slot in &mut self.slots {
            let started = slot.start(&context);
            for applied in slot.keep_or_fail(started)?.into_iter().flatten() {
                let level = match applied.scope {
                    Scope::App => &mut app_level,
                    Scope::Function => &mut function_level,
                };
                level[applied.function].push(applied.instance);
            }
        }
        for (index, function) in functions.iter().enumerate() {
            // On load the function's own extensions come first, as in the model that we follow.
            for instance in function_level[index].iter().chain(&app_level[index]) {
                let _calls = self.activity.begin(&instance.name, || Phase::PostFunctionLoad {
                    function: function.name.clone(),
                });
                instance.post_function_load(function);
            }
        }
        let levels = app_level.into_iter().zip(function_level);
        let conflicts = Arc::default();
        Ok(levels
            .map(|(app, function)| HookChain::new(app.into_iter().chain(function), &conflicts))
            .collect())
    }

    /// Takes the companions of the extensions that were started.
    pub fn take_companions(&mut self) -> Vec<Companion> {
        self.slots
            .iter_mut()
            .filter_map(ExtensionSlot::take_companion)
            .collect()
    }

    /// Calls `shutdown` of every instance, the last docked first, all within the deadline.
    pub fn shutdown(&mut self, deadline: Duration) {
        let end = Instant::now() + deadline;
        for slot in self.slots.iter_mut().rev() {
            slot.shutdown(end);
        }
    }

    /// Returns a closure that calls `flush` of every instance, all within a deadline, and returns what failed, one text for
    /// each. It blocks, on any thread.
    pub fn flush(&self) -> impl FnOnce(Duration) -> Vec<String> + Send + use<> {
        let instances = self.slots.iter().flat_map(ExtensionSlot::instances);
        let instances: Vec<_> = instances.map(Arc::clone).collect();
        move |deadline| {
            let end = Instant::now() + deadline;
            let flushed = instances
                .into_iter()
                .map(|instance| instance.flush(end.saturating_duration_since(Instant::now())));
            flushed.filter_map(Result::err).collect()
        }
    }

    /// What the extensions did, in the text format of OpenMetrics.
    pub fn metrics(&self) -> String {
        match &self.metrics {
            Some(metrics) => metrics.encode(self.report()),
            None => Metrics::default().encode(self.report()),
        }
    }

    /// Returns the report of each extension.
    pub fn report(&self) -> Vec<ExtensionReport> {
        self.slots.iter().map(ExtensionSlot::report).collect()
    }
}

/// Opens an extension and checks its settings. `None` if it is missing and only implied: then function code that
/// imports it gets the error.
fn load(
    config: &ExtensionConfig,
    search: &Search,
    activity: &Activity,
) -> Result<Option<ExtensionSlot>, ExtensionError> {
    let mut slot = match ExtensionSlot::open(config.clone(), search, activity) {
        Ok(slot) => slot,
        Err(error) => {
            if let (ExtensionError::Find { .. }, Some(by), false) =
                (&error, &config.implied_by, config.is_required())
            {
                tracing::warn!("{by}, but there are no traces:\n{error}");
                return Ok(None);
            }
            let reason = reason_if_optional(config, error)?;
            return Ok(Some(ExtensionSlot::failed(config.clone(), reason)));
        }
    };
    // If it applies to no function yet, function code attaches it, and may have settings for it.
    if !config.functions.is_empty() {
        let _checks = activity.begin(&config.name, || Phase::Configure);
        let checked = slot.check_settings();
        slot.keep_or_fail(checked)?;
    }
    Ok(Some(slot))
}
