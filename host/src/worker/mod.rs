//! A worker: triggers, extensions and a language runtime in one process, from its orders to its end.
//!
//! The language runtime drives it: [`Worker::connect`] (or [`Worker::new`], without a supervisor), then it indexes the
//! app's functions, then [`Worker::load`], [`LoadedWorker::serve`], and at last [`ServingWorker::join`]. Each may block, and is
//! called without the GIL, or whatever lock the language has.

mod admin;
mod events;
mod exposition;
mod functions;
mod health;
mod link;
mod listing;
mod orders;
mod own_metrics;
mod peers;
mod service;
#[cfg(test)]
mod tests;
mod warmup;

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::app::Driver;
use crate::control::{OwnLoad, Ready, WorkerConfig};
use crate::extensions::{Activity, Companion, Extensions, Search};
use crate::logging::{Recent, Selection};
use crate::model::FunctionDefinition;
use crate::pipeline::{Completions, FunctionRunner, LoadedFunction};
use crate::triggers::blob::BlobWebhook;
use crate::triggers::http::{Http, Listener, ResponseCounts, is_http_trigger};
use crate::triggers::{self, Setup, Trigger};
use admin::WorkerAdmin;
use functions::put_hooks_around;
use link::Link;
use listing::{AllExtensions, lock};
use own_metrics::OwnMetrics;
use peers::Peers;
use service::{Service, WorkerLogging};
use warmup::{Warm, Warmup};

pub use health::Health;
pub use orders::Orders;
pub use service::Pulse;

/// The time for extensions to shut down if running calls have used up the deadline, or the worker cannot start.
const LEAST_SHUTDOWN: Duration = Duration::from_secs(1);

/// A worker with its orders: its extensions are open, and its functions are not loaded yet.
pub struct Worker {
    base: Base,
    completions: Arc<Completions>,
    triggers: Vec<Box<dyn Trigger>>,
    warm: Warm,
}

/// The parts that a worker has from its orders to its end.
struct Base {
    config: Box<WorkerConfig>,
    orders: Box<dyn Orders>,
    peers: Option<Arc<Peers>>,
    listener: Option<Listener>,
    extensions: Arc<Mutex<Extensions>>,
    health: Health,
}

impl Base {
    /// Reports why the app cannot be served; returns the exit code.
    fn fail(mut self, phase: &str, message: &str) -> i32 {
        lock(&self.extensions).shutdown(LEAST_SHUTDOWN);
        self.orders.failed(phase, message);
        1
    }
}

impl Worker {
    /// Takes the supervisor's orders from this end of the control channel, and opens the extensions. `listener` is bound and
    /// non-blocking; `loads` and `logs` are files in memory that the supervisor has made. `Err` is the exit code, after the
    /// reason was reported to the supervisor.
    pub fn connect(control: OwnedFd, listener: OwnedFd, loads: OwnedFd, logs: OwnedFd) -> Result<Self, i32> {
        let (link, config) = Link::connect(control.into()).map_err(|error| {
            crate::logging::print_error(&format_args!("funcdock worker: {error}"));
            1
        })?;
        if let Err(error) = Recent::join(logs, config.load_cell) {
            crate::logging::print_error(&format_args!(
                "funcdock logs has no records of this worker: {error}"
            ));
        }
        let peers = Arc::clone(link.peers());
        let load = OwnLoad::new(loads, config.load_cell);
        let listener = Listener::shared(listener, load, link.handover());
        let activity = link.activity();
        Self::open(config, Box::new(link), Some(peers), Some(listener), activity)
    }

    /// Makes a worker without a supervisor, and opens its extensions. It serves HTTP if it has a listener. `Err` is the exit
    /// code, after [`Orders::failed`].
    pub fn new(config: WorkerConfig, orders: impl Orders, listener: Option<Listener>) -> Result<Self, i32> {
        Self::open(
            Box::new(config),
            Box::new(orders),
            None,
            listener,
            Activity::default(),
        )
    }

