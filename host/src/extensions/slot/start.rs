//! The start of an extension: its instances.

use std::sync::Arc;
use std::time::{Duration, Instant};

use funcdock_extension_api::driver::Scope;

use super::{ExtensionSlot, OpenLibrary, State, shut_down};
use crate::extensions::activity::{Activity, Phase};
use crate::extensions::error::ExtensionError;
use crate::extensions::init_watch::InitWatch;
use crate::extensions::instance::Instance;
use crate::extensions::metrics::Metrics;
use crate::extensions::tables::InitContext;
use crate::model::FunctionInfo;

/// What all instances of a worker learn at `init`.
pub(in crate::extensions) struct StartContext<'a> {
    pub(in crate::extensions) app_root: &'a str,
    pub(in crate::extensions) worker_index: u32,
    pub(in crate::extensions) worker_count: u32,
    pub(in crate::extensions) functions: &'a [Arc<FunctionInfo>],
    pub(in crate::extensions) metrics: &'a Metrics,
    pub(in crate::extensions) activity: &'a Activity,
}

/// An instance that applies to a function.
pub(in crate::extensions) struct AppliedInstance {
    /// The index of the function.
    pub(in crate::extensions) function: usize,
    pub(in crate::extensions) scope: Scope,
    pub(in crate::extensions) instance: Arc<Instance>,
}

/// What the instances of an extension get to shut down if it could not be started for all of its functions.
const FAILED_START_SHUTDOWN: Duration = Duration::from_secs(1);

/// Why a library is there.
const OPEN: &str = "`start` has found that there is one";

/// The instances of an extension, and what each applies to.
type Started = (Vec<Arc<Instance>>, Vec<AppliedInstance>);

impl ExtensionSlot {
    /// Makes the instances. Does nothing if it has failed.
    ///
    /// # Errors
    /// Unknown functions in host.json, settings that are not valid, or an `init` or a `native` that fails.
    pub(in crate::extensions) fn start(
        &mut self,
        context: &StartContext<'_>,
    ) -> Result<Vec<AppliedInstance>, ExtensionError> {
        let scope = match (&self.library, &self.state) {
            (Some(library), State::Opened) => library.extension.scope(),
            _ => return Ok(Vec::new()),
        };
        let functions = self.functions(context.functions)?;
        if !functions.is_empty() {
            // Those that function code docked are not checked yet: it may have had more settings to add.
            self.check_settings()?;
        }
        let (instances, applied) = match scope {
            Scope::App => self.start_for_app(context, functions)?,
            Scope::Function => self.start_for_functions(context, &functions)?,
        };
        // Made now and not when Python asks for it: if that fails, the extension has not started, and has no hooks.
        let calls = context.activity.begin(&self.name, || Phase::Native);
        let companion = match instances.first().map(|first| first.companion()).transpose() {
            Ok(companion) => companion.flatten(),
            Err(error) => {
                shut_down(instances, Instant::now() + FAILED_START_SHUTDOWN);
                return Err(ExtensionError::native(&self.config, &error));
            }
        };
        drop(calls);
        self.state = match self.reason_without_function(scope, &applied, context) {
            Some(reason) => {
                tracing::warn!("extension {:?}: {reason}", self.name);
                State::Unattached {
                    instances,
                    companion,
                    reason,
                }
            }
            None => State::Started { instances, companion },
        };
        Ok(applied)
    }

    /// Returns why it applies to no function, and what to do; `None` if it does, or if there is no function.
    fn reason_without_function(
        &self,
        scope: Scope,
        applied: &[AppliedInstance],
        context: &StartContext<'_>,
    ) -> Option<&'static str> {
        if !applied.is_empty() || context.functions.is_empty() {
            return None;
        }
        Some(match scope {
            Scope::App => {
                "it applies to no function, so its hooks around calls are never called: \"functions\" in host.json is \
                 empty"
            }
            Scope::Function => {
                "it is attached to no function, so none of its hooks is called: decorate a function with it, call it \
                 with __file__ in a function's script, or name functions in host.json"
            }
        })
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
                    // Those made before get their shutdown, as at the end of the worker.
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
        } = self.library.as_ref().expect(OPEN);
        let init = InitContext {
            extension: &self.name,
            app_root: context.app_root,
            worker_index: context.worker_index,
            worker_count: context.worker_count,
            function,
            metrics: context.metrics,
        };
        let _watch = InitWatch::start(&self.name);
        let _calls = context.activity.begin(&self.name, || Phase::Init {
            function: function.map(|function| function.name.clone()),
        });
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
}
