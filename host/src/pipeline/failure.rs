//! The log records of calls that failed.

use crate::logging;
use crate::model::{Exception, Invocation, Outcome, StreamEnd, StreamEndKind};

/// What to log of a call.
struct Record<'a> {
    level: Level,
    message: String,
    traceback: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Level {
    Error,
    Warn,
    Debug,
}

/// Writes one record for a call that failed.
pub(super) fn log_failure(invocation: &Invocation, outcome: &Outcome) {
    let record = match outcome {
        Outcome::Returned(_) | Outcome::Answered { .. } => return,
        Outcome::Raised(exception) => raised(exception, ""),
        Outcome::Refused { extension, error } => Record::error(format!(
            "extension {extension:?} refused the call: {}",
            error.message
        )),
        Outcome::TimedOut(limit) => Record::error(format!(
            "timed out after {limit:?} (functionTimeout in host.json)"
        )),
        Outcome::Cancelled => Record::warn("given up: the worker stops and the function still runs"),
    };
    log(invocation, &record);
}

/// Writes one record for a call whose response was streamed and is not complete.
pub(super) fn log_stream_end(invocation: &Invocation, end: &StreamEnd) {
    if let Some(record) = of_stream(end) {
        log(invocation, &record);
    }
}

fn of_stream(end: &StreamEnd) -> Option<Record<'_>> {
    let sent = format!("{} bytes of a streamed response", end.bytes);
    Some(match &end.kind {
        StreamEndKind::Complete | StreamEndKind::Replaced => return None,
        StreamEndKind::ClientLeft => Record {
            level: Level::Debug,
            ..Record::error(format!("the client left after {sent}"))
        },
        StreamEndKind::Failed(exception) => raised(exception, &format!(" after {sent}")),
        StreamEndKind::TimedOut(limit) => Record::error(format!(
            "timed out after {limit:?} (functionTimeout in host.json) and {sent}"
        )),
        StreamEndKind::Cancelled => Record::warn(format!("given up: the worker stops after {sent}")),
    })
}

fn raised<'a>(exception: &'a Exception, when: &str) -> Record<'a> {
    let Exception {
        type_name, message, ..
    } = exception;
    Record {
        traceback: Some(exception.traceback.as_str()),
        ..Record::error(format!("the function raised {type_name}: {message}{when}"))
    }
}

impl Record<'_> {
    fn error(message: String) -> Self {
        Record {
            level: Level::Error,
            message,
            traceback: None,
        }
    }

    fn warn(message: impl Into<String>) -> Self {
        Record {
            level: Level::Warn,
            ..Record::error(message.into())
        }
    }
}

fn log(invocation: &Invocation, record: &Record<'_>) {
    let Record {
        level,
        message,
        traceback,
    } = record;
    let function = invocation.function().name.as_str();
    let severity = match level {
        Level::Error => logging::Level::Error,
        Level::Warn => logging::Level::Warn,
        Level::Debug => logging::Level::Debug,
    };
    if !logging::allows_of_function(function, severity) {
        return;
    }
    let (id, trace) = (invocation.id(), invocation.trace_ids());
    let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
    // The level is part of the call site.
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                target: "funcdock::pipeline",
                function,
                invocation = id,
                trace_id,
                span_id,
                traceback,
                "{message}"
            )
        };
    }
    match level {
        Level::Error => log!(error),
        Level::Warn => log!(warn),
        Level::Debug => log!(debug),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn streams_that_are_not_complete_are_logged() {
        let exception = || {
            Box::new(Exception {
                type_name: "ValueError".to_owned(),
                message: "no".to_owned(),
                traceback: "Traceback".to_owned(),
            })
        };
        let cases = [
            (StreamEndKind::Complete, None),
            (StreamEndKind::Replaced, None),
            (
                StreamEndKind::ClientLeft,
                Some((
                    Level::Debug,
                    "the client left after 3 bytes of a streamed response",
                    None,
                )),
            ),
            (
                StreamEndKind::Failed(exception()),
                Some((
                    Level::Error,
                    "the function raised ValueError: no after 3 bytes of a streamed response",
                    Some("Traceback"),
                )),
            ),
            (
                StreamEndKind::TimedOut(Duration::from_secs(1)),
                Some((
                    Level::Error,
                    "timed out after 1s (functionTimeout in host.json) and 3 bytes of a streamed response",
                    None,
                )),
            ),
            (
                StreamEndKind::Cancelled,
                Some((
                    Level::Warn,
                    "given up: the worker stops after 3 bytes of a streamed response",
                    None,
                )),
            ),
        ];
        for (kind, expected) in cases {
            let end = StreamEnd { kind, bytes: 3 };
            let record = of_stream(&end);
            let found = record
                .as_ref()
                .map(|record| (record.level, record.message.as_str(), record.traceback));
            assert_eq!(found, expected, "{end:?}");
        }
    }
}
