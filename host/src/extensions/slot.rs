//! One docked extension, from its library to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{Hook, LoadedExtension, Scope};
use serde_json::{Map, Value};

use super::counters::Counters;
use super::error::ExtensionError;
use super::finding::{self, Search, Source};
use super::init_watch::InitWatch;
use super::instance::{Companion, Instance};
use super::metrics::Metrics;
use super::report::{ExtensionReport, ExtensionState};
use super::tables::InitContext;
use crate::app::ExtensionConfig;
use crate::model::FunctionInfo;

/// One docked extension.
pub(super) struct ExtensionSlot {
    pub(super) name: Arc<str>,
    config: ExtensionConfig,
    settings: Settings,
    /// Functions that function code attaches it to, with settings of their own.
    attachments: Vec<Attachment>,
    /// `None` if it could not be opened: then it has failed.
    library: Option<OpenLibrary>,
    state: State,
}

/// The library of an extension.
struct OpenLibrary {
    extension: LoadedExtension,
    source: Source,
    counters: Arc<Counters>,
}

/// Settings, as JSON text.
enum Settings {
    /// The extension has not accepted them yet: function code may still add a missing key.
    Unchecked(String),
    /// The extension has accepted them.
    Checked(String),
}

impl Settings {
    fn text(&self) -> &str {
        match self {
            Settings::Unchecked(text) | Settings::Checked(text) => text,
        }
    }
}

/// Settings for one function, from function code.
struct Attachment {
    /// The function's name.
    function: String,
    /// All settings, as JSON text.
    settings: String,
}

/// How far an extension has come.
enum State {
    /// Its library is open.
    Opened,
    /// Its instances are made. There are none if it applies to no function, and after the shutdown.
    Started { instances: Vec<Arc<Instance>> },
    /// The app runs without it.
    Failed { reason: String },
}

/// What all instances of a worker get at `init`.
pub(super) struct StartContext<'a> {
    pub(super) app_root: &'a str,
    pub(super) worker_index: u32,
    pub(super) functions: &'a [Arc<FunctionInfo>],
    pub(super) metrics: &'a Metrics,
}

/// An instance that applies to a function.
pub(super) struct AppliedInstance {
    /// The index of the function.
    pub(super) function: usize,
    pub(super) scope: Scope,
    pub(super) instance: Arc<Instance>,
}

/// The time that instances get to shut down if the extension could not be started for all of its functions.
const FAILED_START_SHUTDOWN: Duration = Duration::from_secs(1);

impl ExtensionSlot {
    /// Finds and opens the library of an extension.
    ///
    /// # Errors
    /// It is not found, or its library is not one that this host can load.
    pub(super) fn open(config: ExtensionConfig, search: &Search) -> Result<Self, ExtensionError> {
        let (extension, source) = finding::find(&config, search)?;
        let library = OpenLibrary {
            extension,
            source,
            counters: Arc::new(Counters::new(&config, &extension)),
        };
        Ok(ExtensionSlot::new(config, Some(library), State::Opened))
    }

    /// An extension whose library could not be opened, for this reason.
    pub(super) fn failed(config: ExtensionConfig, reason: String) -> Self {
        ExtensionSlot::new(config, None, State::Failed { reason })
    }

    fn new(config: ExtensionConfig, library: Option<OpenLibrary>, state: State) -> Self {
        ExtensionSlot {
            name: config.name.as_str().into(),
            settings: Settings::Unchecked(Value::Object(config.settings.clone()).to_string()),
            config,
            attachments: Vec::new(),
            library,
            state,
        }
    }

    /// What there is an instance for; `None` if its library could not be opened.
    pub(super) fn scope(&self) -> Option<Scope> {
        self.library.as_ref().map(|library| library.extension.scope())
    }

    /// Lets it apply only to functions that function code attaches it to.
    pub(super) fn only_where_attached(&mut self) {
        self.config.functions.clear();
    }

    /// Returns its settings with these on top, and their text.
    pub(super) fn merge(&self, settings: &Map<String, Value>) -> (Map<String, Value>, String) {
        let mut merged = self.config.settings.clone();
        merged.extend(settings.clone());
        let text = Value::Object(merged.clone()).to_string();
        (merged, text)
    }

