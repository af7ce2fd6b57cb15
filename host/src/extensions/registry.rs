//! The extensions of a worker, from what host.json declares to what runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use abi_stable::std_types::RStr;
use funcdock_extension_api::abi;
use serde::{Deserialize, Serialize};

use super::chain::HookChain;
use super::discovery::{self, Search, Source};
use super::error::ExtensionError;
use super::instance::{Counters, Instance};
use super::services::InitContext;
use super::statistics::HookStatistics;
use super::step::scope_name;
use crate::app::ExtensionConfig;
use crate::invocation::FunctionInfo;

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
}

impl std::fmt::Display for ExtensionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ExtensionState::Loaded => "loaded",
            ExtensionState::Started => "started",
            ExtensionState::Failed => "failed",
        })
    }
}

/// All extensions of a worker, in the order of host.json.
#[derive(Default)]
pub struct Extensions {
    docked: Vec<Docked>,
}

struct Docked {
    name: Arc<str>,
    config: ExtensionConfig,
    settings: String,
    library: Option<(abi::DescriptorRef, Source)>,
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
        let mut extensions = Extensions::default();
        for config in configs {
            let mut docked = Docked {
                name: config.name.as_str().into(),
                settings: serde_json::Value::Object(config.settings.clone()).to_string(),
                config: config.clone(),
                library: None,
                counters: Arc::default(),
                instances: Vec::new(),
                started: false,
                failure: None,
            };
            let loaded = docked.load(search);
            docked.settle(loaded)?;
            extensions.docked.push(docked);
        }
        Ok(extensions)
    }

    /// Makes the instances, tells them of the functions, and returns the hook chain of each function.
    ///
    /// # Errors
    /// The first failure of an extension that is `required`, as in [`load`](Self::load).
    pub fn start(
        &mut self,
        app_root: &str,
        worker_index: u32,
        functions: &[FunctionInfo],
    ) -> Result<Vec<HookChain>, ExtensionError> {
        // One list a function of what applies to it: app level first, then function level.
        let mut app_level: Vec<Vec<Arc<Instance>>> = vec![Vec::new(); functions.len()];
        let mut function_level = app_level.clone();
        for docked in &mut self.docked {
            let started = docked.start(app_root, worker_index, functions);
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

    /// Calls `shutdown` of every instance, the last docked first, all within the deadline.
    pub fn shutdown(&mut self, deadline: Duration) {
        let end = Instant::now() + deadline;
        for docked in self.docked.iter_mut().rev() {
            for instance in docked.instances.drain(..).rev() {
                instance.shutdown(end.saturating_duration_since(Instant::now()));
            }
        }
    }

    /// What there is to tell of each extension.
    pub fn report(&self) -> Vec<ExtensionReport> {
        self.docked.iter().map(Docked::report).collect()
    }
}

/// An instance that applies to the function of this index.
type Applied = (usize, u8, Arc<Instance>);

impl Docked {
    fn load(&mut self, search: &Search) -> Result<(), ExtensionError> {
        let (descriptor, source) = discovery::find(&self.config, search)?;
        self.library = Some((descriptor, source));
        // SAFETY: the string is borrowed for the call.
        let checked = unsafe { (descriptor.configure())(RStr::from_str(&self.settings)) };
        checked.into_result().map_err(|error| ExtensionError::Configure {
            name: self.config.name.clone(),
            reason: error.message.to_string(),
        })
    }

    fn start(
        &mut self,
        app_root: &str,
        worker_index: u32,
        functions: &[FunctionInfo],
    ) -> Result<Vec<Applied>, ExtensionError> {
        let Some((descriptor, _)) = self.library else {
            return Ok(Vec::new());
        };
        if self.failure.is_some() {
            return Ok(Vec::new());
        }
        let chosen = self.functions(functions)?;
        let init = |function: Option<&FunctionInfo>| {
            let context = InitContext {
                app_root,
                worker_index,
                function,
            };
            let made = Instance::init(&self.name, descriptor, &self.counters, &self.settings, &context);
            let function = function.map(|function| function.name.as_str());
            made.map(Arc::new)
                .map_err(|error| ExtensionError::init(&self.config, function, &error))
        };
        let scope = descriptor.scope();
        let applied: Vec<Applied> = if scope == abi::SCOPE_APP {
            let instance = init(None)?;
            self.instances = vec![Arc::clone(&instance)];
            chosen
                .into_iter()
                .map(|index| (index, scope, Arc::clone(&instance)))
                .collect()
        } else {
            let made: Result<Vec<_>, _> = chosen
                .into_iter()
                .map(|index| init(Some(&functions[index])).map(|instance| (index, scope, instance)))
                .collect();
            let made = made?;
            self.instances = made.iter().map(|(_, _, instance)| Arc::clone(instance)).collect();
            made
        };
        self.started = true;
        Ok(applied)
    }

    /// The functions that host.json narrows the extension to.
    fn functions(&self, functions: &[FunctionInfo]) -> Result<Vec<usize>, ExtensionError> {
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
            Err(error) if self.config.required => Err(error),
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
            let counters = &self.counters;
            let all = [
                (
                    abi::HOOK_POST_FUNCTION_LOAD,
                    "post_function_load",
                    &counters.post_function_load,
                ),
                (
                    abi::HOOK_PRE_INVOCATION,
                    "pre_invocation",
                    &counters.pre_invocation,
                ),
                (
                    abi::HOOK_POST_INVOCATION,
                    "post_invocation",
                    &counters.post_invocation,
                ),
                (abi::HOOK_SHUTDOWN, "shutdown", &counters.shutdown),
            ];
            let declared = all.into_iter().filter(|(bit, ..)| descriptor.hooks() & bit != 0);
            declared
                .map(|(_, name, counters)| (name, counters.read()))
                .collect()
        });
        ExtensionReport {
            name: self.config.name.clone(),
            version: descriptor.map(|descriptor| descriptor.version().to_string()),
            scope: descriptor.map(|descriptor| scope_name(descriptor.scope())),
            source: self.library.as_ref().map(|(_, source)| source.to_string()),
            state: match (&self.failure, self.started) {
                (Some(_), _) => ExtensionState::Failed,
                (None, true) => ExtensionState::Started,
                (None, false) => ExtensionState::Loaded,
            },
            message: self.failure.clone(),
            hooks,
        }
    }
}
