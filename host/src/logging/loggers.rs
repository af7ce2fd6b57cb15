//! The levels that `FUNCDOCK_LOG` gives to loggers of functions and extensions by their names: `info,stopwatch=debug`.

use std::str::FromStr as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use super::Level;

/// The levels by name, of which the longest counts.
pub(super) struct Loggers(Vec<(String, LevelFilter)>);

impl Loggers {
    /// Reads the value of the variable. Directives that are about spans name no logger.
    pub(super) fn parse(directives: &str) -> Self {
        let named = directives.split(',').filter_map(|directive| {
            let targets = Targets::from_str(directive.trim()).ok()?;
            // A level alone has an empty name, and is for all.
            let (name, level) = targets.into_iter().find(|(name, _)| !name.is_empty())?;
            Some((name, level))
        });
        let mut loggers: Vec<_> = named.collect();
        loggers.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Loggers(loggers)
    }

    /// Returns the most verbose of the levels; `None` if there is none.
    pub(super) fn most_verbose(&self) -> Option<LevelFilter> {
        self.0.iter().map(|(_, level)| *level).max()
    }

    /// Whether a record of this logger is logged; `None` if no name is about it. `rate-limit` is about the extension of
    /// that name, whose crate may be `funcdock-rate-limit`, and about all its modules.
    pub(super) fn decide(&self, logger: &str, level: Level) -> Option<bool> {
        let (_, most) = self.0.iter().find(|(name, _)| {
            is_inside(logger, name)
                || logger
                    .strip_prefix("funcdock_")
                    .is_some_and(|logger| is_inside(logger, name))
        })?;
        Some(LevelFilter::from_level(level.into()) <= *most)
    }
}

/// Whether a logger has this name, or is one below it. `-` and `_` are the same: a crate's modules have no `-`.
fn is_inside(logger: &str, name: &str) -> bool {
    let Some((start, rest)) = logger.split_at_checked(name.len()) else {
        return false;
    };
    let same = |(a, b): (u8, u8)| a == b || [a, b] == *b"-_" || [a, b] == *b"_-";
    let is_end = rest.is_empty() || rest.starts_with("::") || rest.starts_with('.');
    is_end && start.bytes().zip(name.bytes()).all(same)
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Critical | Level::Error => tracing::Level::ERROR,
            Level::Warn => tracing::Level::WARN,
            Level::Info => tracing::Level::INFO,
            Level::Debug => tracing::Level::DEBUG,
            Level::Trace => tracing::Level::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_decides() {
        let loggers = Loggers::parse(
            "info, stopwatch=debug,rate-limit=off,shop.orders=trace,stopwatch::noisy=error,a-logger=warn",
        );
        assert_eq!(loggers.most_verbose(), Some(LevelFilter::TRACE));
        for (logger, level, expected) in [
            ("stopwatch", Level::Debug, Some(true)),
            ("stopwatch", Level::Trace, Some(false)),
            ("stopwatch::clock", Level::Debug, Some(true)),
            ("stopwatch::noisy", Level::Warn, Some(false)),
            ("stopwatches", Level::Debug, None),
            ("funcdock_rate_limit", Level::Error, Some(false)),
            ("shop.orders.sql", Level::Trace, Some(true)),
            ("shop", Level::Info, None),
            ("a-logger", Level::Info, Some(false)),
            ("a_logger", Level::Warn, Some(true)),
        ] {
            assert_eq!(loggers.decide(logger, level), expected, "{logger} {level:?}");
        }
        let none = Loggers::parse("debug");
        assert_eq!((none.most_verbose(), none.decide("x", Level::Info)), (None, None));
    }
}
