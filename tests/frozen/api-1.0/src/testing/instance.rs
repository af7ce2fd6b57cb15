//! The instance under test.

use std::sync::Arc;
use std::time::Duration;

use abi_stable::std_types::{ROption, RResult, RSlice, RStr};

use super::errors::{HookError, StartError};
use super::function::TestFunction;
use super::invocation::TestInvocation;
use super::log::Scope;
use super::metrics::{Metric, Metrics};
use crate::abi;
use crate::driver::{Hook, Instance, LoadedExtension, NotInTime, call_within, table};

/// An instance. The last one to hold it destroys it.
pub(super) struct TestInstance {
    /// `None` while it is dropped.
    instance: Option<Instance>,
    extension: LoadedExtension,
    pub(super) scope: Scope,
}

/// Where the instance runs.
pub(super) struct Place<'a> {
    pub(super) app_root: &'a str,
    pub(super) worker_index: u32,
    pub(super) worker_count: u32,
    pub(super) function: Option<&'a TestFunction>,
    pub(super) metrics: &'a Metrics,
}

impl TestInstance {
    /// Checks the settings, then makes an instance.
    pub(super) fn start(
        extension: LoadedExtension,
        place: Place<'_>,
        settings: &serde_json::Value,
        scope: Scope,
    ) -> Result<Self, StartError> {
        let name = extension.name();
        let wrong = |reason: String| StartError::Settings {
            extension: name.to_owned(),
            reason,
        };
        let settings = match settings {
            serde_json::Value::Null => "{}".to_owned(),
            serde_json::Value::Object(_) => settings.to_string(),
            other => return Err(wrong(format!("expected an object, found {other}"))),
        };
        let checked = scope.run(|| extension.configure(&settings));
        checked.map_err(|error| wrong(error.message.into()))?;
        let context = InitContext { name, place };
        // SAFETY: the table is one for this type, and the value is borrowed for the call.
        let context = unsafe { abi::Init::new(INIT, std::ptr::from_ref(&context).cast()) };
        match scope.run(|| extension.init(&settings, context)) {
            Ok(instance) => Ok(TestInstance {
                instance: Some(instance),
                extension,
                scope,
            }),
            Err(error) => Err(StartError::Init {
                extension: name.to_owned(),
                reason: error.message.into(),
            }),
        }
    }

    pub(super) fn extension(&self) -> &LoadedExtension {
        &self.extension
    }

    /// The instance, which is there until the drop.
    pub(super) fn get(&self) -> &Instance {
        match &self.instance {
            Some(instance) => instance,
            None => unreachable!("only `drop` takes it out"),
        }
    }

    pub(super) fn post_function_load(&self, function: &TestFunction) -> Result<(), HookError> {
        let loaded = self.scope.run(|| self.get().post_function_load(function.raw()));
        loaded.map_err(|error| HookError::new(Hook::PostFunctionLoad, &error))
    }

    /// The attribute of this name for a call, if the extension makes it when function code asks for it.
    pub(super) fn attribute(
        &self,
        invocation: &Arc<TestInvocation>,
        name: &str,
    ) -> Result<Option<abi::Value>, String> {
        if !self.extension.made_attributes().contains(&name) {
            return Ok(None);
        }
        let made = invocation
            .scope
            .run(|| self.get().attribute(invocation.raw(), name));
        made.map_err(|error| error.message.into())
    }

    pub(super) fn flush(self: Arc<Self>, deadline: Duration) -> Result<(), HookError> {
        if !self.extension.has(Hook::Flush) {
            return Ok(());
        }
        self.call_within(Hook::Flush, deadline)
    }

    /// Also lets go of the instance.
    pub(super) fn shutdown(self: Arc<Self>, deadline: Duration) -> Result<(), HookError> {
        self.call_within(Hook::Shutdown, deadline)
    }

    fn call_within(self: Arc<Self>, hook: Hook, deadline: Duration) -> Result<(), HookError> {
        let called = call_within(hook.to_string(), deadline, move || {
            let result = self.scope.run(|| match hook {
                Hook::Flush => self.get().flush(deadline),
                _ => self.get().shutdown(deadline),
            });
            drop(self);
            result
        });
        match called {
            Ok(result) => result.map_err(|error| HookError::new(hook, &error)),
            Err(NotInTime::Late) => Err(HookError {
                hook: hook.name(),
                message: format!("did not return within {deadline:?}"),
                panicked: false,
            }),
            Err(NotInTime::NoThread(error)) => panic!("{hook}: no thread to run it on: {error}"),
        }
    }
}

impl Drop for TestInstance {
    fn drop(&mut self) {
        let instance = self.instance.take();
        self.scope.run(|| drop(instance));
    }
}

/// What `init` may ask for.
struct InitContext<'a> {
    /// The extension's.
    name: &'a str,
    place: Place<'a>,
}

impl InitContext<'_> {
    fn metric(&self, metric: &abi::MetricInfo<'_>) -> Result<Metric, abi::Error> {
        let function = self.place.function.map(|function| function.name.as_str());
        Metric::new(self.name, function, metric)
    }
}

table! {
    INIT: InitFns, InitFnsRef of InitContext<'_> {
        fn app_root(init) -> RStr<'static> { RStr::from_str(init.place.app_root) }
        fn worker_index(init) -> u32 { init.place.worker_index }
        fn worker_count(init) -> u32 { init.place.worker_count }
        fn function(init) -> ROption<abi::Function<'static>> {
            init.place.function.map(TestFunction::raw).into()
        }
        fn counter(init, metric: abi::MetricInfo<'_>) -> RResult<abi::Counter, abi::Error> {
            let metric = init.metric(&metric);
            metric.and_then(|metric| init.place.metrics.register_counter(&metric)).into()
        }
        fn gauge(init, metric: abi::MetricInfo<'_>) -> RResult<abi::Gauge, abi::Error> {
            let metric = init.metric(&metric);
            metric.and_then(|metric| init.place.metrics.register_gauge(&metric)).into()
        }
        fn histogram(
            init, metric: abi::MetricInfo<'_>, bounds: RSlice<'_, f64>
        ) -> RResult<abi::Histogram, abi::Error> {
            let metric = init.metric(&metric);
            metric.and_then(|metric| init.place.metrics.register_histogram(&metric, bounds.as_slice())).into()
        }
    }
}
