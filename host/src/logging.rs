//! The log. The host logs through `tracing`. Functions and extensions log through [`record`], because their logger and
//! level are known only at run time. Nobody who logs waits for the reader: see `output`.

mod about;
mod choice;
mod credentials;
mod escape;
mod file;
mod forward;
mod json;
mod levels;
mod loggers;
mod output;
mod panics;
mod recent;
mod records;
mod ring;
mod rotation;
mod stream;
#[cfg(test)]
mod testing;
mod text;

use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Registry, reload};

pub(crate) use choice::allows_of_function;
use choice::{APP, CHOICE, CHOSEN, RELOAD, level_for_all, prepare_filter};
pub use choice::{Selection, least_of_python, max_level, set_host_levels};
pub(crate) use credentials::{hide_credentials, hide_secret_parameters, settings_to_show};
pub(crate) use escape::{Indented, Lines, OneLine};
pub use file::LogFile;
pub use forward::{Author, Sink};
pub use levels::{LogLevel, LogLevels};
pub(crate) use output::dropped;
use output::{STDERR, STDOUT};
pub(crate) use recent::Recent;
pub use recent::{Printed, remember_printed};
use records::Records;
pub(crate) use ring::{Reader, RecentRecord};
pub(crate) use stream::{LogLine, LogsEnd};

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

/// The format of the lines about requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AccessLogFormat {
    /// The Common Log Format, which most tools read
    Common,
    /// One JSON object a line, with the function, the call's id and the duration
    Json,
}

/// The severity of a record, with its number in the extension ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// The app cannot go on.
    Critical = 0,
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
            0 => Level::Critical,
            1 => Level::Error,
            2 => Level::Warn,
            3 => Level::Info,
            4 => Level::Debug,
            _ => Level::Trace,
        }
    }

    /// The names that [`by_name`](Self::by_name) knows, for errors.
    pub(crate) const EXPECTED: &str = "trace, debug, information, warning, error or critical";

    /// Returns the level with this name, as host.json, the log and Python have them, in any case.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "critical" => Some(Level::Critical),
            "error" => Some(Level::Error),
            "warning" | "warn" => Some(Level::Warn),
            "information" | "info" => Some(Level::Info),
            "debug" => Some(Level::Debug),
            "trace" => Some(Level::Trace),
            _ => None,
        }
    }

    /// Returns the name of the level in host.json, in lower case.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Level::Critical => "critical",
            Level::Error => "error",
            Level::Warn => "warning",
            Level::Info => "information",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// Sends the log of this process to stderr: of the host INFO and above, unless the selection says otherwise.
pub fn init(format: Format, selection: &Selection<'_>) {
    if let Some(filter) = RELOAD.get() {
        // It is set up, and knows more now. Fails only if the subscriber is gone, and it never is.
        let _ = filter.reload(prepare_filter(selection));
        return;
    }
    let (filter, handle) = reload::Layer::new(prepare_filter(selection));
    recent::set_format(format);
    let records = Records::new(format, io::stderr().is_terminal(), |about, line, shown| {
        recent::remember(about.level, about.function.as_deref(), line.as_bytes());
        STDERR.write(shown.as_bytes());
    });
    panics::log_them();
    // Fails if a custom build has set its own subscriber, which then stays.
    let is_set = tracing::subscriber::set_global_default(Registry::default().with(filter).with(records));
    if is_set.is_ok() {
        let _ = RELOAD.set(handle);
    }
}

/// Sends the log of this process to this sink instead: at INFO and above until [`init`] says otherwise.
pub fn init_with_sink(sink: Sink) {
    forward::set(sink);
    let (filter, handle) = reload::Layer::new(prepare_filter(&Selection::default()));
    panics::log_them();
    let registry = Registry::default().with(filter).with(forward::Forward);
    if tracing::subscriber::set_global_default(registry).is_ok() {
        let _ = RELOAD.set(handle);
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
    let text = text.to_string();
    recent::remember_lines(Printed::Stdout, Level::Info, &text);
    STDOUT.write(text.as_bytes());
}

/// Writes a line to stderr that is not a record, in order with the records. Its further lines are indented, as theirs.
pub fn print_error(text: &dyn Display) {
    let text = format!("{}\n", Indented(&text.to_string()));
    recent::remember_lines(Printed::Stderr, Level::Error, &text);
    STDERR.write(text.as_bytes());
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
    /// Whether an extension has logged it, not a function.
    pub is_of_extension: bool,
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
            is_of_extension: false,
        }
    }
}

/// Emits a record as an event of this target and level.
macro_rules! emit {
    ($target:ident, $level:ident, $record:ident, $is_critical:expr) => {
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
            is_critical = $is_critical,
            "{}",
            $record.message
        )
    };
}

/// The field of a record that is more than an error, which is the highest level of `tracing`.
const IS_CRITICAL: &str = "is_critical";

/// Writes a record, if it is logged. Returns whether it is.
pub fn record(level: Level, record: &Record<'_>) -> bool {
    let is_chosen = CHOICE.get().and_then(|choice| choice.decide(record, level));
    if let Some(sink) = forward::sink() {
        let is_logged = is_chosen.unwrap_or_else(|| level_for_all().allows(level));
        if is_logged {
            let author = match record.is_of_extension {
                true => Author::Extension,
                false => Author::Function,
            };
            sink(author, level, record);
        }
        return is_logged;
    }
    let critical = (level == Level::Critical).then_some(true);
    // Target and level of a tracing event are part of its call site, so each pair needs its own.
    match (is_chosen, level) {
        (Some(false), _) => {}
        (None, Level::Critical | Level::Error) => emit!(APP, ERROR, record, critical),
        (None, Level::Warn) => emit!(APP, WARN, record, None::<bool>),
        (None, Level::Info) => emit!(APP, INFO, record, None::<bool>),
        (None, Level::Debug) => emit!(APP, DEBUG, record, None::<bool>),
        (None, Level::Trace) => emit!(APP, TRACE, record, None::<bool>),
        (Some(true), Level::Critical | Level::Error) => emit!(CHOSEN, ERROR, record, critical),
        (Some(true), Level::Warn) => emit!(CHOSEN, WARN, record, None::<bool>),
        (Some(true), Level::Info) => emit!(CHOSEN, INFO, record, None::<bool>),
        (Some(true), Level::Debug) => emit!(CHOSEN, DEBUG, record, None::<bool>),
        (Some(true), Level::Trace) => emit!(CHOSEN, TRACE, record, None::<bool>),
    }
    is_chosen.unwrap_or_else(|| level_for_all().allows(level))
}