    fn open(
        config: Box<WorkerConfig>,
        mut orders: Box<dyn Orders>,
        peers: Option<Arc<Peers>>,
        listener: Option<Listener>,
        activity: Activity,
    ) -> Result<Self, i32> {
        let selection = Selection {
            verbose: config.verbose,
            debug_apps: config.debug_logs,
            levels: Some(&config.app.host.log_levels),
        };
        crate::logging::init(config.log_format, &selection);
        let configs = config.app.host.worker_extensions.as_slice();
        let search = Search {
            app_root: config.app.root.clone(),
            wheels: config.site_packages.clone(),
            path: config.extension_path.clone(),
        };
        let loaded = match config.extensions_enabled {
            true => Extensions::load(configs, &search, activity),
            false => Extensions::switched_off(configs, &search, activity),
        };
        let extensions = match loaded {
            Ok(extensions) => Arc::new(Mutex::new(extensions)),
            Err(error) => {
                orders.failed("loading of the extensions", &error.to_string());
                return Err(1);
            }
        };
        let mut base = Base {
            config,
            health: Health::new(orders.unhealthy()),
            orders,
            peers,
            listener,
            extensions,
        };
        let setup = Setup {
            app: &base.config.app,
            worker: base.config.index,
        };
        let mut triggers = match triggers::registered(&setup) {
            Ok(triggers) => triggers,
            Err(error) => return Err(base.fail("start of the triggers", &error)),
        };
        let (warmup, warm) = Warmup::new();
        triggers.push(Box::new(warmup));
        if let Some(trigger) = base.orders.trigger() {
            triggers.insert(0, trigger);
        }
        Ok(Worker {
            base,
            completions: Arc::default(),
            triggers,
            warm,
        })
    }

    /// Returns the configuration.
    pub fn config(&self) -> &WorkerConfig {
        &self.base.config
    }

    /// Takes what tells what the threads of the language do, before code of the app is imported. It may be called from any
    /// thread, and must not wait for the interpreter.
    pub fn can_explain(&self, explain: impl Fn() -> String + Send + Sync + 'static) {
        self.base.orders.can_explain(Box::new(explain));
    }

    /// Returns the extensions, which function code docks and configures while it is imported.
    pub fn extensions(&self) -> &Arc<Mutex<Extensions>> {
        &self.base.extensions
    }

    /// Returns the queue for the runner's outcomes.
    pub fn completions(&self) -> &Arc<Completions> {
        &self.completions
    }

    /// Whether a trigger of this worker serves functions whose trigger binding has this type. A function without such a
    /// trigger is listed, and only operators call it.
    pub fn serves(&self, kind: &str) -> bool {
        let http = self.base.listener.is_some() && is_http_trigger(kind);
        http || self.triggers.iter().any(|trigger| trigger.serves(kind))
    }

    /// Starts the extensions, which function code has configured by now, and puts their hooks around the functions, in the
    /// runner's order. `Err` is the exit code, after the failure of a required extension was reported.
    pub fn load(self, functions: Vec<FunctionDefinition>) -> Result<(LoadedWorker, Vec<Companion>), i32> {
        let mut extensions = lock(&self.base.extensions);
        let loaded = put_hooks_around(&self.base.config, &mut extensions, functions);
        let companions = extensions.take_companions();
        drop(extensions);
        match loaded {
            Ok(functions) => {
                let worker = LoadedWorker {
                    worker: self,
                    functions,
                };
                Ok((worker, companions))
            }
            Err(error) => Err(self.fail("start of the extensions", &error.to_string())),
        }
    }

    /// Reports why the app cannot be served; returns the exit code. `phase` is a noun phrase.
    pub fn fail(self, phase: &str, message: &str) -> i32 {
        self.base.fail(phase, message)
    }
}

/// A worker whose functions and extensions are loaded.
pub struct LoadedWorker {
    worker: Worker,
    functions: Vec<Arc<LoadedFunction>>,
}

impl LoadedWorker {
    /// Returns the functions, in the runner's order.
    pub fn functions(&self) -> &[Arc<LoadedFunction>] {
        &self.functions
    }

    /// Returns the configuration.
    pub fn config(&self) -> &WorkerConfig {
        self.worker.config()
    }

    /// Returns the worker's health, for the runner to report that it cannot go on.
    pub fn health(&self) -> &Health {
        &self.worker.base.health
    }

    /// Reports why the app cannot be served; returns the exit code. `phase` is a noun phrase.
    pub fn fail(self, phase: &str, message: &str) -> i32 {
        self.worker.fail(phase, message)
    }

