//! The [`FunctionRunner`] for CPython: synchronous functions to the pool, asynchronous ones to the loop.

use std::sync::Arc;

use funcdock::control::WorkerConfig;
use funcdock::extensions::ExtensionReport;
use funcdock::invocation::{Completions, Invocation, Outcome};
use funcdock::runner::FunctionRunner;
use funcdock::worker::Worker;
use pyo3::prelude::*;

use crate::arguments::{self, Classes};
use crate::event_loop::{self, Handover, Tasks};
use crate::loader::{self, Function, LoadError};
use crate::package::{self, Package};
use crate::pool::Pool;
use crate::{calls, companions, context, dock, hooks, logging, results};

/// Calls functions of an app.
pub(crate) struct PythonRunner {
    runtime: Arc<Runtime>,
    pool: Arc<Pool>,
    extensions: Vec<ExtensionReport>,
}

/// What the threads that run functions share.
pub(crate) struct Runtime {
    pub(crate) functions: Vec<Function>,
    pub(crate) classes: Classes,
    pub(crate) package: Package,
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) handover: Handover,
    pub(crate) tasks: Tasks,
    /// `sys.getallocatedblocks`.
    allocated_blocks: Py<PyAny>,
    completions: Arc<Completions>,
}

impl PythonRunner {
    /// Imports the app's functions, starts the extensions and the pool. Attached, on the main thread.
    pub(crate) fn load(py: Python<'_>, worker: &mut Worker) -> Result<Self, LoadError> {
        let config = worker.config();
        let prepared = prepare(py, config).map_err(LoadError::Prepare)?;
        let (package, classes, event_loop) = prepared;
        dock::install(py, &package, config, worker.extensions()).map_err(LoadError::Prepare)?;
        if config.extensions_enabled {
            hooks::watch(py, &package).map_err(LoadError::Prepare)?;
        }
        let mut functions = loader::load(py, &package, &config.app)?;
        // Function code has docked and configured them by now.
        let companions = py
            .detach(|| worker.start_extensions())
            .map_err(LoadError::Extensions)?;
        companions::run(py, &package, companions)?;
        let config = worker.config();
        let mut extensions = Vec::new();
        if config.extensions_enabled {
            extensions = hooks::dock(py, &package, &config.app, &mut functions).map_err(LoadError::Dock)?;
        }
        let any_sync = functions.iter().any(|function| !function.is_async);
        let allocated_blocks = py
            .import("sys")
            .and_then(|sys| sys.getattr("getallocatedblocks"))
            .map_err(LoadError::Prepare)?;
        let handover = Handover::new().map_err(|error| LoadError::Prepare(error.into()))?;
        let runtime = Arc::new(Runtime {
            functions,
            classes,
            package,
            event_loop,
            handover,
            tasks: Tasks::default(),
            allocated_blocks: allocated_blocks.unbind(),
            completions: Arc::clone(worker.completions()),
        });
        let pool = Arc::new(Pool::default());
        if any_sync {
            pool.start(thread_count(config), &runtime)
                .map_err(|error| LoadError::Prepare(error.into()))?;
        }
        Ok(PythonRunner {
            runtime,
            pool,
            extensions,
        })
    }

    /// Runs asynchronous functions until [`stop`](Self::stop). Attached, on the main thread.
    pub(crate) fn run_event_loop(&self, py: Python<'_>) {
        if let Err(error) = event_loop::run(py, &self.runtime) {
            tracing::error!("the event loop ended: {error}");
        }
    }

    /// Ends [`run_event_loop`](Self::run_event_loop). From any thread.
    pub(crate) fn stop(&self) {
        self.runtime.handover.stop();
    }
}

impl FunctionRunner for PythonRunner {
    fn invoke(&self, function: usize, invocation: Arc<Invocation>) {
        if self.runtime.functions[function].is_async {
            self.runtime.handover.push(function, invocation);
        } else {
            self.pool.push(function, invocation);
        }
    }

    fn flush(&self) {
        self.pool.wake();
        self.runtime.handover.wake();
    }

    fn give_up(&self, function: usize, invocation: Arc<Invocation>) {
        // A thread cannot be stopped.
        if self.runtime.functions[function].is_async {
            self.runtime.handover.give_up(invocation);
        }
    }

    fn cancel(&self) {
        self.runtime.handover.cancel();
    }

    fn extensions(&self) -> Vec<ExtensionReport> {
        self.extensions.clone()
    }
}

impl Runtime {
    /// Calls a synchronous function. Attached.
    pub(crate) fn call(&self, py: Python<'_>, function: usize, invocation: &Arc<Invocation>) -> Outcome {
        if invocation.is_over() {
            return Outcome::Cancelled;
        }
        calls::set_current(Some(Arc::clone(invocation)));
        let function = &self.functions[function];
        let before = self.allocated_blocks(py, invocation);
        let called = arguments::build(py, &self.classes, function, invocation).and_then(|arguments| {
            let (callee, keywords) = hooks::callee(function, &arguments)?;
            let value = callee.bind(py).call((), Some(&keywords))?;
            Ok(results::returned(function, &value, &arguments.outputs))
        });
        calls::set_current(None);
        self.note_allocations(py, invocation, before);
        called.unwrap_or_else(|error| results::raised(py, &error))
    }

    /// How many blocks of memory are allocated, where an extension wants to know. Attached.
    pub(crate) fn allocated_blocks(&self, py: Python<'_>, invocation: &Invocation) -> Option<u64> {
        if !invocation.counts_allocations() {
            return None;
        }
        self.allocated_blocks.call0(py).ok()?.extract(py).ok()
    }

    /// Tells the invocation of the blocks before and now. Attached.
    pub(crate) fn note_allocations(&self, py: Python<'_>, invocation: &Invocation, before: Option<u64>) {
        if let Some(before) = before
            && let Some(after) = self.allocated_blocks(py, invocation)
        {
            invocation.set_allocated_blocks(before, after);
        }
    }

    /// The call ended like this; `more` as in [`Completions::push`].
    pub(crate) fn complete(&self, invocation: Arc<Invocation>, outcome: Outcome, more: bool) {
        self.completions.push(invocation, outcome, more);
    }
}

fn prepare(py: Python<'_>, config: &WorkerConfig) -> PyResult<(Package, Classes, Py<PyAny>)> {
    let package = package::import(py, &config.app.root)?;
    logging::install(py, &package, config.log_format, config.debug_logs)?;
    let http = package.http.bind(py);
    let contexts = (
        py.get_type::<context::Context>(),
        py.get_type::<context::TraceContext>(),
        py.get_type::<context::RetryContext>(),
    );
    http.call_method1("register", contexts)?;
    let classes = Classes {
        request: http.getattr("HttpRequest")?.unbind(),
        out: http.getattr("Out")?.unbind(),
    };
    let event_loop = package.tasks.bind(py).call_method0("new_event_loop")?.unbind();
    Ok((package, classes, event_loop))
}

/// What the user chose, or as many as CPython's own ThreadPoolExecutor has.
fn thread_count(config: &WorkerConfig) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    config
        .threads
        .map_or((cores + 4).min(32), |threads| threads as usize)
}
