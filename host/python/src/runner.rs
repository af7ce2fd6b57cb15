//! The [`FunctionRunner`] for CPython: runs synchronous functions on the pool, asynchronous ones on the loop.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use funcdock::extensions::ExtensionReport;
use funcdock::model::{Exception, FunctionDefinition, Invocation, Outcome};
use funcdock::pipeline::{FunctionRunner, LoadedFunction, RunnerCall};
use funcdock::worker::{LoadedWorker, Worker};
use pyo3::prelude::*;

use crate::arguments::Classes;
use crate::asgi::NestedCalls;
use crate::call_context::Contexts;
use crate::event_loop::EventLoop;
use crate::index::{self, LoadError, Run};
use crate::interpreter_thread::interpreter_thread;
use crate::package::{self, Package};
use crate::pool::{Pool, Threads};
use crate::runtime::Runtime;
use crate::tasks::lock;
use crate::watchdog::{Stacks, Watchdog};
use crate::{calls, companions, context, convert, dock, forks, hooks, logging, termination, wsgi};

/// Calls the functions of an app.
pub(crate) struct PythonRunner {
    runtime: Arc<Runtime>,
    pool: Arc<Pool>,
    event_loop: Arc<EventLoop>,
    extensions: Vec<ExtensionReport>,
    /// Starts when the loop runs.
    watchdog: Mutex<Option<Watchdog>>,
}

impl PythonRunner {
    /// Indexes the app's functions, starts the extensions and the pool. Attached, on the main thread. `Err` is the exit
    /// code, after the reason was reported.
    pub(crate) fn load(py: Python<'_>, worker: Worker) -> Result<(Self, LoadedWorker), i32> {
        let fail = |worker: Worker, error: LoadError| {
            let (phase, message) = error.describe(py, &worker.config().app);
            py.detach(|| worker.fail(&phase, &message))
        };
        let prepared = match Prepared::new(py, &worker) {
            Ok(prepared) => prepared,
            Err(error) => return Err(fail(worker, LoadError::Prepare(error))),
        };
        let package = &prepared.package;
        let config = worker.config();
        let loaded_one =
            |definition: &FunctionDefinition, function: &index::Function| match config.extensions_enabled {
                true => hooks::loaded(py, package, &config.app.root, definition, function),
                false => Ok(()),
            };
        let indexed = index::index(py, package, config, |kind| worker.serves(kind), loaded_one);
        let attached = indexed.and_then(|index| {
            let attached = dock::attach(py, package, &index);
            attached.map(|()| index).map_err(LoadError::Dock)
        });
        let index = match attached {
            Ok(index) => index,
            Err(error) => return Err(fail(worker, error)),
        };
        let completions = Arc::clone(worker.completions());
        // Function code has docked and configured the extensions by now.
        let (worker, companions) = py.detach(|| worker.load(index.definitions))?;
        let started = companions::run(py, &prepared.package, companions).and_then(|()| {
            let mut functions = index.functions;
            let extensions = dock_extensions(py, &prepared.package, &worker, &mut functions)?;
            calls::keep_functions(worker.functions());
            let uses_opentelemetry = worker.config().uses_opentelemetry;
            let contexts = Contexts::new(&prepared.package, py, uses_opentelemetry);
            let contexts = contexts.map_err(LoadError::Prepare)?;
            let runtime = Arc::new(Runtime {
                functions,
                classes: prepared.classes,
                completions,
                wsgi: prepared.package.wsgi.clone_ref(py),
                contexts,
            });
            Self::start(
                py,
                &worker,
                &prepared.package,
                prepared.event_loop,
                prepared.stacks,
                runtime,
                extensions,
            )
            .map_err(LoadError::Prepare)
        });
        match started {
            Ok(runner) => Ok((runner, worker)),
            Err(error) => {
                let (phase, message) = error.describe(py, &worker.config().app);
                Err(py.detach(|| worker.fail(&phase, &message)))
            }
        }
    }

    fn start(
        py: Python<'_>,
        worker: &LoadedWorker,
        package: &Package,
        event_loop: Py<PyAny>,
        stacks: Arc<Mutex<Stacks>>,
        runtime: Arc<Runtime>,
        extensions: Vec<ExtensionReport>,
    ) -> PyResult<Self> {
        let tasks = package.tasks.clone_ref(py);
        tasks.bind(py).call_method0("handle_termination")?;
        let asgi = package.asgi.clone_ref(py);
        let event_loop = Arc::new(EventLoop::new(Arc::clone(&runtime), tasks, asgi, event_loop)?);
        let nested = NestedCalls(Arc::clone(&event_loop) as _);
        package.asgi.bind(py).call_method1("connect", (nested,))?;
        let threads = Threads::new(worker.config().threads);
        package
            .http_streams
            .bind(py)
            .call_method1("set_thread_count", (threads.most(),))?;
        let switch_interval: f64 = py.import("sys")?.call_method0("getswitchinterval")?.extract()?;
        let (interpreter, thread) = interpreter_thread();
        let starter = interpreter.clone();
        let pool = Arc::new(Pool::new(
            threads,
            Duration::from_secs_f64(switch_interval),
            move || starter.start_thread(),
        ));
        thread.start(
            Arc::clone(&pool),
            Arc::clone(&runtime),
            package.threads.clone_ref(py),
            package.stalls.clone_ref(py),
        )?;
        if runtime
            .functions
            .iter()
            .any(|function| !function.run.is_on_loop())
        {
            pool.start();
        }
        let watchdog = Watchdog {
            pool: Arc::clone(&pool),
            event_loop: Arc::clone(&event_loop),
            interpreter,
            stacks,
            health: worker.health().clone(),
            limit: worker.config().app.host.function_timeout,
            loop_thread: py.import("threading")?.call_method0("get_ident")?.extract()?,
        };
        Ok(PythonRunner {
            runtime,
            pool,
            event_loop,
            extensions,
            watchdog: Mutex::new(Some(watchdog)),
        })
    }

