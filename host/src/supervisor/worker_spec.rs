//! How workers are started, which is the same for all of them.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::SupervisorError;
use super::environment::Environment;
use super::limits::Limits;
use crate::control::{Loads, WorkerConfig};
use crate::launch::python::Program;

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
