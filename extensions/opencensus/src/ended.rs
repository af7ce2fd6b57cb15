//! How a call ended: by its outcome, or by the end of a streamed response.

use funcdock_extension_api::{Exception, Invocation, Outcome, OutcomeKind, StreamEnd, StreamEndKind};
use funcdock_telemetry::metrics::CallOutcome;
use funcdock_telemetry::span::RaisedException;

use crate::call::{self, CallEnd};
use crate::request;

/// How a call ended.
pub(crate) struct Ended<'a> {
    kind: OutcomeKind,
    http_status: Option<u16>,
    exception: Option<Exception<'a>>,
    extension: Option<&'a str>,
}

impl<'a> Ended<'a> {
    /// Returns the end of a call that is over at its outcome.
    pub(crate) fn by_outcome(outcome: &Outcome<'a>) -> Self {
        Ended {
            kind: outcome.kind(),
            http_status: outcome.status(),
            exception: outcome.exception(),
            extension: outcome.extension(),
        }
    }

    /// Returns the end of a call whose response was streamed. The client has the status already, so an error does not
    /// change it.
    pub(crate) fn by_stream(end: &StreamEnd<'a>, http_status: Option<u16>) -> Self {
        let kind = match end.kind() {
            StreamEndKind::ClientLeft | StreamEndKind::Cancelled => OutcomeKind::Cancelled,
            StreamEndKind::Failed => OutcomeKind::Raised,
            StreamEndKind::TimedOut => OutcomeKind::TimedOut,
            _ => OutcomeKind::Returned,
        };
        Ended {
            kind,
            http_status,
            exception: end.exception(),
            extension: None,
        }
    }

    /// Returns what metrics count.
    pub(crate) fn counted(&self) -> CallOutcome {
        CallOutcome {
            is_error: call::is_error(self.kind, self.http_status),
            timed_out: self.kind == OutcomeKind::TimedOut,
            ran: !matches!(self.kind, OutcomeKind::Answered | OutcomeKind::Refused),
        }
    }

    /// Returns what the span of the call records.
    pub(crate) fn of_span(&self, call: &'a Invocation<'_>, is_cold: bool) -> CallEnd<'a> {
        CallEnd {
            is_cold,
            invocation_id: call.id(),
            retry: call.retry().0,
            waited: call.waited().unwrap_or_default(),
            request: call.http_request().map(request::describe),
            kind: self.kind,
            http_status: self.http_status,
            exception: self.exception.map(|exception| RaisedException {
                type_name: exception.type_name,
                message: exception.message,
                traceback: exception.traceback,
            }),
            extension: self.extension,
        }
    }
}
