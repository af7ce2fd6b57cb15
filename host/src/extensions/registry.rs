//! The extensions of a worker, from what host.json declares to what runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use abi_stable::std_types::RStr;
use funcdock_extension_api::abi;
use serde::{Deserialize, Serialize};

use super::chain::HookChain;
use super::discovery::{self, Search, Source};
use super::dock::Attachment;
use super::error::ExtensionError;
use super::hook::{Counters, Hook};
use super::instance::{Companion, InitWatch, Instance};
use super::metrics::Metrics;
use super::services::InitContext;
use super::statistics::HookStatistics;
use super::step::scope_name;
use super::ticks;
use crate::app::ExtensionConfig;
use crate::model::FunctionInfo;

/// How far an extension has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExtensionState {
    /// Its library is open, and its settings are good.
    Loaded,
    /// Its hooks are called.
    Started,
    /// It could not be loaded or started, and the app runs without it.
    Failed,
    /// It panicked too often, and its hooks around calls are not called any more.
    Suspended,
}

impl std::fmt::Display for ExtensionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ExtensionState::Loaded => "loaded",
            ExtensionState::Started => "started",
            ExtensionState::Failed => "failed",
            ExtensionState::Suspended => "suspended",
        })
    }
}

/// All extensions of a worker, in the order of host.json.
#[derive(Default)]
pub struct Extensions {
    pub(super) docked: Vec<Docked>,
    /// Where those that function code asks for are searched for.
    pub(super) search: Search,
    pub(super) started: bool,
    metrics: Metrics,
}

pub(super) struct Docked {
    pub(super) name: Arc<str>,
    pub(super) config: ExtensionConfig,
    /// As JSON text.
    pub(super) settings: String,
    /// Whether the extension has approved of its settings as they are.
    pub(super) checked: bool,
    /// Instances for single functions, with settings of their own, from function code.
    pub(super) attached: Vec<Attachment>,
    pub(super) library: Option<(abi::DescriptorRef, Source)>,
    counters: Arc<Counters>,
    instances: Vec<Arc<Instance>>,
    started: bool,
    failure: Option<String>,
}

/// What the host tells of an extension.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExtensionReport {
    /// Its name.
    pub name: String,
    /// Its version, once its library is open.
    pub version: Option<String>,
    /// "app" or "function", once its library is open.
    pub scope: Option<&'static str>,
    /// The library file, or "linked".
    pub source: Option<String>,
    /// How far it has come.
    pub state: ExtensionState,
    /// Why it failed.
    pub message: Option<String>,
    /// What each of its hooks did, by the hook's name.
    pub hooks: BTreeMap<&'static str, HookStatistics>,
}

impl Extensions {
    /// Opens the library of every extension and checks its settings.
    ///
    /// # Errors
    /// The first failure of an extension that is `required`. Those of others are logged and kept for the report.
    pub fn load(configs: &[ExtensionConfig], search: &Search) -> Result<Self, ExtensionError> {
        // From here on ticks are measured, until the extensions start.
        ticks::now();
        let mut extensions = Extensions {
            search: search.clone(),
            ..Extensions::default()
        };
        for config in configs {
            let mut docked = Docked::new(config);
            let loaded = docked.open(search).and_then(|()| {
                // Where it applies to no function yet, function code attaches it, and may have settings for it.
                if config.functions.is_empty() {
                    return Ok(());
                }
                docked.check_settings()
            });
            if let (Err(error @ ExtensionError::Find { .. }), Some(by), false) =
                (&loaded, &config.implied_by, config.required)
            {
                // As if nothing had asked for it: function code that does is told.
                tracing::warn!("{by}, but there are no traces:\n{error}");
                continue;
            }
            docked.settle(loaded)?;
            extensions.docked.push(docked);
        }
        Ok(extensions)
    }

    /// Makes the instances, tells them of the functions, and returns the hook chain of each function.
    ///
    /// # Errors
    /// The first failure of an extension that is `required`, as in [`load`](Self::load). Those that were started before
    /// are left to [`shutdown`](Self::shutdown).
    pub fn start(
        &mut self,
        app_root: &str,
        worker_index: u32,
        functions: &[Arc<FunctionInfo>],
    ) -> Result<Vec<HookChain>, ExtensionError> {
        self.started = true;
        ticks::calibrate();
        self.metrics = Metrics::new(worker_index);
        // One list a function of what applies to it: app level first, then function level.
        let mut app_level: Vec<Vec<Arc<Instance>>> = vec![Vec::new(); functions.len()];
        let mut function_level = app_level.clone();
        for docked in &mut self.docked {
            let started = docked.start(app_root, worker_index, functions, &self.metrics);
            let Some(started) = docked.settle(started)? else {
                continue;
            };
            for (index, scope, instance) in started {
                let level = if scope == abi::SCOPE_APP {
                    &mut app_level
                } else {
                    &mut function_level
                };
                level[index].push(instance);
            }
        }
        for (index, function) in functions.iter().enumerate() {
            // On load the function's own extensions come first, as in the model that we follow.
            for instance in function_level[index].iter().chain(&app_level[index]) {
                instance.post_function_load(function);
            }
        }
        let levels = app_level.into_iter().zip(function_level);
        Ok(levels
            .map(|(app, function)| HookChain::new(app.into_iter().chain(function)))
            .collect())
    }

