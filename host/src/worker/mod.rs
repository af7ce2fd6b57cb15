//! A worker process: HTTP, extensions and a language runtime in one.
//!
//! The runtime's module drives it: [`Worker::connect`], then it loads the app's functions, then
//! [`Worker::start_extensions`], [`Worker::serve`], and at last [`Serving::join`]. Each may block, and is called without the GIL.

mod admin;
mod exposition;
mod http;
mod link;
mod peers;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::app;
use crate::control::{ExtensionListing, FunctionListing, Ready, WorkerConfig, WorkerMessage};
use crate::extensions::{Companion, ExtensionError, ExtensionReport, Extensions, Search};
use crate::invocation::{Completions, FunctionInfo, LoadedFunction};
use crate::runner::FunctionRunner;
use admin::WorkerAdmin;
use http::HttpService;
use link::Link;
use peers::Peers;

/// What extensions get to shut down when running calls have used up the deadline, or the worker cannot start.
const LEAST_SHUTDOWN: Duration = Duration::from_secs(1);

/// A worker that has its orders and serves nothing yet.
pub struct Worker {
    config: Box<WorkerConfig>,
    link: Link,
    listener: TcpListener,
    extensions: Arc<Mutex<Extensions>>,
    completions: Arc<Completions>,
    /// Empty until the extensions have started.
    functions: Vec<Arc<LoadedFunction>>,
}

impl Worker {
    /// Takes the supervisor's orders and opens the extensions. `Err` is the exit code, after the supervisor
    /// was told why.
    pub fn connect(control: OwnedFd, listener: OwnedFd) -> Result<Self, i32> {
        let (link, config) = Link::connect(control.into()).map_err(|error| {
            eprintln!("funcdock worker: {error}");
            1
        })?;
        crate::logging::init(config.log_format, config.verbose, config.debug_logs);
        let configs = match config.extensions_enabled {
            true => config.app.host.worker_extensions.as_slice(),
            false => &[],
        };
        let search = Search {
            app_root: config.app.root.clone(),
            wheels: config.site_packages.clone(),
            path: config.extension_path.clone(),
        };
        let extensions = match Extensions::load(configs, &search) {
            Ok(extensions) => extensions,
            Err(error) => return Err(link.fail("loading of the extensions", &error.to_string())),
        };
        Ok(Worker {
            config,
            link,
            listener: listener.into(),
            extensions: Arc::new(Mutex::new(extensions)),
            completions: Arc::default(),
            functions: Vec::new(),
        })
    }

    /// What to serve.
    pub fn config(&self) -> &WorkerConfig {
        &self.config
    }

    /// The extensions: function code docks and configures them while it is imported.
    pub fn extensions(&self) -> &Arc<Mutex<Extensions>> {
        &self.extensions
    }

    /// Where the runner puts the outcomes of calls.
    pub fn completions(&self) -> &Arc<Completions> {
        &self.completions
    }

    /// Starts the extensions, which function code has had its say on, and puts their hooks around the functions.
    /// Returns what they bring for the runtime to run.
    ///
    /// # Errors
    /// The first failure of an extension that the app requires.
    pub fn start_extensions(&mut self) -> Result<Vec<Companion>, ExtensionError> {
        let mut extensions = lock(&self.extensions);
        self.functions = load_functions(&self.config, &mut extensions)?;
        extensions.companions()
    }

    /// Tells the supervisor why the app cannot be served; returns the exit code. `phase` is a noun phrase.
    pub fn fail(self, phase: &str, message: &str) -> i32 {
        lock(&self.extensions).shutdown(LEAST_SHUTDOWN);
        self.link.fail(phase, message)
    }

