//! A record at the beginning of each call and one at its end, as `func` shows them.

use std::time::Duration;

use crate::logging::{Level, Record, record};
use crate::model::{Invocation, Outcome};

/// Logs that a call begins.
pub(super) fn begun(invocation: &Invocation) {
    let function = &invocation.function().name;
    log(
        invocation,
        &format!("Executing 'Functions.{function}' (Id={})", invocation.id()),
    );
}

/// Logs that a call has ended, after this time.
pub(super) fn ended(invocation: &Invocation, outcome: &Outcome, took: Duration) {
    let function = &invocation.function().name;
    let how = match outcome {
        Outcome::Returned(_) | Outcome::Answered { .. } => "Succeeded",
        Outcome::Raised(_) | Outcome::Refused { .. } | Outcome::TimedOut(_) | Outcome::Cancelled => "Failed",
    };
    let (id, milliseconds) = (invocation.id(), took.as_millis());
    log(
        invocation,
        &format!("Executed 'Functions.{function}' ({how}, Id={id}, Duration={milliseconds}ms)"),
    );
}

fn log(invocation: &Invocation, message: &str) {
    let function = invocation.function().name.as_str();
    let (id, trace) = (invocation.id(), invocation.trace_ids());
    record(
        Level::Info,
        &Record {
            invocation: Some(id),
            function: Some(function),
            trace_id: trace.trace_id(),
            span_id: trace.span_id(),
            // The name is that of a category of host.json.
            ..Record::new(&format!("Function.{function}"), message)
        },
    );
}
