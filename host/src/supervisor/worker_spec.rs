//! How workers are started, which is the same for all of them, and what has to be found and made before.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;
use super::limits::Limits;
use super::{Options, SupervisorError};
use crate::app::App;
use crate::control::{Loads, PROTOCOL, WorkerConfig};
use crate::extensions::Search;
use crate::launch::python::{self, InterpreterSearch, Program};

/// How to start workers; the same for all of them.
#[derive(Debug)]
pub(super) struct WorkerSpec {
    /// The program that each runs.
    pub(super) program: Program,
    /// The variables to add to our environment.
    pub(super) environment: Environment,
    /// The configuration of each worker, except what differs between workers.
    pub(super) config: WorkerConfig,
    /// The connections of all workers.
    pub(super) loads: Arc<Loads>,
    /// The time until a worker must be ready.
    pub(super) start_timeout: Duration,
    /// The time for the calls in flight when the worker is replaced.
    pub(super) drain_timeout: Duration,
    /// The time without a sign of life after which a worker is killed.
    pub(super) heartbeat_timeout: Duration,
    /// When a worker is replaced. Each draws its own.
    pub(super) limits: Limits,
}

impl WorkerSpec {
    /// Prepares everything that workers need.
    pub(super) async fn prepare(options: &Options, loads: &Arc<Loads>) -> Result<Self, SupervisorError> {
        let app = &options.app;
        let environment = Environment::of(
            app,
            |name| std::env::var_os(name),
            Some(&options.listen.address()),
        );
        for name in &environment.overridden {
            tracing::info!("{name} of local.settings.json is not used: the environment has another value");
        }
        let interpreters = InterpreterSearch::from_environment(&app.root, options.python.clone());
        let program = Program {
            interpreter: interpreters
                .prepare(options.install, options.verbose, &environment.variables)
                .await?,
            module: options.module.clone(),
            arguments: options.python_arguments.clone(),
        };
        tracing::debug!(
            "workers run {} with {}",
            program.interpreter.display(),
            program.module.display()
        );
        let search = Search {
            app_root: app.root.clone(),
            ..Search::default()
        };
        let site_packages = if options.extensions_enabled && search.needs_wheels(&app.host.worker_extensions)
        {
            python::site_packages(&program.interpreter, &app.root, &environment.variables).await
        } else {
            Vec::new()
        };
        Ok(Self {
            program,
            environment,
            config: WorkerConfig {
                protocol: PROTOCOL,
                app: app.clone(),
                index: 0,
                workers: options.workers,
                restarts: 0,
                load_cell: 0,
                extensions_enabled: options.extensions_enabled,
                site_packages,
                extension_path: options.extension_path.clone(),
                log_format: options.log_format,
                verbose: options.verbose,
                logs_calls: options.logs_calls,
                debug_logs: options.debug_logs,
                skip_post_on_exception: options.skip_post_on_exception,
                uses_opentelemetry: options.uses_opentelemetry,
                strict: options.strict,
                must_load: BTreeSet::new(),
                threads: options.threads,
                max_requests: None,
            },
            loads: Arc::clone(loads),
            start_timeout: options.start_timeout,
            drain_timeout: options.drain_timeout,
            heartbeat_timeout: options.heartbeat_timeout,
            limits: options.limits,
        })
    }

    /// Returns the error for a worker whose process cannot be started.
    pub(super) fn spawn_error(&self, worker: u32, source: io::Error) -> SupervisorError {
        let app = &self.config.app.root;
        // The system reports both as if they were errors of the interpreter.
        if source.kind() == io::ErrorKind::NotFound && !app.is_dir() {
            return SupervisorError::AppGone { app: app.clone() };
        }
        let size = |(_, value): &&(String, OsString)| value.len();
        if source.kind() == io::ErrorKind::ArgumentListTooLong
            && let Some(largest) = self.environment.variables.iter().max_by_key(size)
        {
            return SupervisorError::SettingsTooLarge {
                name: largest.0.clone(),
                bytes: largest.1.len(),
            };
        }
        SupervisorError::Spawn {
            worker,
            program: self.program.interpreter.clone(),
            source,
        }
    }
}

/// Returns the folders that the app's interpreter imports packages from (see [`Search::wheels`]). Makes no environment
/// for the app. Needs a tokio runtime with I/O and time.
pub async fn site_packages(app: &App, python: Option<PathBuf>) -> Result<Vec<PathBuf>, SupervisorError> {
    let environment = Environment::of(app, |name| std::env::var_os(name), None);
    let interpreters = InterpreterSearch::from_environment(&app.root, python);
    let interpreter = interpreters.prepare(false, false, &[]).await?;
    Ok(python::site_packages(&interpreter, &app.root, &environment.variables).await)
}
