//! The host that a test makes, with the one instance that it drives.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::call::Call;
use super::errors::{HookError, StartError};
use super::function::TestFunction;
use super::instance::{Place, TestInstance};
use super::invocation::{TestInvocation, new_id};
use super::log::{Journal, LogRecord, Scope};
use super::metrics::{HistogramValue, Metrics};
use super::request::Request;
use crate::Extension;
use crate::author::extension::{AppLevel, FunctionLevel};
use crate::driver::LoadedExtension;

/// The app around the extension, for tests to which it matters.
#[derive(Debug, Clone)]
pub struct TestApp {
    pub(super) root: String,
    pub(super) worker_index: u32,
    pub(super) worker_count: u32,
}

impl Default for TestApp {
    fn default() -> Self {
        TestApp::new()
    }
}

impl TestApp {
    /// The first worker of an app in the current folder: under cargo, the crate's.
    pub fn new() -> Self {
        let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
        TestApp {
            root: here.to_string_lossy().into_owned(),
            worker_index: 0,
            worker_count: 1,
        }
    }

    /// The app's root folder.
    pub fn root(mut self, folder: impl AsRef<Path>) -> Self {
        self.root = folder.as_ref().to_string_lossy().into_owned();
        self
    }

    /// Which worker it is, from 0.
    pub fn worker_index(mut self, index: u32) -> Self {
        self.worker_index = index;
        self
    }

    /// How many workers there are.
    pub fn worker_count(mut self, count: u32) -> Self {
        self.worker_count = count;
        self
    }

    /// As [`TestHost::app`].
    ///
    /// # Errors
    /// As there.
    pub fn app<E: Extension<Scope = AppLevel>>(
        &self,
        settings: serde_json::Value,
    ) -> Result<TestHost, StartError> {
        TestHost::start(LoadedExtension::of::<E>(), self, &settings, None)
    }

    /// As [`TestHost::function`].
    ///
    /// # Errors
    /// As there.
    pub fn function<E: Extension<Scope = FunctionLevel>>(
        &self,
        settings: serde_json::Value,
        function: TestFunction,
    ) -> Result<TestHost, StartError> {
        TestHost::start(LoadedExtension::of::<E>(), self, &settings, Some(function))
    }
}

/// A host with one instance of an extension.
///
/// It can be used from several threads at once, as hooks are. Dropping it destroys the instance;
/// [`shutdown`](Self::shutdown) calls its hook before.
pub struct TestHost {
    /// `None` after `shutdown`.
    instance: Option<Arc<TestInstance>>,
    /// That of a function-level extension.
    function: Option<TestFunction>,
    metrics: Metrics,
    scope: Scope,
}

impl TestHost {
    /// Configures an app-level extension with these settings (an object; `null` for none) and makes an instance.
    ///
    /// # Errors
    /// What would stop a host: wrong settings, or an `init` that fails.
    pub fn app<E: Extension<Scope = AppLevel>>(settings: serde_json::Value) -> Result<Self, StartError> {
        TestApp::new().app::<E>(settings)
    }

    /// As [`app`](Self::app), an instance of a function-level extension for this function.
    ///
    /// # Errors
    /// As there.
    pub fn function<E: Extension<Scope = FunctionLevel>>(
        settings: serde_json::Value,
        function: TestFunction,
    ) -> Result<Self, StartError> {
        TestApp::new().function::<E>(settings, function)
    }

    fn start(
        extension: LoadedExtension,
        app: &TestApp,
        settings: &serde_json::Value,
        function: Option<TestFunction>,
    ) -> Result<Self, StartError> {
        let scope = Scope {
            journal: Journal::open(),
            call: None,
        };
        let metrics = Metrics::default();
        let place = Place {
            app_root: &app.root,
            worker_index: app.worker_index,
            worker_count: app.worker_count,
            function: function.as_ref(),
            metrics: &metrics,
        };
        let instance = TestInstance::start(extension, place, settings, scope.clone())?;
        Ok(TestHost {
            instance: Some(Arc::new(instance)),
            function,
            metrics,
            scope,
        })
    }

