//! What the supervisor is asked to run, and how.

use std::path::PathBuf;
use std::time::Duration;

use super::{Limits, Listen};
use crate::app::{App, AppSettings};

/// The app to run, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The app to serve.
    pub app: App,
    /// The app settings.
    pub settings: AppSettings,
    /// Whether events start calls: timers, for one. Else only requests do.
    pub events: bool,
    /// Whether to start Azurite where the app expects the storage emulator and nothing listens.
    pub azurite: bool,
    /// Where to listen.
    pub listen: Listen,
    /// The number of worker processes; at least 1.
    pub workers: u32,
    /// The interpreter that the user named: a path, or a name to look for in `PATH`.
    pub python: Option<PathBuf>,
    /// The arguments of the interpreter.
    pub python_arguments: Vec<String>,
    /// The Python module to load, absolute (see [`find_module`](python::find_module)).
    pub module: PathBuf,
    /// Whether to make an environment for an app that has requirements but no environment.
    pub install: bool,
    /// The time until a worker must be ready.
    pub start_timeout: Duration,
    /// The time for the calls in flight when the host stops, or a worker is replaced.
    pub drain_timeout: Duration,
    /// The time without a sign of life after which a worker is killed and started again.
    pub heartbeat_timeout: Duration,
    /// A file for the number of the host's process, while it listens.
    pub pid_file: Option<PathBuf>,
    /// When workers are replaced.
    pub limits: Limits,
    /// Whether to read the app again, and replace the workers, when one of its files changes.
    pub reload: bool,
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
    /// See [`WorkerConfig::logs_calls`].
    pub logs_calls: bool,
    /// See [`WorkerConfig::debug_logs`].
    pub debug_logs: bool,
    /// See [`WorkerConfig::skip_post_on_exception`].
    pub skip_post_on_exception: bool,
    /// See [`WorkerConfig::uses_opentelemetry`].
    pub uses_opentelemetry: bool,
    /// See [`WorkerConfig::strict`].
    pub strict: bool,
}
