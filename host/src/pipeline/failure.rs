//! The log records of calls that failed.

use crate::model::{Exception, Invocation, Outcome, StreamEnd, StreamEndKind};

/// What to log of a call.
struct Record<'a> {
    level: Level,
    message: String,
    traceback: Option<&'a str>,
}

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
    let bytes = end.bytes;
    let record = match &end.kind {
        StreamEndKind::Complete | StreamEndKind::Replaced => return,
        StreamEndKind::ClientLeft => Record {
            level: Level::Debug,
            message: format!("the client left after {bytes} bytes of a streamed response"),
            traceback: None,
        },
        StreamEndKind::Failed(exception) => {
            raised(exception, &format!(" after {bytes} bytes of a streamed response"))
        }
        StreamEndKind::TimedOut(limit) => Record::error(format!(
            "timed out after {limit:?} (functionTimeout in host.json), and {bytes} bytes of a streamed response"
        )),
        StreamEndKind::Cancelled => Record::warn(format!(
            "given up: the worker stops after {bytes} bytes of a streamed response"
        )),
    };
    log(invocation, &record);
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
