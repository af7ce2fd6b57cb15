//! What is known of a record beside its text, for those who choose among records.

use super::Level;

/// What is known of a record beside its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    pub(super) level: Level,
    /// The name of the function that it is about.
    pub(super) function: Option<String>,
}

impl About {
    /// Returns what is known of a record of this level, which is critical if that was said.
    pub(super) fn new(level: tracing::Level, is_critical: bool, function: Option<String>) -> Self {
        let level = match level {
            tracing::Level::ERROR if is_critical => Level::Critical,
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            tracing::Level::DEBUG => Level::Debug,
            tracing::Level::TRACE => Level::Trace,
        };
        About { level, function }
    }
}