    /// Calls `post_function_load` for a function. A host does so for each function that the extension applies to, before
    /// the first call.
    ///
    /// # Errors
    /// The hook's; a host logs it and goes on.
    ///
    /// # Panics
    /// After [`shutdown`](Self::shutdown).
    #[track_caller]
    pub fn load(&self, function: &TestFunction) -> Result<(), HookError> {
        self.instance().post_function_load(function)
    }

    /// Begins a call: runs the pre hook, and waits for what it waits for. Then say how the function ends, for example
    /// with [`Call::returning`].
    ///
    /// # Panics
    /// After [`shutdown`](Self::shutdown); for another function than that of a function-level extension.
    #[track_caller]
    pub fn call(&self, mut request: Request) -> Call<'_> {
        let function = match (request.function.take(), &self.function) {
            (Some(wanted), Some(own)) => {
                assert_eq!(
                    &wanted, own,
                    "an instance of a function-level extension sees its own function"
                );
                wanted
            }
            (None, Some(own)) => own.clone(),
            (Some(wanted), None) => wanted,
            (None, None) => TestFunction::http("test", "api/test"),
        };
        let id = new_id();
        let scope = Scope {
            call: Some(Arc::clone(&id)),
            ..self.scope.clone()
        };
        Call::enter(self.instance(), TestInvocation::new(id, function, request, scope))
    }

    /// The log records of the extension while this host called it, from all calls: `tracing` events of every level.
    ///
    /// Empty in a process whose tests have a `tracing` subscriber of their own.
    pub fn logs(&self) -> Vec<LogRecord> {
        self.scope.journal.own()
    }

    /// The log records of the extension's own threads since this host began. Nothing shows whose they are: if tests run
    /// at once, those of other hosts are among them.
    pub fn background_logs(&self) -> Vec<LogRecord> {
        self.scope.journal.background()
    }

    /// The value of a counter, by its whole name (`rate_limit_limited_total`) and all its labels, in any order; a
    /// function-level extension's have `function`. `None` if none like this is registered.
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        self.metrics.counter(name, labels)
    }

    /// The value of a gauge; named as in [`counter`](Self::counter).
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.metrics.gauge(name, labels)
    }

    /// The values that a histogram recorded; named as in [`counter`](Self::counter).
    pub fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Option<HistogramValue> {
        self.metrics.histogram(name, labels)
    }

    /// Calls `flush`, on a thread of its own.
    ///
    /// # Errors
    /// The hook's, or that it does not return in time.
    ///
    /// # Panics
    /// After [`shutdown`](Self::shutdown).
    #[track_caller]
    pub fn flush(&self, deadline: Duration) -> Result<(), HookError> {
        Arc::clone(self.instance()).flush(deadline)
    }

    /// Calls `shutdown`, on a thread of its own, and destroys the instance. Logs and metrics can still be read.
    ///
    /// # Errors
    /// The hook's, or that it does not return in time; then the instance is left behind.
    ///
    /// # Panics
    /// When it is called again.
    #[track_caller]
    pub fn shutdown(&mut self, deadline: Duration) -> Result<(), HookError> {
        self.instance();
        // Just seen to be there.
        self.instance
            .take()
            .map_or(Ok(()), |instance| instance.shutdown(deadline))
    }

    #[track_caller]
    fn instance(&self) -> &Arc<TestInstance> {
        match &self.instance {
            Some(instance) => instance,
            None => panic!("the extension was shut down: nothing of it is called any more"),
        }
    }
}

impl std::fmt::Debug for TestHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.instance.as_ref().map(|instance| instance.extension().name());
        f.debug_struct("TestHost")
            .field("extension", &name)
            .finish_non_exhaustive()
    }
}