    /// Replaces its settings. `are_checked` says whether the extension has accepted them.
    pub(super) fn set_settings(&mut self, settings: Map<String, Value>, text: String, are_checked: bool) {
        self.config.settings = settings;
        self.settings = match are_checked {
            true => Settings::Checked(text),
            false => Settings::Unchecked(text),
        };
    }

    /// Attaches it to a function, with these settings as JSON text. The last attachment of a function wins: a script that
    /// is imported twice, under two names, attaches twice.
    pub(super) fn attach(&mut self, function: &str, settings: String) {
        self.attachments
            .retain(|attachment| attachment.function != function);
        self.attachments.push(Attachment {
            function: function.to_owned(),
            settings,
        });
    }

    /// Lets the extension check settings, given as JSON text.
    pub(super) fn configure(&self, settings: &str) -> Result<(), abi::Error> {
        match &self.library {
            Some(library) => library.extension.configure(settings),
            None => Ok(()),
        }
    }

    /// Checks its settings, unless that is done.
    ///
    /// # Errors
    /// [`ExtensionError::Configure`].
    pub(super) fn check_settings(&mut self) -> Result<(), ExtensionError> {
        let Settings::Unchecked(text) = &self.settings else {
            return Ok(());
        };
        self.configure(text).map_err(|error| ExtensionError::Configure {
            name: self.config.name.clone(),
            reason: error.message.to_string(),
        })?;
        self.settings = Settings::Checked(text.clone());
        Ok(())
    }

    /// Makes the instances. Does nothing if it has failed.
    ///
    /// # Errors
    /// Unknown functions in host.json, settings that are not valid, or an `init` that fails.
    pub(super) fn start(
        &mut self,
        context: &StartContext<'_>,
    ) -> Result<Vec<AppliedInstance>, ExtensionError> {
        let scope = match (&self.library, &self.state) {
            (Some(library), State::Opened) => library.extension.scope(),
            _ => return Ok(Vec::new()),
        };
        let functions = self.functions(context.functions)?;
        if !functions.is_empty() {
            // Settings from function code are not checked yet: it could add more until now.
            self.check_settings()?;
        }
        let (instances, applied) = match scope {
            Scope::App => self.start_for_app(context, functions)?,
            Scope::Function => self.start_for_functions(context, &functions)?,
        };
        self.state = State::Started { instances };
        Ok(applied)
    }

    fn start_for_app(
        &self,
        context: &StartContext<'_>,
        functions: Vec<usize>,
    ) -> Result<Started, ExtensionError> {
        let instance = self.init(context, None, self.settings.text())?;
        let applied = functions.into_iter().map(|function| AppliedInstance {
            function,
            scope: Scope::App,
            instance: Arc::clone(&instance),
        });
        Ok((vec![Arc::clone(&instance)], applied.collect()))
    }

    fn start_for_functions(
        &self,
        context: &StartContext<'_>,
        functions: &[usize],
    ) -> Result<Started, ExtensionError> {
        let mut applied = Vec::new();
        for (function, settings) in self.with_settings(functions, context.functions) {
            match self.init(context, Some(&context.functions[function]), settings) {
                Ok(instance) => applied.push(AppliedInstance {
                    function,
                    scope: Scope::Function,
                    instance,
                }),
                Err(error) => {
                    // Shuts down the instances that exist already, as at the end of the worker.
                    let instances = applied.into_iter().map(|applied| applied.instance);
                    shut_down(instances.collect(), Instant::now() + FAILED_START_SHUTDOWN);
                    return Err(error);
                }
            }
        }
        let instances = applied.iter().map(|applied| Arc::clone(&applied.instance));
        Ok((instances.collect(), applied))
    }

    fn init(
        &self,
        context: &StartContext<'_>,
        function: Option<&FunctionInfo>,
        settings: &str,
    ) -> Result<Arc<Instance>, ExtensionError> {
        let OpenLibrary {
            extension, counters, ..
        } = self.library.as_ref().expect("`start` has found one");
        let init = InitContext {
            extension: &self.name,
            app_root: context.app_root,
            worker_index: context.worker_index,
            function,
            metrics: context.metrics,
        };
        let _watch = InitWatch::start(&self.name);
        match extension.init(settings, init.raw()) {
            Ok(instance) => Ok(Arc::new(Instance::new(&self.name, counters, instance))),
            Err(error) => {
                let function = function.map(|function| function.name.as_str());
                Err(ExtensionError::init(&self.config, function, &error))
            }
        }
    }

