//! The supervisor: binds the port, runs the worker processes, restarts those that die, and ends them in
//! order. It serves nothing itself and knows of the app only what is on disk.
//!
//! In order: signals, port, Python module, interpreter (and the app's environment), workers. A worker slot
//! lives its life in `slot`; this file tells all slots what to do and collects what they say.

mod backoff;
mod environment;
mod error;
mod exchange;
mod listener;
mod slot;
mod worker_process;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use self::error::SupervisorError;
use self::exchange::Exchange;
use self::slot::{End, News, Phase, Slot};
use self::worker_process::Recipe;
use crate::app::App;
use crate::control::{PROTOCOL, Ready, WorkerConfig};
use crate::extensions::Search;
use crate::launch::python::{self, InterpreterSearch};
use crate::sys::StopSignals;

/// How many messages may wait for a worker to read them.
const ORDERS: usize = 64;

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The app to serve.
    pub app: App,
    /// Where to listen; port 0 picks a free one.
    pub address: SocketAddr,
    /// How many worker processes; at least 1.
    pub workers: u32,
    /// The interpreter that the user named: a path, or a name to look for in `PATH`.
    pub python: Option<PathBuf>,
    /// The Python module to load into it, absolute (see [`find_module`](python::find_module)).
    pub module: PathBuf,
    /// Whether to make an environment for an app that has requirements and none of its own.
    pub install: bool,
    /// How long a worker may take until it is ready.
    pub start_timeout: Duration,
    /// How long workers may take to finish what is in flight when the host stops.
    pub drain_timeout: Duration,
    /// See [`WorkerConfig::extensions_enabled`].
    pub extensions_enabled: bool,
    /// See [`WorkerConfig::extension_path`].
    pub extension_path: Vec<PathBuf>,
    /// See [`WorkerConfig::threads`].
    pub threads: Option<u32>,
    /// See [`WorkerConfig::log_format`].
    pub log_format: crate::logging::Format,
    /// See [`WorkerConfig::verbose`].
    pub verbose: bool,
    /// See [`WorkerConfig::debug_logs`].
    pub debug_logs: bool,
}

/// What [`run`] reports while it runs.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The first worker is ready; the others serve the same.
    FirstReady {
        /// The address that is bound.
        address: SocketAddr,
        /// What is served.
        ready: &'a Ready,
    },
    /// Every worker is ready, for the first time.
    AllReady,
    /// What a worker counted in its life.
    Statistics {
        /// Which worker.
        worker: u32,
        /// The worker's words.
        statistics: &'a Value,
    },
}

/// How the host ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// After a signal, with every worker's work finished.
    Clean,
    /// After a signal, but a worker did not finish in time or failed at it.
    Forced,
    /// At once, by the signal of this number: while starting, or by a second one.
    Signalled(u8),
}

impl Stopped {
    /// The exit status to end the program with.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Forced => 1,
            Self::Signalled(number) => 128 + number,
        }
    }
}

