//! One docked extension, from its library to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{Hook, LoadedExtension, Scope};
use serde_json::{Map, Value};

use super::activity::Activity;
use super::counters::Counters;
use super::error::ExtensionError;
use super::finding::{self, Search, Source};
use super::instance::{Companion, Instance};
use super::report::{ExtensionReport, ExtensionState};
use crate::app::ExtensionConfig;

mod start;

pub(super) use start::StartContext;

/// One docked extension.
pub(super) struct ExtensionSlot {
    pub(super) name: Arc<str>,
    config: ExtensionConfig,
    settings: Settings,
    /// Where function code has configured it last: file and line.
    configured_at: Option<String>,
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
    /// Its instances are made. There are none after the shutdown.
    Started {
        instances: Vec<Arc<Instance>>,
        /// What its companion gets, until that is taken.
        companion: Option<Companion>,
    },
    /// There is no function that it applies to, for this reason. One of app level has its instance all the same.
    Unattached {
        instances: Vec<Arc<Instance>>,
        companion: Option<Companion>,
        reason: &'static str,
    },
    /// The app runs without it.
    Failed { reason: String },
}

impl ExtensionSlot {
    /// Finds and opens the library of an extension.
    ///
    /// # Errors
    /// It is not found, or its library is not one that this host can load.
    pub(super) fn open(
        config: ExtensionConfig,
        search: &Search,
        activity: &Activity,
    ) -> Result<Self, ExtensionError> {
        let (extension, source) = finding::find(&config, search, activity)?;
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
            configured_at: None,
            attachments: Vec::new(),
            library,
            state,
        }
    }

    /// What there is an instance for; `None` if its library could not be opened.
    pub(super) fn scope(&self) -> Option<Scope> {
        self.library.as_ref().map(|library| library.extension.scope())
    }

    /// Returns the names of the extensions that it is to run after.
    pub(super) fn after(&self) -> Vec<&str> {
        match (&self.config.after, &self.library) {
            (Some(names), _) => names.iter().map(String::as_str).collect(),
            (None, Some(library)) => library.extension.after(),
            (None, None) => Vec::new(),
        }
    }

    /// Whether host.json says what it runs after. Otherwise the extension itself does.
    pub(super) fn is_ordered_by_host_json(&self) -> bool {
        self.config.after.is_some()
    }

    /// Returns a hook that is strict, by its own word or by host.json's.
    pub(super) fn strict_hook(&self) -> Option<Hook> {
        let counters = &self.library.as_ref()?.counters;
        Hook::ALL.into_iter().find(|hook| counters.is_strict(*hook))
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

    /// Replaces its settings, as the function code at `place` says. `are_checked` says whether the extension has accepted
    /// them.
    pub(super) fn set_settings(
        &mut self,
        settings: Map<String, Value>,
        text: String,
        are_checked: bool,
        place: &str,
    ) {
        self.config.settings = settings;
        self.configured_at = Some(place.to_owned());
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
        let checked = self.configure(text);
        checked
            .map_err(|error| ExtensionError::configure(&self.config, self.configured_at.clone(), &error))?;
        self.settings = Settings::Checked(text.clone());
        Ok(())
    }

    /// Its instances, in the order in which they were made.
    pub(super) fn instances(&self) -> &[Arc<Instance>] {
        match &self.state {
            State::Started { instances, .. } | State::Unattached { instances, .. } => instances,
            State::Opened | State::Failed { .. } => &[],
        }
    }

    /// Takes its companion, if it has one.
    pub(super) fn take_companion(&mut self) -> Option<Companion> {
        match &mut self.state {
            State::Started { companion, .. } | State::Unattached { companion, .. } => companion.take(),
            State::Opened | State::Failed { .. } => None,
        }
    }

    /// Ends the instances, the last made first.
    pub(super) fn shutdown(&mut self, end: Instant) {
        if let State::Started { instances, .. } | State::Unattached { instances, .. } = &mut self.state {
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
                State::Unattached { .. } => ExtensionState::Unattached,
                State::Failed { .. } => ExtensionState::Failed,
            },
            message: match &self.state {
                State::Failed { reason } => Some(reason.clone()),
                State::Unattached { reason, .. } => Some((*reason).to_owned()),
                State::Opened | State::Started { .. } => None,
            },
            hooks,
        }
    }
}

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
    if config.is_required() {
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