    /// Serves the app through `runner`; `language` is the version of its runtime. `stop` is called when all
    /// has ended. `Err` is the exit code, after the supervisor was told why.
    pub fn serve(
        self,
        runner: Arc<dyn FunctionRunner>,
        language: &str,
        stop: impl FnOnce() + Send + 'static,
    ) -> Result<Serving, i32> {
        let Worker {
            config,
            mut link,
            listener,
            extensions,
            completions,
            functions,
        } = self;
        let extensions = Docked {
            native: extensions,
            language: runner.extensions().into(),
        };
        let ready = Ready {
            functions: config.app.functions.iter().map(function_listing).collect(),
            extensions: extensions.report().into_iter().map(extension_listing).collect(),
            python: language.to_owned(),
        };
        let peers = Arc::clone(link.peers());
        let admin = WorkerAdmin::new(&config, language, extensions.clone(), Arc::clone(&peers));
        let admin = Arc::new(admin);
        let http = match HttpService::start(&config, functions, runner, completions, listener, admin) {
            Ok(http) => http,
            Err(error) => {
                lock(&extensions.native).shutdown(LEAST_SHUTDOWN);
                return Err(link.fail("start of the HTTP server", &error));
            }
        };
        link.send(WorkerMessage::Ready(ready));
        peers.open();
        let thread = std::thread::spawn(move || {
            let deadline = link.wait_for_drain();
            let in_time = drain(http, &peers, &extensions.native, deadline);
            link.send(WorkerMessage::Statistics(json!(extensions.report())));
            link.send(WorkerMessage::Drained);
            stop();
            in_time
        });
        Ok(Serving { thread })
    }
}

/// All extensions of a worker.
#[derive(Clone)]
struct Docked {
    native: Arc<Mutex<Extensions>>,
    /// Those that the runner runs.
    language: Arc<[ExtensionReport]>,
}

impl Docked {
    fn report(&self) -> Vec<ExtensionReport> {
        let mut report = lock(&self.native).report();
        report.extend_from_slice(&self.language);
        report
    }
}

/// A worker that serves.
pub struct Serving {
    thread: JoinHandle<bool>,
}

impl Serving {
    /// Waits until the worker has drained; returns the exit code, which is 0 if nothing was given up.
    pub fn join(self) -> i32 {
        match self.thread.join() {
            Ok(true) => 0,
            // It has logged what it gave up, or printed its panic.
            Ok(false) | Err(_) => 1,
        }
    }
}

/// Ends calls, then extensions, within the deadline. Returns whether all calls ended by themselves.
fn drain(http: HttpService, peers: &Peers, extensions: &Mutex<Extensions>, deadline: Duration) -> bool {
    let end = Instant::now() + deadline;
    let left = || end.saturating_duration_since(Instant::now());
    let in_time = http.drain(deadline);
    // A flush that another worker has asked for is to be over before the shutdown.
    peers.wait_until_answered(left());
    lock(extensions).shutdown(left().max(LEAST_SHUTDOWN));
    in_time
}

/// The functions, with the hooks of the extensions around them, which it starts.
fn load_functions(
    config: &WorkerConfig,
    extensions: &mut Extensions,
) -> Result<Vec<Arc<LoadedFunction>>, ExtensionError> {
    let app = &config.app;
    let prefix = &app.host.http.route_prefix;
    let infos: Vec<_> = app
        .functions
        .iter()
        .map(|function| FunctionInfo::new(function, prefix))
        .collect();
    let root = app.root.to_string_lossy();
    let chains = extensions.start(&root, config.index, &infos)?;
    let loaded = infos.into_iter().zip(chains).enumerate();
    Ok(loaded
        .map(|(index, (info, chain))| Arc::new(LoadedFunction { index, info, chain }))
        .collect())
}

/// A report that panicked half-way has changed nothing.
fn lock(extensions: &Mutex<Extensions>) -> MutexGuard<'_, Extensions> {
    extensions.lock().unwrap_or_else(PoisonError::into_inner)
}

fn function_listing(function: &app::Function) -> FunctionListing {
    let trigger = function.trigger();
    let http = trigger.and_then(|trigger| trigger.http.as_ref());
    FunctionListing {
        name: function.name.clone(),
        kind: trigger.map(|trigger| trigger.kind.clone()).unwrap_or_default(),
        methods: http.map(|http| http.methods.clone()).unwrap_or_default(),
        route: http.map(|http| http.route.clone()),
    }
}

fn extension_listing(report: ExtensionReport) -> ExtensionListing {
    ExtensionListing {
        name: report.name,
        version: report.version.unwrap_or_default(),
        state: report.state.to_string(),
        message: report.message,
    }
}