/// Runs the host until SIGINT or SIGTERM, or until a worker cannot be started.
///
/// Takes over both signals for the whole process. Needs a tokio runtime with I/O and time. `report` is
/// called between other work and should not block.
pub async fn run(options: Options, mut report: impl FnMut(Progress<'_>)) -> Result<Stopped, SupervisorError> {
    let mut signals = StopSignals::new().map_err(SupervisorError::Signals)?;
    let (listener, address) = listener::bind(options.address)?;
    let prepared = tokio::select! {
        recipe = prepare(&options, address) => recipe,
        number = signals.next() => return Ok(Stopped::Signalled(number)),
    };

    let recipe = Arc::new(prepared?);
    let (phase, watched) = watch::channel(Phase::Serving(listener));
    let (sender, mut news) = mpsc::unbounded_channel();
    let mut slots = JoinSet::new();
    let mut orders = Vec::new();
    for index in 0..options.workers {
        let (order, ordered) = mpsc::channel(ORDERS);
        orders.push(order);
        let (recipe, phase, news) = (recipe.clone(), watched.clone(), sender.clone());
        slots.spawn(
            Slot {
                index,
                recipe,
                phase,
                news,
                orders: ordered,
            }
            .run(),
        );
    }
    drop((watched, sender));

    let mut been_ready = BTreeSet::new();
    let mut exchange = Exchange::new(orders);
    let mut outcome = Ok(Stopped::Clean);
    loop {
        tokio::select! {
            // News first, so that none is left when the last slot ends.
            biased;
            Some(item) = news.recv() => match item {
                News::Ready(worker, _) if been_ready.contains(&worker) => {
                    exchange.joins(worker);
                    tracing::info!("worker {worker} is back");
                }
                News::Ready(worker, ready) => {
                    exchange.joins(worker);
                    if been_ready.is_empty() {
                        report(Progress::FirstReady { address, ready: &ready });
                    }
                    been_ready.insert(worker);
                    if been_ready.len() == options.workers as usize {
                        report(Progress::AllReady);
                    }
                }
                News::Gone(worker) => exchange.leaves(worker),
                News::Asks { asker, id, question } => exchange.ask(asker, id, question),
                News::Answered { worker, asker, id, reply } => exchange.answer(worker, asker, id, reply),
                News::Statistics(worker, statistics) => {
                    report(Progress::Statistics { worker, statistics: &statistics });
                }
            },
            number = signals.next() => {
                if begin_drain(&phase, options.drain_timeout) {
                    tracing::info!("stopping; a second signal stops at once");
                } else {
                    phase.send_replace(Phase::Killing);
                    outcome = outcome.and(Ok(Stopped::Signalled(number)));
                }
            }
            ended = slots.join_next() => match ended {
                None => return outcome,
                Some(Ok(End::Clean)) => {}
                Some(Ok(End::Forced)) => {
                    if let Ok(stopped @ Stopped::Clean) = &mut outcome {
                        *stopped = Stopped::Forced;
                    }
                }
                Some(Ok(End::Failed(error))) => {
                    if outcome.is_ok() {
                        outcome = Err(error);
                    }
                    begin_drain(&phase, options.drain_timeout);
                }
                // Slots are never aborted, so this is a panic: ours to pass on.
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    }
}

/// Where the interpreter that would run the app imports packages from (see [`Search::wheels`]). Makes no environment
/// for the app. Needs a tokio runtime with I/O and time.
pub async fn site_packages(app: &App, python: Option<PathBuf>) -> Result<Vec<PathBuf>, SupervisorError> {
    let environment = environment::Environment::of(app, |name| std::env::var_os(name));
    let python = InterpreterSearch::from_environment(&app.root, python)
        .prepare(false, false)
        .await?;
    Ok(python::site_packages(&python, &app.root, &environment.variables).await)
}

/// Finds and makes all that workers need.
async fn prepare(options: &Options, address: SocketAddr) -> Result<Recipe, SupervisorError> {
    let app = &options.app;
    let environment = environment::Environment::of(app, |name| std::env::var_os(name));
    for name in &environment.overridden {
        tracing::info!("{name} of local.settings.json is not used: the environment has another value");
    }
    let choice = InterpreterSearch::from_environment(&app.root, options.python.clone());
    let python = choice.prepare(options.install, options.verbose).await?;
    tracing::debug!(
        "workers run {} with {}",
        python.display(),
        options.module.display()
    );
    let search = Search {
        app_root: app.root.clone(),
        ..Search::default()
    };
    let site_packages = if options.extensions_enabled && search.needs_wheels(&app.host.worker_extensions) {
        python::site_packages(&python, &app.root, &environment.variables).await
    } else {
        Vec::new()
    };
    Ok(Recipe {
        python,
        module: options.module.clone(),
        environment,
        config: WorkerConfig {
            protocol: PROTOCOL,
            app: app.clone(),
            index: 0,
            workers: options.workers,
            address,
            extensions_enabled: options.extensions_enabled,
            site_packages,
            extension_path: options.extension_path.clone(),
            log_format: options.log_format,
            verbose: options.verbose,
            debug_logs: options.debug_logs,
            threads: options.threads,
        },
        start_timeout: options.start_timeout,
    })
}

/// Lets the slots drain, unless they do so (or are killed) already. Closes our listening socket.
fn begin_drain(phase: &watch::Sender<Phase>, time: Duration) -> bool {
    phase.send_if_modified(|phase| {
        let serving = matches!(phase, Phase::Serving(_));
        if serving {
            *phase = Phase::Draining(Instant::now() + time);
        }
        serving
    })
}