    /// Serves the app through `runner`; `language` is the version of its runtime. `stop` is called after everything has
    /// ended. `Err` is the exit code, after the reason was reported.
    pub fn serve(
        self,
        runner: Arc<dyn FunctionRunner>,
        language: &str,
        stop: impl FnOnce() + Send + 'static,
    ) -> Result<ServingWorker, i32> {
        let LoadedWorker { worker, functions } = self;
        let Worker {
            mut base,
            completions,
            mut triggers,
            warm,
        } = worker;
        let extensions = AllExtensions {
            native: Arc::clone(&base.extensions),
            language: runner.extensions().into(),
        };
        let not_loaded = listing::not_loaded(&functions, &*runner);
        let ready = Ready {
            functions: functions
                .iter()
                .map(|function| listing::function(&function.definition))
                .collect(),
            not_loaded: not_loaded.keys().cloned().collect(),
            events: listing::events(&functions, &*runner, base.config.app.host.retry.as_ref()),
            threads: runner.threads(),
            connections: listing::connections(&functions),
            extensions: extensions.report().into_iter().map(listing::extension).collect(),
            python: language.to_owned(),
        };
        if let Some(listener) = base.listener.take() {
            let responses = Arc::new(match base.config.max_requests {
                Some(number) => ResponseCounts::with_limit(number, base.orders.request_limit_reached()),
                None => ResponseCounts::default(),
            });
            let metrics = OwnMetrics {
                worker: base.config.index,
                restarts: base.config.restarts,
                functions: functions
                    .iter()
                    .map(|function| (Arc::clone(&function.info), Arc::clone(&function.counts)))
                    .collect(),
                responses: Arc::clone(&responses),
                runner: Arc::downgrade(&runner),
            };
            let admin = WorkerAdmin::new(
                &base.config,
                language,
                extensions.clone(),
                metrics,
                base.peers.clone(),
                base.health.clone(),
                not_loaded,
            );
            let config = base.config.app.host.http.clone();
            let http = Http::new(
                listener,
                config,
                functions.clone(),
                responses,
                Arc::new(admin),
                BlobWebhook::new(&base.config.app, &functions),
            );
            triggers.insert(0, Box::new(http));
        }
        let timeout = base.config.app.host.function_timeout;
        let serving_runner = Arc::clone(&runner);
        let service = match Service::start(
            &functions,
            triggers,
            serving_runner,
            completions,
            timeout,
            WorkerLogging {
                calls: base.config.logs_calls,
                // The Functions host logs them itself.
                failures: base.config.app.driver == Driver::Funcdock,
                is_first: base.config.index == 0,
                drain_limit: match base.config.app.driver {
                    Driver::Funcdock => "see --drain-timeout",
                    Driver::FunctionsHost => "the Functions host has set it, or is gone",
                },
            },
            base.health.clone(),
        ) {
            Ok(service) => service,
            Err(error) => return Err(base.fail("start of the triggers", &error)),
        };
        let thread = std::thread::spawn(move || {
            warm.wait();
            base.orders.ready(ready, service.pulse());
            if let Some(peers) = &base.peers {
                peers.open();
            }
            let deadline = base.orders.wait_for_drain();
            let in_time = drain(service, &*runner, &base, deadline);
            base.orders.drained(json!(extensions.report()));
            stop();
            (in_time, base)
        });
        Ok(ServingWorker { thread })
    }
}

/// A worker that serves.
pub struct ServingWorker {
    /// Whether nothing was given up. The parts stay until the process ends: a worker whose language hangs must still notice
    /// that its supervisor is gone.
    thread: JoinHandle<(bool, Base)>,
}

impl ServingWorker {
    /// Waits until the worker has drained; returns the exit code, which is 0 if nothing was given up.
    pub fn join(self) -> i32 {
        match self.thread.join() {
            Ok((true, _)) => 0,
            // The thread has logged the calls that it gave up, or printed its panic.
            Ok((false, _)) | Err(_) => 1,
        }
    }
}

/// Ends calls, then the runner, then extensions, within the deadline. Returns whether all calls ended by themselves.
fn drain(service: Service, runner: &dyn FunctionRunner, base: &Base, deadline: Duration) -> bool {
    let end = Instant::now() + deadline;
    let left = || end.saturating_duration_since(Instant::now());
    runner.begin_stop();
    let in_time = service.drain(deadline);
    runner.shut_down(left().max(LEAST_SHUTDOWN));
    if let Some(peers) = &base.peers {
        // A flush that another worker requested must end before the shutdown.
        peers.wait_until_answered(left());
    }
    lock(&base.extensions).shutdown(left().max(LEAST_SHUTDOWN));
    in_time
}