    /// Runs asynchronous functions until [`stop`](Self::stop). Attached, on the main thread.
    pub(crate) fn run_event_loop(&self, py: Python<'_>) {
        let watchdog = lock(&self.watchdog).take();
        if let Some(Err(error)) = watchdog.map(Watchdog::start) {
            tracing::error!("cannot start the watchdog: {error}");
        }
        if let Err(error) = self.event_loop.run(py) {
            tracing::error!("the event loop ended: {error}");
        }
    }

    /// Ends [`run_event_loop`](Self::run_event_loop). From any thread.
    pub(crate) fn stop(&self) {
        self.event_loop.stop();
    }
}

impl FunctionRunner for PythonRunner {
    fn invoke(&self, call: RunnerCall) {
        let function = self.runtime.function(&call);
        if let Some(failure) = &function.failure {
            let outcome = Outcome::Raised(failure.clone());
            self.runtime.completions.push(call.ticket, outcome, false);
        } else if function.run.is_on_loop() {
            self.event_loop.push(call);
        } else {
            self.pool.push(call);
        }
    }

    fn needs_thread(&self, function: &LoadedFunction) -> bool {
        !self.runtime.functions[function.index].run.is_on_loop()
    }

    fn threads(&self) -> usize {
        self.pool.usual()
    }

    fn failure(&self, function: &LoadedFunction) -> Option<&Exception> {
        self.runtime.functions[function.index].failure.as_deref()
    }

    fn flush(&self) {
        self.pool.wake();
        self.event_loop.wake_up();
    }

    fn give_up(&self, function: &Arc<LoadedFunction>, invocation: &Arc<Invocation>) {
        if self.runtime.functions[function.index].run.is_on_loop() {
            self.event_loop.give_up(Arc::clone(invocation));
        } else {
            self.pool.give_up(function, invocation);
        }
    }

    fn give_up_stream(&self, function: &Arc<LoadedFunction>, invocation: &Arc<Invocation>) {
        // On the loop, the frames that were dropped have cancelled it.
        self.pool.give_up(function, invocation);
    }

    fn has_idle_place(&self) -> bool {
        self.pool.has_idle_place()
    }

    fn waiting(&self) -> usize {
        self.pool.waiting()
    }

    fn cancel(&self) {
        self.event_loop.cancel();
    }

    fn begin_stop(&self) {
        termination::begin();
    }

    fn shut_down(&self, time: Duration) {
        if self
            .runtime
            .functions
            .iter()
            .any(|function| matches!(function.run, Run::Asgi(_)))
        {
            self.event_loop.shut_down(time);
        }
    }

    fn extensions(&self) -> Vec<ExtensionReport> {
        self.extensions.clone()
    }
}

/// Python, prepared to import the app's code.
struct Prepared {
    package: Package,
    classes: Classes,
    event_loop: Py<PyAny>,
    stacks: Arc<Mutex<Stacks>>,
}

impl Prepared {
    fn new(py: Python<'_>, worker: &Worker) -> PyResult<Self> {
        let config = worker.config();
        let package = package::import(py, &config.app.root)?;
        logging::install(
            py,
            &package,
            config.log_format,
            funcdock::logging::least_of_python(),
        )?;
        if config.index == 0 {
            let paths = package.paths.bind(py);
            paths.call_method1("warn_of_other_python", (&config.app.root,))?;
        }
        let stacks = Arc::new(Mutex::new(Stacks::new(package.stalls.bind(py))?));
        let explained = Arc::clone(&stacks);
        worker.can_explain(move || lock(&explained).read());
        let http = package.http.bind(py);
        let contexts = (
            py.get_type::<context::Context>(),
            py.get_type::<context::TraceContext>(),
            py.get_type::<context::RetryContext>(),
        );
        http.call_method1("register", contexts)?;
        convert::know_responses(http)?;
        let classes = Classes {
            request: http.getattr("HttpRequest")?.unbind(),
            out: http.getattr("Out")?.unbind(),
            response: http.getattr("HttpResponse")?.unbind(),
        };
        let event_loop = package.tasks.bind(py).call_method0("new_event_loop")?.unbind();
        forks::install(py, &event_loop)?;
        dock::install(py, &package, config, worker.extensions())?;
        package.asgi.bind(py).call_method0("patch_middleware")?;
        wsgi::patch_middleware(package.wsgi.bind(py))?;
        if config.extensions_enabled {
            hooks::watch(py, &package, config.skip_post_on_exception)?;
        }
        Ok(Prepared {
            package,
            classes,
            event_loop,
            stacks,
        })
    }
}

fn dock_extensions(
    py: Python<'_>,
    package: &Package,
    worker: &LoadedWorker,
    functions: &mut [index::Function],
) -> Result<Vec<ExtensionReport>, LoadError> {
    let config = worker.config();
    if !config.extensions_enabled {
        hooks::warn_of_switched_off(py, package, &config.app.root).map_err(LoadError::Dock)?;
        return Ok(Vec::new());
    }
    let loaded = worker.functions().iter();
    let definitions: Vec<_> = loaded.map(|function| &function.definition).collect();
    hooks::dock(py, package, &config.app.root, &definitions, functions).map_err(LoadError::Dock)
}