    /// The functions to make an instance for, with its settings: those that host.json narrows the extension to,
    /// unless function code attaches it to them with settings of its own, and then what function code attaches.
    fn with_settings<'a>(
        &'a self,
        chosen: &'a [usize],
        functions: &'a [Arc<FunctionInfo>],
    ) -> impl Iterator<Item = (usize, &'a str)> {
        let is_attached = |index: &usize| {
            self.attachments
                .iter()
                .any(|attachment| attachment.function == functions[*index].name)
        };
        let general = chosen.iter().copied().filter(move |index| !is_attached(index));
        let own = self.attachments.iter().filter_map(|attachment| {
            let function = functions
                .iter()
                .position(|function| function.name == attachment.function)?;
            Some((function, attachment.settings.as_str()))
        });
        general.map(|index| (index, self.settings.text())).chain(own)
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

    /// Its instances, in the order in which they were made.
    pub(super) fn instances(&self) -> &[Arc<Instance>] {
        match &self.state {
            State::Started { instances } => instances,
            State::Opened | State::Failed { .. } => &[],
        }
    }

    /// Returns its companion, which comes from the first instance.
    ///
    /// # Errors
    /// [`ExtensionError::Init`].
    pub(super) fn companion(&self) -> Result<Option<Companion>, ExtensionError> {
        let Some(instance) = self.instances().first() else {
            return Ok(None);
        };
        let companion = instance.companion();
        companion.map_err(|error| ExtensionError::init(&self.config, None, &error))
    }

    /// Ends the instances, the last made first.
    pub(super) fn shutdown(&mut self, end: Instant) {
        if let State::Started { instances } = &mut self.state {
            shut_down(std::mem::take(instances), end);
        }
    }

    /// Returns the result's value. An error stops the host if the extension is required; otherwise it is logged and kept,
    /// and there is no value.
    ///
    /// # Errors
    /// That of a required extension.
    pub(super) fn keep_or_fail<T>(
        &mut self,
        result: Result<T, ExtensionError>,
    ) -> Result<Option<T>, ExtensionError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                let reason = reason_if_optional(&self.config, error)?;
                self.state = State::Failed { reason };
                Ok(None)
            }
        }
    }

    pub(super) fn report(&self) -> ExtensionReport {
        let library = self.library.as_ref();
        let hooks = library.map_or_else(BTreeMap::new, |library| {
            let hooks = Hook::ALL.into_iter().filter(|hook| library.extension.has(*hook));
            hooks
                .map(|hook| (hook.name(), library.counters.of(hook).read()))
                .collect()
        });
        let is_suspended = library.is_some_and(|library| library.counters.is_suspended());
        ExtensionReport {
            name: self.config.name.clone(),
            version: library.map(|library| library.extension.version().to_owned()),
            scope: self.scope().map(Scope::name),
            source: library.map(|library| library.source.to_string()),
            state: match self.state {
                State::Opened => ExtensionState::Loaded,
                State::Started { .. } if is_suspended => ExtensionState::Suspended,
                State::Started { .. } => ExtensionState::Started,
                State::Failed { .. } => ExtensionState::Failed,
            },
            message: match &self.state {
                State::Failed { reason } => Some(reason.clone()),
                State::Opened | State::Started { .. } => None,
            },
            hooks,
        }
    }
}

/// The instances of an extension, and what each applies to.
type Started = (Vec<Arc<Instance>>, Vec<AppliedInstance>);

fn shut_down(instances: Vec<Arc<Instance>>, end: Instant) {
    for instance in instances.into_iter().rev() {
        instance.shutdown(end.saturating_duration_since(Instant::now()));
    }
}

/// Logs why an extension that is not required has failed; returns the reason.
///
/// # Errors
/// The extension is required.
pub(super) fn reason_if_optional(
    config: &ExtensionConfig,
    error: ExtensionError,
) -> Result<String, ExtensionError> {
    if config.required {
        return Err(match &config.implied_by {
            Some(by) => ExtensionError::Implied {
                by: by.clone(),
                error: Box::new(error),
            },
            None => error,
        });
    }
    tracing::error!("{error}\n  the app runs without it, as it is not required");
    Ok(error.to_string())
}
