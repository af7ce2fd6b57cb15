//! What `GET /admin/host/logs` answers: lines of JSON, as host and client have them.

use serde::{Deserialize, Serialize};

/// A line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogLine {
    /// The next records, as the host writes them, each with the end of its last line.
    pub(crate) records: Vec<String>,
    /// The records that were missed before these: they were overwritten before this reader took them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) lost: u64,
    /// Where the next line begins, for another request (`after`).
    pub(crate) next: String,
    /// Why no line follows, to those who follow the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<LogsEnd>,
}

/// Why the records end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum LogsEnd {
    /// The host stops, and all calls have ended.
    Stopped,
    /// The worker that answers is replaced. The others, and its successor, go on.
    Replaced,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
