//! The log. The host logs through `tracing`. Functions and extensions log through [`record`], because their logger and
//! level are known only at run time. Nobody who logs waits for the reader: see `output`.

mod credentials;
mod escape;
mod json;
mod loggers;
mod output;
mod panics;
#[cfg(test)]
mod testing;
mod text;

use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

pub(crate) use credentials::{hide_credentials, settings_to_show};
pub(crate) use escape::{Indented, Lines, OneLine};
use loggers::Loggers;
use output::{STDERR, STDOUT};

/// The format of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line, for what collects logs
    Json,
}

/// The severity of a record, with its number in the extension ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something may be wrong.
    Warn = 2,
    /// Something happened.
    Info = 3,
    /// For debugging.
    Debug = 4,
    /// For debugging, in large numbers.
    Trace = 5,
}

impl Level {
    /// Returns the level with this number, or the nearest one.
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

/// The environment variable that filters the log, in the syntax of `RUST_LOG`.
const VARIABLE: &str = "FUNCDOCK_LOG";

/// Sends the log of this process to stderr: INFO and above, or DEBUG and above if `verbose`. With `debug_apps`, DEBUG of
/// functions and extensions too. The variable FUNCDOCK_LOG wins over both.
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
    let loggers = Loggers::parse(&std::env::var(VARIABLE).unwrap_or_default());
    if let Some(level) = loggers.most_verbose() {
        // What is logged there was chosen already.
        let chosen = format!("{CHOSEN}={level}").parse();
        filter = chosen.into_iter().fold(filter, EnvFilter::add_directive);
        // Fails only if the log was set up before.
        let _ = LOGGERS.set(loggers);
    }
    let builder = tracing_subscriber::fmt()
        // By default tracing reports a record that it cannot write (a full disk, a closed pipe) on stderr, and panics if
        // that fails too.
        .log_internal_errors(false)
        .with_writer(|| Queued)
        .with_ansi(io::stderr().is_terminal())
        .with_env_filter(filter);
    panics::log_them();
    // Fails if a custom build has set its own subscriber, which then stays.
    let _ = match format {
        Format::Text => tracing::subscriber::set_global_default(builder.event_format(text::Line).finish()),
        Format::Json => tracing::subscriber::set_global_default(builder.event_format(json::Line).finish()),
    };
}

/// Writes each record to the queue for stderr.
struct Queued;

impl io::Write for Queued {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        STDERR.write(record);
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How long the end of a process waits for the readers of its output.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Waits until all records are written, but not for long if nobody reads them. To be called before the process exits.
pub fn flush() {
    STDERR.flush(LAST_WORDS);
    STDOUT.flush(LAST_WORDS);
}

/// Exits at once, after the records are written.
pub(crate) fn exit(code: i32) -> ! {
    flush();
    std::process::exit(code)
}

/// Lets a child of `fork` log: it has no thread that writes. To be called in the child, before anything else logs there.
/// Its records go straight to stderr. Takes no lock.
pub fn after_fork_in_child() {
    output::write_directly();
}

/// Writes to stdout as the log goes to stderr: does not wait for the reader.
pub(crate) fn print_unread(text: &dyn Display) {
    STDOUT.write(text.to_string().as_bytes());
}

/// Writes a line to stderr that is not a record, in order with the records. Its further lines are indented, as theirs.
pub(crate) fn print_error(text: &dyn Display) {
    STDERR.write(format!("{}\n", Indented(&text.to_string())).as_bytes());
}

fn app_at_debug() -> Directive {
    "app=debug".parse().expect("valid, as a test shows")
}

/// Returns the number of the most verbose level that is logged; 0 if nothing is.
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
    /// The name of the logger.
    pub logger: &'a str,
    /// The message.
    pub message: &'a str,
    /// The id of the invocation.
    pub invocation: Option<&'a str>,
    /// The name of the function.
    pub function: Option<&'a str>,
    /// The trace id, in hex.
    pub trace_id: Option<&'a str>,
    /// The span id, in hex.
    pub span_id: Option<&'a str>,
    /// The exception with its traceback, unless the message contains it.
    pub exception: Option<&'a str>,
    /// Other fields, as the text of a JSON object. Lines for people do not show them.
    pub fields: Option<&'a str>,
}

impl<'a> Record<'a> {
    /// Returns a record outside of any invocation.
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

/// Emits a record as an event of this target and level.
macro_rules! emit {
    ($target:ident, $level:ident, $record:ident) => {
        tracing::event!(
            target: $target,
            tracing::Level::$level,
            logger = $record.logger,
            invocation = $record.invocation,
            function = $record.function,
            trace_id = $record.trace_id,
            span_id = $record.span_id,
            traceback = $record.exception,
            fields = $record.fields,
            "{}",
            $record.message
        )
    };
}

/// The target of the records of functions and extensions.
const APP: &str = "app";

/// The target of those records whose logger FUNCDOCK_LOG names.
const CHOSEN: &str = "app::chosen";

/// What FUNCDOCK_LOG says of loggers by name, if it names any.
static LOGGERS: OnceLock<Loggers> = OnceLock::new();

/// Writes a record.
pub fn record(level: Level, record: &Record<'_>) {
    // Target and level of a tracing event are part of its call site, so each pair needs its own.
    match (
        LOGGERS
            .get()
            .and_then(|loggers| loggers.decide(record.logger, level)),
        level,
    ) {
        (Some(false), _) => {}
        (None, Level::Error) => emit!(APP, ERROR, record),
        (None, Level::Warn) => emit!(APP, WARN, record),
        (None, Level::Info) => emit!(APP, INFO, record),
        (None, Level::Debug) => emit!(APP, DEBUG, record),
        (None, Level::Trace) => emit!(APP, TRACE, record),
        (Some(true), Level::Error) => emit!(CHOSEN, ERROR, record),
        (Some(true), Level::Warn) => emit!(CHOSEN, WARN, record),
        (Some(true), Level::Info) => emit!(CHOSEN, INFO, record),
        (Some(true), Level::Debug) => emit!(CHOSEN, DEBUG, record),
        (Some(true), Level::Trace) => emit!(CHOSEN, TRACE, record),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_directive_is_valid() {
        assert_eq!(super::app_at_debug().to_string(), "app=debug");
    }
}
