//! The log: records of the host itself come through `tracing`; records of functions and extensions, whose
//! logger and level are only known at run time, through [`record`].

mod json;
mod text;

use std::io::IsTerminal as _;

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// How a record looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line, for what collects logs
    Json,
}

/// A record's severity, as numbered at the extension border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something may be wrong.
    Warn = 2,
    /// Something happened.
    Info = 3,
    /// For the author.
    Debug = 4,
    /// For the author, in numbers.
    Trace = 5,
}

impl Level {
    /// The level of this number; what is out of range is the nearest one.
    pub fn from_u8(level: u8) -> Self {
        match level {
            0 | 1 => Level::Error,
            2 => Level::Warn,
            3 => Level::Info,
            4 => Level::Debug,
            _ => Level::Trace,
        }
    }
}

/// The variable that says what is logged, in the syntax of `RUST_LOG`.
const VARIABLE: &str = "FUNCDOCK_LOG";

/// Sends the log of this process to stderr: INFO and above, DEBUG when `verbose`, of functions and extensions also
/// when `debug_apps`; or as the variable FUNCDOCK_LOG says.
pub fn init(format: Format, verbose: bool, debug_apps: bool) {
    let default = if verbose {
        LevelFilter::DEBUG
    } else {
        LevelFilter::INFO
    };
    let mut filter = EnvFilter::builder()
        .with_default_directive(default.into())
        .with_env_var(VARIABLE)
        .from_env_lossy();
    if debug_apps && std::env::var_os(VARIABLE).is_none() {
        filter = filter.add_directive(app_at_debug());
    }
    let builder = tracing_subscriber::fmt()
        // By default a record that cannot be written (a full disk, a reader that has gone) is reported on stderr,
        // which panics when that is what fails.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter);
    // Fails where a host build has set a subscriber of its own: then that one is meant.
    let _ = match format {
        Format::Text => tracing::subscriber::set_global_default(builder.event_format(text::Line).finish()),
        Format::Json => tracing::subscriber::set_global_default(builder.event_format(json::Line).finish()),
    };
}

fn app_at_debug() -> Directive {
    "app=debug".parse().expect("a directive that a test has parsed")
}

/// The most verbose level that is shown; 0 where nothing is.
pub fn max_level() -> u8 {
    match LevelFilter::current() {
        LevelFilter::OFF => 0,
        LevelFilter::ERROR => 1,
        LevelFilter::WARN => 2,
        LevelFilter::INFO => 3,
        LevelFilter::DEBUG => 4,
        _ => 5,
    }
}

/// A record of a function or an extension.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Whose it is: the logger's name.
    pub logger: &'a str,
    /// What it says.
    pub message: &'a str,
    /// The id of the invocation that it belongs to.
    pub invocation: Option<&'a str>,
    /// The function that is invoked.
    pub function: Option<&'a str>,
    /// The trace that it belongs to, in hex.
    pub trace_id: Option<&'a str>,
    /// The span that it belongs to, in hex.
    pub span_id: Option<&'a str>,
    /// The exception that it is of, with its traceback, where that is not in the message.
    pub exception: Option<&'a str>,
    /// What else it has, as the text of a JSON object. Lines for people leave it out.
    pub fields: Option<&'a str>,
}

impl<'a> Record<'a> {
    /// One that belongs to no invocation.
    pub fn new(logger: &'a str, message: &'a str) -> Self {
        Record {
            logger,
            message,
            invocation: None,
            function: None,
            trace_id: None,
            span_id: None,
            exception: None,
            fields: None,
        }
    }
}

/// The target of such records.
const APP: &str = "app";

/// Writes a record.
pub fn record(level: Level, record: &Record<'_>) {
    // The level of a tracing event is part of its call site, so each level needs one.
    macro_rules! emit {
        ($level:expr) => {
            tracing::event!(
                target: APP,
                $level,
                logger = record.logger,
                invocation = record.invocation,
                function = record.function,
                trace_id = record.trace_id,
                span_id = record.span_id,
                traceback = record.exception,
                fields = record.fields,
                "{}",
                record.message
            )
        };
    }
    match level {
        Level::Error => emit!(tracing::Level::ERROR),
        Level::Warn => emit!(tracing::Level::WARN),
        Level::Info => emit!(tracing::Level::INFO),
        Level::Debug => emit!(tracing::Level::DEBUG),
        Level::Trace => emit!(tracing::Level::TRACE),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_directive_is_one() {
        assert_eq!(super::app_at_debug().to_string(), "app=debug");
    }
}
