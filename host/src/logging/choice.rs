//! Which records are logged: what FUNCDOCK_LOG says, or else the levels of host.json and the options.

use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, Registry, reload};

use super::levels::{LogLevel, LogLevels};
use super::loggers::Loggers;
use super::{Level, Record};

/// The environment variable that filters the log, in the syntax of `RUST_LOG`.
const VARIABLE: &str = "FUNCDOCK_LOG";

/// Which records of a process are logged. The variable FUNCDOCK_LOG wins over all of it.
#[derive(Debug, Clone, Default)]
pub struct Selection<'a> {
    /// Whether the host logs at DEBUG.
    pub verbose: bool,
    /// Whether functions and extensions log at DEBUG.
    pub debug_apps: bool,
    /// The levels of host.json, in a worker.
    pub levels: Option<&'a LogLevels>,
}

/// Takes the levels of host.json for the records of the host, in the process that supervises workers. `verbose` is that of
/// [`Selection`].
pub fn set_host_levels(levels: &LogLevels, verbose: bool) {
    if verbose || is_chosen_by_variable() {
        return;
    }
    if let Some(filter) = RELOAD.get() {
        // Fails only if the subscriber is gone, and it never is.
        let _ = filter.reload(without_libraries(
            EnvFilter::default().add_directive(levels.of_host().into()),
        ));
    }
}

/// Puts another filter in the place of the first.
pub(super) static RELOAD: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

fn is_chosen_by_variable() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty())
}

/// Returns the filter for the records of the host, and sets the one for those of functions and extensions.
pub(super) fn prepare_filter(selection: &Selection<'_>) -> EnvFilter {
    let worker = selection.levels.map_or(LevelFilter::INFO, LogLevels::of_worker);
    let default = if selection.verbose {
        LevelFilter::DEBUG
    } else {
        worker
    };
    let filter = EnvFilter::builder()
        .with_default_directive(default.into())
        .with_env_var(VARIABLE)
        .from_env_lossy();
    let filter = if is_chosen_by_variable() {
        filter
    } else {
        without_libraries(filter)
    };
    let chosen = if is_chosen_by_variable() {
        let loggers = Loggers::parse(&std::env::var(VARIABLE).unwrap_or_default());
        loggers.most_verbose().map(|most| (Chosen::ByName(loggers), most))
    } else {
        selection.levels.map(|levels| {
            (
                Chosen::ByCategory {
                    levels: levels.clone(),
                    is_debug: selection.debug_apps,
                    is_verbose: selection.verbose,
                },
                LevelFilter::TRACE,
            )
        })
    };
    let Some((chosen, most)) = chosen else {
        return filter;
    };
    // Fails only if the log was set up before.
    let _ = CHOICE.set(chosen);
    // What is logged there was chosen already, as is what the host says of calls.
    let directives = [
        format!("{CHOSEN}={most}"),
        format!("funcdock::pipeline={}", most.min(LevelFilter::DEBUG)),
    ];
    let by_category = selection.levels.is_some() && !is_chosen_by_variable();
    let directives = directives.iter().take(if by_category { 2 } else { 1 });
    directives
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive)
}

/// The levels of libraries that log what the host itself says, or what is not worth a record: what clients of HTTP/2 do wrong,
/// who could fill the log with it, and each attempt of a request to a storage account that fails.
const OF_LIBRARIES: [&str; 2] = ["h2=error", "typespec_client_core=off"];

fn without_libraries(filter: EnvFilter) -> EnvFilter {
    OF_LIBRARIES
        .iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive)
}

/// The target of the records of functions and extensions.
pub(super) const APP: &str = "app";

/// The target of those records that were chosen by their logger or category.
pub(super) const CHOSEN: &str = "app::chosen";

/// What chooses records of functions and extensions, if FUNCDOCK_LOG is not a level alone.
pub(super) static CHOICE: OnceLock<Chosen> = OnceLock::new();

pub(super) enum Chosen {
    /// FUNCDOCK_LOG names loggers.
    ByName(Loggers),
    /// host.json has levels for categories.
    ByCategory {
        levels: LogLevels,
        /// Whether DEBUG is logged in any case.
        is_debug: bool,
        /// The same for extensions alone.
        is_verbose: bool,
    },
}

impl Chosen {
    /// Whether a record is logged; `None` leaves it to the level for all.
    pub(super) fn decide(&self, record: &Record<'_>, level: Level) -> Option<bool> {
        match self {
            Chosen::ByName(loggers) => loggers.decide(record.logger, level),
            Chosen::ByCategory {
                levels,
                is_debug,
                is_verbose,
            } => {
                let is_debugged = *is_debug || (*is_verbose && record.is_of_extension);
                Some(levels.allow(record, level) || (is_debugged && levels.allow_debug(record, level)))
            }
        }
    }
}

/// Whether the host logs this of a call of a function.
pub(crate) fn allows_of_function(name: &str, level: Level) -> bool {
    match CHOICE.get() {
        Some(Chosen::ByCategory { levels, .. }) => levels.of_function(name).allows(level),
        Some(Chosen::ByName(_)) | None => true,
    }
}

/// Returns the number of the most verbose level at which an extension's records are logged.
pub fn max_level() -> u8 {
    let current = match CHOICE.get() {
        Some(Chosen::ByCategory {
            levels,
            is_debug,
            is_verbose,
        }) => {
            let most = levels.most_of_extensions();
            let most = if *is_debug || *is_verbose {
                most.max(LogLevel::Debug)
            } else {
                most
            };
            return match most {
                LogLevel::None => 0,
                most => most.least_number(),
            };
        }
        Some(Chosen::ByName(_)) | None => LevelFilter::current(),
    };
    match current {
        LevelFilter::OFF => 0,
        LevelFilter::ERROR => 1,
        LevelFilter::WARN => 2,
        LevelFilter::INFO => 3,
        LevelFilter::DEBUG => 4,
        _ => 5,
    }
}

/// Returns the least level of Python's `logging` at which a record of a function may be logged. In a worker.
pub fn least_of_python() -> u8 {
    match CHOICE.get() {
        Some(Chosen::ByCategory { levels, is_debug, .. }) => {
            let most = levels.most_of_functions();
            let most = if *is_debug {
                most.max(LogLevel::Debug)
            } else {
                most
            };
            most.as_python()
        }
        Some(Chosen::ByName(loggers)) => {
            let named = loggers.most_verbose().map_or(LogLevel::None, LogLevel::from);
            named.max(level_for_all()).as_python()
        }
        None => level_for_all().as_python(),
    }
}

/// Returns the level of records that nothing else chooses.
pub(super) fn level_for_all() -> LogLevel {
    if tracing::enabled!(target: APP, tracing::Level::TRACE) {
        LogLevel::Trace
    } else if tracing::enabled!(target: APP, tracing::Level::DEBUG) {
        LogLevel::Debug
    } else if tracing::enabled!(target: APP, tracing::Level::INFO) {
        LogLevel::Information
    } else if tracing::enabled!(target: APP, tracing::Level::WARN) {
        LogLevel::Warning
    } else if tracing::enabled!(target: APP, tracing::Level::ERROR) {
        LogLevel::Error
    } else {
        LogLevel::None
    }
}
