//! The levels of `logging.logLevel` of host.json, by category.

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

use super::{Level, Record};

/// The category of the records of the host itself, outside of workers.
const HOST: &str = "Host.General";

/// The category of the records of workers: of the host in them, and of extensions.
const WORKER: &str = "Worker";

/// The category of records of functions.
const FUNCTION: &str = "Function";

/// The loggers of Microsoft's libraries, which are of no use to those who run an app.
const SYSTEM_LOGGERS: [&str; 2] = ["azure_functions_worker", "azure.functions"];

/// Below one of these, the loggers of extensions in Python, which are of use.
const EXTENSION_LOGGERS: &str = "azure_functions_worker.extension";

/// The least level of each category. A category is also the prefix of others: `Function` is that of `Function.shop`, and the
/// longest counts. `default` is for all others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLevels(Vec<(String, LogLevel)>);

/// A level of host.json. A greater one has more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogLevel {
    /// No records.
    None,
    /// Only critical records.
    Critical,
    /// Errors, too.
    Error,
    /// Warnings, too.
    Warning,
    /// The default: what happens, too.
    Information,
    /// What helps to debug, too.
    Debug,
    /// All records.
    Trace,
}

impl LogLevel {
    /// The levels by their names in host.json.
    pub(crate) const BY_NAME: [(&str, LogLevel); 7] = [
        ("Trace", LogLevel::Trace),
        ("Debug", LogLevel::Debug),
        ("Information", LogLevel::Information),
        ("Warning", LogLevel::Warning),
        ("Error", LogLevel::Error),
        ("Critical", LogLevel::Critical),
        ("None", LogLevel::None),
    ];

    /// Returns the level as Python's `logging` has it.
    pub fn as_python(self) -> u8 {
        match self {
            // Beyond what is logged.
            LogLevel::None => 100,
            LogLevel::Critical => 50,
            LogLevel::Error => 40,
            LogLevel::Warning => 30,
            LogLevel::Information => 20,
            LogLevel::Debug => 10,
            LogLevel::Trace => 1,
        }
    }

    /// Returns the number of the least severe [`Level`] that is logged.
    pub(super) fn least_number(self) -> u8 {
        (self as u8).saturating_sub(1)
    }

    /// Whether a record of this level is logged.
    pub(super) fn allows(self, level: Level) -> bool {
        let least = match level {
            Level::Critical => LogLevel::Critical,
            Level::Error => LogLevel::Error,
            Level::Warn => LogLevel::Warning,
            Level::Info => LogLevel::Information,
            Level::Debug => LogLevel::Debug,
            Level::Trace => LogLevel::Trace,
        };
        self >= least
    }