    /// The companions of the extensions that were started.
    ///
    /// # Errors
    /// An extension that is `required` has none to offer where it should.
    pub fn companions(&mut self) -> Result<Vec<Companion>, ExtensionError> {
        let mut companions = Vec::new();
        for docked in &mut self.docked {
            let companion = docked.companion();
            companions.extend(docked.settle(companion)?.flatten());
        }
        Ok(companions)
    }

    /// Calls `shutdown` of every instance, the last docked first, all within the deadline.
    pub fn shutdown(&mut self, deadline: Duration) {
        let end = Instant::now() + deadline;
        for docked in self.docked.iter_mut().rev() {
            docked.shutdown(end);
        }
    }

    /// What calls `flush` of every instance, all within a deadline. It blocks, and is for any thread.
    pub fn flush(&self) -> impl FnOnce(Duration) + Send + use<> {
        let instances: Vec<_> = self
            .docked
            .iter()
            .flat_map(|docked| docked.instances.clone())
            .collect();
        move |deadline| {
            let end = Instant::now() + deadline;
            for instance in instances {
                instance.flush(end.saturating_duration_since(Instant::now()));
            }
        }
    }

    /// What the extensions did, in the text format of OpenMetrics.
    pub fn metrics(&self) -> String {
        self.metrics.encode(self.report())
    }

    /// What there is to tell of each extension.
    pub fn report(&self) -> Vec<ExtensionReport> {
        self.docked.iter().map(Docked::report).collect()
    }
}

/// What the instances of an extension get to shut down when it could not be started for all of its functions.
const GIVEN_UP: Duration = Duration::from_secs(1);

/// An instance that applies to the function of this index.
type Applied = (usize, u8, Arc<Instance>);

impl Docked {
    pub(super) fn new(config: &ExtensionConfig) -> Self {
        Docked {
            name: config.name.as_str().into(),
            settings: serde_json::Value::Object(config.settings.clone()).to_string(),
            config: config.clone(),
            checked: false,
            attached: Vec::new(),
            library: None,
            counters: Arc::new(Counters::new(config, 0)),
            instances: Vec::new(),
            started: false,
            failure: None,
        }
    }

    /// Opens its library.
    pub(super) fn open(&mut self, search: &Search) -> Result<(), ExtensionError> {
        let (descriptor, source) = discovery::find(&self.config, search)?;
        self.library = Some((descriptor, source));
        self.counters = Arc::new(Counters::new(&self.config, descriptor.strict().unwrap_or(0)));
        Ok(())
    }

    /// Asks the extension whether it takes these settings, given as JSON text.
    pub(super) fn configure(&self, settings: &str) -> Result<(), abi::Error> {
        let Some((descriptor, _)) = &self.library else {
            return Ok(());
        };
        // SAFETY: the string is borrowed for the call.
        unsafe { (descriptor.configure())(RStr::from_str(settings)) }.into_result()
    }

    /// Unless they are checked already.
    fn check_settings(&mut self) -> Result<(), ExtensionError> {
        if self.checked {
            return Ok(());
        }
        let checked = self.configure(&self.settings);
        checked.map_err(|error| ExtensionError::Configure {
            name: self.config.name.clone(),
            reason: error.message.to_string(),
        })?;
        self.checked = true;
        Ok(())
    }

