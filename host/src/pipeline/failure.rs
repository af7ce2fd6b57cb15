//! The log record of a call that failed.

use crate::model::{Invocation, Outcome};

/// Writes one record for a call that failed.
pub(super) fn log_failure(invocation: &Invocation, outcome: &Outcome) {
    let mut traceback = None;
    let message = match outcome {
        Outcome::Returned(_) | Outcome::Answered { .. } => return,
        Outcome::Raised(exception) => {
            traceback = Some(exception.traceback.as_str());
            format!(
                "the function raised {}: {}",
                exception.type_name, exception.message
            )
        }
        Outcome::Refused { extension, error } => {
            format!("extension {extension:?} refused the call: {}", error.message)
        }
        Outcome::TimedOut(limit) => format!("timed out after {limit:?} (functionTimeout in host.json)"),
        Outcome::Cancelled => "given up: the worker stops and the function still runs".to_owned(),
    };
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
    match outcome {
        Outcome::Cancelled => log!(warn),
        _ => log!(error),
    }
}