    /// Returns the level for records of the host, which has no critical ones.
    pub(super) fn as_tracing(self) -> LevelFilter {
        match self {
            LogLevel::None | LogLevel::Critical => LevelFilter::OFF,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warning => LevelFilter::WARN,
            LogLevel::Information => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

impl From<LevelFilter> for LogLevel {
    fn from(level: LevelFilter) -> Self {
        match level {
            LevelFilter::OFF => LogLevel::None,
            LevelFilter::ERROR => LogLevel::Error,
            LevelFilter::WARN => LogLevel::Warning,
            LevelFilter::INFO => LogLevel::Information,
            LevelFilter::DEBUG => LogLevel::Debug,
            _ => LogLevel::Trace,
        }
    }
}

impl LogLevels {
    /// Adds a category, or replaces its level. Categories are compared without case.
    pub(crate) fn set(&mut self, category: &str, level: LogLevel) {
        match self
            .0
            .iter_mut()
            .find(|(known, _)| known.eq_ignore_ascii_case(category))
        {
            Some((_, known)) => *known = level,
            None => self.0.push((category.to_owned(), level)),
        }
    }

    /// Returns the level of a category.
    fn of(&self, category: &str) -> LogLevel {
        let default = || self.exact("default").unwrap_or(LogLevel::Information);
        self.longest(category).map_or_else(default, |(_, level)| level)
    }

    fn exact(&self, category: &str) -> Option<LogLevel> {
        let mut levels = self.0.iter();
        levels
            .find(|(known, _)| known.eq_ignore_ascii_case(category))
            .map(|(_, level)| *level)
    }

    /// Returns the longest category that this one is, or is below, with its level.
    fn longest(&self, category: &str) -> Option<(usize, LogLevel)> {
        let prefixes = self.0.iter().filter(|(prefix, _)| is_below(category, prefix));
        prefixes.map(|(prefix, level)| (prefix.len(), *level)).max()
    }

    /// Returns the level of the host's records in the process that supervises workers.
    pub(super) fn of_host(&self) -> LevelFilter {
        self.of(HOST).as_tracing()
    }

    /// Returns the level of the host's records in workers.
    pub(super) fn of_worker(&self) -> LevelFilter {
        self.of(WORKER).as_tracing()
    }

    /// Returns the level of what the host says of the calls of a function.
    pub(super) fn of_function(&self, name: &str) -> LogLevel {
        self.of(&format!("{FUNCTION}.{name}"))
    }

    /// Returns the most verbose level that the records of functions have: what Python need not make otherwise.
    pub fn most_of_functions(&self) -> LogLevel {
        self.of(FUNCTION).max(self.most_of_others(&[WORKER]))
    }

    /// Returns the most verbose level of the categories that may be the name of a logger, or of one function; none of these.
    fn most_of_others(&self, others: &[&str]) -> LogLevel {
        let known = ["Host", "default"].iter().chain(others);
        let named = self
            .0
            .iter()
            .filter(|(category, _)| !known.clone().any(|one| is_below(category, one)));
        named.map(|(_, level)| *level).max().unwrap_or(LogLevel::None)
    }

    /// Returns the most verbose level that records of extensions have.
    pub(super) fn most_of_extensions(&self) -> LogLevel {
        self.of(WORKER).max(self.most_of_others(&[FUNCTION]))
    }

    /// Whether a record is logged because DEBUG is, for all but loggers of Microsoft's.
    pub(super) fn allow_debug(&self, record: &Record<'_>, level: Level) -> bool {
        level <= Level::Debug && !is_of_system(record.logger)
    }

    /// Whether a record of a function or an extension is logged. A category that names its logger decides, else that of
    /// its function.
    pub(super) fn allow(&self, record: &Record<'_>, level: Level) -> bool {
        // `worker` and `host` may be loggers of the app, and are not what these categories mean.
        let is_category = ["default", "Host", WORKER, FUNCTION]
            .iter()
            .any(|one| is_below(record.logger, one));
        let is_of_call = record.logger.starts_with("Function.");
        if (!is_category || is_of_call)
            && let Some((_, named)) = self.longest(record.logger)
        {
            return named.allows(level);
        }
        if is_of_system(record.logger) {
            return false;
        }
        let level_of_category = match (record.is_of_extension, record.function) {
            (true, _) => self.of(WORKER),
            (false, None) => self.of(FUNCTION),
            // Spares the allocation where no category is about a single function.
            (false, Some(_)) if !self.0.iter().any(|(category, _)| category.contains('.')) => {
                self.of(FUNCTION)
            }
            (false, Some(function)) => self.of(&format!("{FUNCTION}.{function}.User")),
        };
        level_of_category.allows(level)
    }
}

fn is_of_system(logger: &str) -> bool {
    SYSTEM_LOGGERS.iter().any(|system| is_below(logger, system)) && !is_below(logger, EXTENSION_LOGGERS)
}

/// Whether a category or a logger is this one, or one below it.
fn is_below(name: &str, prefix: &str) -> bool {
    let Some((start, rest)) = name.split_at_checked(prefix.len()) else {
        return false;
    };
    start.eq_ignore_ascii_case(prefix) && (rest.is_empty() || rest.starts_with('.') || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(levels: &[(&str, LogLevel)]) -> LogLevels {
        let mut all = LogLevels::default();
        for (category, level) in levels {
            all.set(category, *level);
        }
        all
    }

    #[test]
    fn the_longest_category_counts() {
        let levels = levels(&[
            ("default", LogLevel::Warning),
            ("Function", LogLevel::Error),
            ("Function.Shop", LogLevel::Debug),
            ("Function.Shop.User", LogLevel::Trace),
            ("Host.Results", LogLevel::Critical),
            ("function.quiet", LogLevel::None),
        ]);
        for (category, expected) in [
            ("Function.Shop.User", LogLevel::Trace),
            ("function.shop", LogLevel::Debug),
            ("Function.Shopping.User", LogLevel::Error),
            ("Function.Quiet.User", LogLevel::None),
            ("Host.Results", LogLevel::Critical),
            ("Host.General", LogLevel::Warning),
            ("Worker", LogLevel::Warning),
        ] {
            assert_eq!(levels.of(category), expected, "{category}");
        }
        assert_eq!(levels.most_of_functions(), LogLevel::Trace);
        assert_eq!(LogLevels::default().of("Function.A"), LogLevel::Information);
    }

    #[test]
    fn records_follow_their_logger_or_function() {
        let levels = levels(&[
            ("Function.Shop.User", LogLevel::Debug),
            ("Worker", LogLevel::Error),
            ("shop.sql", LogLevel::None),
            ("azure.functions.timer", LogLevel::Warning),
        ]);
        let allow = |logger, function, is_of_extension, level| {
            let record = Record {
                function,
                is_of_extension,
                ..Record::new(logger, "")
            };
            levels.allow(&record, level)
        };
        for (logger, function, is_of_extension, least) in [
            ("root", Some("Shop"), false, Some(Level::Debug)),
            ("root", Some("Other"), false, Some(Level::Info)),
            ("root", None, false, Some(Level::Info)),
            ("stopwatch", Some("Shop"), true, Some(Level::Error)),
            ("shop.sql.slow", Some("Shop"), false, None),
            ("shop.sqlite", Some("Shop"), false, Some(Level::Debug)),
            ("azure.functions", Some("Shop"), false, None),
            ("azure.functions.timer", None, false, Some(Level::Warn)),
            ("azure_functions_worker.dispatcher", None, false, None),
            ("worker.jobs", Some("Shop"), false, Some(Level::Debug)),
            (
                "azure_functions_worker.extension.Audit",
                None,
                false,
                Some(Level::Info),
            ),
        ] {
            for level in [
                Level::Critical,
                Level::Error,
                Level::Warn,
                Level::Info,
                Level::Debug,
                Level::Trace,
            ] {
                let expected = least.is_some_and(|least| level <= least);
                assert_eq!(
                    allow(logger, function, is_of_extension, level),
                    expected,
                    "{logger} {level:?}"
                );
            }
        }
    }
}