    fn start(
        &mut self,
        app_root: &str,
        worker_index: u32,
        functions: &[Arc<FunctionInfo>],
        metrics: &Metrics,
    ) -> Result<Vec<Applied>, ExtensionError> {
        let Some((descriptor, _)) = self.library else {
            return Ok(Vec::new());
        };
        if self.failure.is_some() {
            return Ok(Vec::new());
        }
        let chosen = self.functions(functions)?;
        if !chosen.is_empty() {
            // Those that function code docked were not checked yet: it may have had more to say.
            self.check_settings()?;
        }
        let init = |function: Option<&FunctionInfo>, settings: &str| {
            let context = InitContext {
                extension: &self.name,
                app_root,
                worker_index,
                function,
                metrics,
            };
            let _watch = InitWatch::start(&self.name);
            let made = Instance::init(&self.name, descriptor, &self.counters, settings, &context);
            let function = function.map(|function| function.name.as_str());
            made.map(Arc::new)
                .map_err(|error| ExtensionError::init(&self.config, function, &error))
        };
        let scope = descriptor.scope();
        let applied: Vec<Applied> = if scope == abi::SCOPE_APP {
            let instance = init(None, &self.settings)?;
            self.instances = vec![Arc::clone(&instance)];
            chosen
                .into_iter()
                .map(|index| (index, scope, Arc::clone(&instance)))
                .collect()
        } else {
            let mut made = Vec::new();
            let mut failure = None;
            for (index, settings) in self.with_settings(&chosen, functions) {
                match init(Some(&functions[index]), settings) {
                    Ok(instance) => made.push((index, scope, instance)),
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
            }
            self.instances = made.iter().map(|(_, _, instance)| Arc::clone(instance)).collect();
            if let Some(error) = failure {
                // Those made before have begun to live, so they get their end, as at that of the worker.
                drop(made);
                self.shutdown(Instant::now() + GIVEN_UP);
                return Err(error);
            }
            made
        };
        self.started = true;
        Ok(applied)
    }

    /// The functions to make an instance for, with its settings: those that host.json narrows the extension to,
    /// unless function code attaches it to them with settings of its own, and then what function code attaches.
    fn with_settings<'a>(
        &'a self,
        chosen: &'a [usize],
        functions: &'a [Arc<FunctionInfo>],
    ) -> impl Iterator<Item = (usize, &'a str)> {
        let attached = |index: &usize| {
            self.attached
                .iter()
                .any(|attachment| attachment.function == functions[*index].name)
        };
        let general = chosen.iter().copied().filter(move |index| !attached(index));
        let own = self.attached.iter().filter_map(|attachment| {
            let function = functions
                .iter()
                .position(|function| function.name == attachment.function)?;
            Some((function, attachment.settings.as_str()))
        });
        general.map(|index| (index, self.settings.as_str())).chain(own)
    }

    /// Only app-level extensions have one, and one instance.
    fn companion(&self) -> Result<Option<Companion>, ExtensionError> {
        let Some(instance) = self.instances.first() else {
            return Ok(None);
        };
        let companion = instance.companion();
        companion.map_err(|error| ExtensionError::init(&self.config, None, &error))
    }

    /// Ends the instances, the last made first.
    fn shutdown(&mut self, end: Instant) {
        for instance in self.instances.drain(..).rev() {
            instance.shutdown(end.saturating_duration_since(Instant::now()));
        }
    }

    /// The functions that host.json narrows the extension to.
    fn functions(&self, functions: &[Arc<FunctionInfo>]) -> Result<Vec<usize>, ExtensionError> {
        if self.config.functions.iter().any(|name| name == "*") {
            return Ok((0..functions.len()).collect());
        }
        let mut chosen = Vec::new();
        for name in &self.config.functions {
            let index = functions.iter().position(|function| function.name == *name);
            chosen.push(index.ok_or_else(|| ExtensionError::Functions {
                name: self.config.name.clone(),
                function: name.clone(),
                known: functions.iter().map(|function| function.name.clone()).collect(),
            })?);
        }
        chosen.sort_unstable();
        chosen.dedup();
        Ok(chosen)
    }

    /// A failure stops the host where the extension is required, and is logged and kept where it is not.
    fn settle<T>(&mut self, result: Result<T, ExtensionError>) -> Result<Option<T>, ExtensionError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if self.config.required => Err(match &self.config.implied_by {
                Some(by) => ExtensionError::Implied {
                    by: by.clone(),
                    error: Box::new(error),
                },
                None => error,
            }),
            Err(error) => {
                tracing::error!("{error}\n  the app runs without it, as it is not required");
                self.failure = Some(error.to_string());
                Ok(None)
            }
        }
    }

    fn report(&self) -> ExtensionReport {
        let descriptor = self.library.as_ref().map(|(descriptor, _)| descriptor);
        let hooks = descriptor.map_or_else(BTreeMap::new, |descriptor| {
            let declared = Hook::ALL
                .into_iter()
                .filter(|hook| descriptor.hooks() & hook.bit() != 0);
            declared
                .map(|hook| (hook.name(), self.counters.of(hook).read()))
                .collect()
        });
        ExtensionReport {
            name: self.config.name.clone(),
            version: descriptor.map(|descriptor| descriptor.version().to_string()),
            scope: descriptor.map(|descriptor| scope_name(descriptor.scope())),
            source: self.library.as_ref().map(|(_, source)| source.to_string()),
            state: match (&self.failure, self.started) {
                (Some(_), _) => ExtensionState::Failed,
                (None, true) if self.counters.is_suspended() => ExtensionState::Suspended,
                (None, true) => ExtensionState::Started,
                (None, false) => ExtensionState::Loaded,
            },
            message: self.failure.clone(),
            hooks,
        }
    }
}
