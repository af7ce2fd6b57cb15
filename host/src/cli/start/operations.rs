//! The options of `funcdock start` for operators.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::values::seconds;
use crate::logging::LogFile;
use crate::supervisor::Limits;

/// The options.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Operations {
    /// Read environment variables from this file; several options for several files, of which the later ones win
    #[arg(long, env = "FUNCDOCK_ENV_FILE", value_name = "PATH", value_delimiter = ':')]
    pub(super) env_file: Vec<PathBuf>,

    /// Write the number of the host's process to this file while it listens
    #[arg(long, env = "FUNCDOCK_PID_FILE", value_name = "PATH")]
    pub(super) pid_file: Option<PathBuf>,

    /// Write the log, and all else that the host and its workers print to stderr, to this file
    #[arg(long, env = "FUNCDOCK_LOG_FILE", value_name = "PATH")]
    log_file: Option<PathBuf>,

    /// MiB after which another log file begins; 0 is never
    #[arg(long, env = "FUNCDOCK_LOG_FILE_SIZE", value_name = "MIB", default_value = "10", value_parser = size)]
    log_file_size: u32,

    /// Earlier log files to keep: PATH.1, PATH.2, …
    #[arg(long, env = "FUNCDOCK_LOG_FILES", value_name = "N", default_value = "5", value_parser = files)]
    log_files: u32,

    /// Replace a worker that has answered this many requests [default: never]
    #[arg(
        long,
        alias = "limit-max-requests",
        env = "FUNCDOCK_MAX_REQUESTS",
        value_name = "N",
        value_parser = one_or_more
    )]
    max_requests: Option<u64>,

    /// Replace a worker that has served for this many seconds [default: never]
    #[arg(
        long,
        alias = "workers-lifetime",
        env = "FUNCDOCK_MAX_LIFETIME",
        value_name = "SECONDS",
        value_parser = lifetime
    )]
    max_lifetime: Option<Duration>,

    /// Replace a worker that has this much resident memory, in MiB [default: never]
    #[arg(
        long,
        alias = "workers-max-rss",
        env = "FUNCDOCK_MAX_RSS",
        value_name = "MIB",
        value_parser = one_or_more
    )]
    max_rss: Option<u64>,

    /// Lower --max-requests and --max-lifetime for each worker by a random part, of this many percent at most
    #[arg(
        long,
        env = "FUNCDOCK_MAX_JITTER",
        value_name = "PERCENT",
        default_value = "10",
        value_parser = jitter
    )]
    max_jitter: u32,
}

impl Operations {
    /// Returns the same options for a host beside one that may have a pid file by the same variable.
    pub(super) fn without_pid_file(self) -> Self {
        Operations {
            pid_file: None,
            ..self
        }
    }

    /// Sends stderr to the log file, if there is one, until what it returns is dropped.
    pub(super) fn log_file(&self) -> Result<Option<LogFile>> {
        let Some(path) = &self.log_file else {
            return Ok(None);
        };
        let limit = (self.log_file_size > 0).then_some(u64::from(self.log_file_size) << 20);
        let file = LogFile::begin(path, limit, self.log_files).with_context(|| {
            format!(
                "cannot write the log file {}; expected a file, or a new one in a folder that exists and that this user may \
                 write to: see --log-file",
                path.display()
            )
        })?;
        Ok(Some(file))
    }

    /// Returns when workers are replaced. Never if a debugger listens in one, as its successor could not.
    pub(super) fn limits(&self, has_debugger: bool) -> Limits {
        let limits = Limits {
            requests: self.max_requests,
            lifetime: self.max_lifetime,
            memory: self.max_rss,
            jitter: self.max_jitter,
        };
        let none = Limits {
            jitter: self.max_jitter,
            ..Limits::default()
        };
        if has_debugger && limits != none {
            tracing::warn!(
                "--max-requests, --max-lifetime and --max-rss have no effect: a debugger listens in the first worker"
            );
            return none;
        }
        limits
    }
}

fn one_or_more(value: &str) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number from 1; leave the option out for no limit".into())
}

/// Less than a second would be a loop of starts.
fn lifetime(value: &str) -> Result<Duration, String> {
    let time = seconds(value).ok().filter(|time| time.as_secs() > 0);
    time.ok_or_else(|| "expected a number of seconds from 1; leave the option out for no limit".into())
}

fn size(value: &str) -> Result<u32, String> {
    value
        .parse()
        .map_err(|_| "expected a whole number of MiB, or 0 for one file without a limit".into())
}

fn files(value: &str) -> Result<u32, String> {
    let number = value.parse().ok().filter(|number| *number <= 1000);
    number.ok_or_else(|| "expected a whole number from 0 to 1000".into())
}

fn jitter(value: &str) -> Result<u32, String> {
    let percent = value.parse().ok().filter(|percent| *percent <= 50);
    percent.ok_or_else(|| "expected a whole number from 0 to 50".into())
}
