//! An invocation's spans: the invocation's own, and those that function code opens.
//!
//! Which of them is current is not kept here: Python knows its contexts, see `companion.py`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use funcdock_extension_api::OutcomeKind;
use opentelemetry::trace::{SpanKind, Status};

use crate::attributes::{self, Request, TracedFunction};
use crate::context::SpanContext;
use crate::export::Pipeline;
use crate::propagation::{Baggage, Caller, Propagators};
use crate::span::{ERROR_TYPE, Raised, Span};

/// The spans of one invocation.
pub(crate) struct Call {
    pipeline: Arc<Pipeline>,
    function: &'static TracedFunction,
    invocation: Span,
    propagators: Propagators,
    baggage: Baggage,
    /// The spans of function code that end with the invocation at the latest, oldest first.
    open: Mutex<Vec<Arc<Span>>>,
}

/// How an invocation ended, and what is read of it only then: most of a span's cost is its attributes, and they
/// are written straight to where the exporter takes them.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    /// Whether it is the worker's first.
    pub cold: bool,
    pub invocation_id: &'a str,
    /// Which retry it is; 0 for the first attempt.
    pub retry: u32,
    pub request: Option<Request<'a>>,
    pub kind: OutcomeKind,
    pub http_status: Option<u16>,
    pub raised: Option<Raised<'a>>,
    /// The extension that answered or refused instead of the function.
    pub extension: Option<&'a str>,
}

impl Call {
    /// Starts the invocation's span, known as `context`.
    pub(crate) fn start(
        pipeline: Arc<Pipeline>,
        function: &'static TracedFunction,
        context: SpanContext,
        caller: Caller,
    ) -> Call {
        let parent = caller.parent.as_ref();
        let invocation = server_span(&pipeline, function, context, parent, SystemTime::now());
        Call {
            pipeline,
            function,
            invocation,
            propagators: caller.propagators,
            baggage: caller.baggage,
            open: Mutex::new(Vec::new()),
        }
    }

    /// The invocation's own span.
    pub(crate) fn invocation(&self) -> &Span {
        &self.invocation
    }

    /// What the caller's request carries for those that this one calls.
    pub(crate) fn baggage(&self) -> &Baggage {
        &self.baggage
    }

    /// The headers of a request that continues the trace of this span.
    pub(crate) fn headers(&self, span: &SpanContext) -> Vec<(&'static str, String)> {
        self.propagators.inject(span, &self.baggage)
    }

    /// Starts a span of function code. One that is `bound` ends with the invocation at the latest.
    pub(crate) fn open_span(
        &self,
        name: String,
        kind: SpanKind,
        parent: &SpanContext,
        bound: bool,
    ) -> Arc<Span> {
        let span = Span::start(&self.pipeline, name.into(), kind, Some(parent));
        let span = Arc::new(span);
        if bound && span.is_recorded() {
            self.open().push(Arc::clone(&span));
        }
        span
    }

    /// Ends a span of function code. Those opened inside it stay open: they may belong to a task that runs on.
    pub(crate) fn end_span(&self, span: &Arc<Span>, at: SystemTime) {
        {
            let mut open = self.open();
            // Spans mostly end in the reverse order of their start.
            if let Some(position) = open.iter().rposition(|other| Arc::ptr_eq(other, span)) {
                open.remove(position);
            }
        }
        span.end(&self.pipeline, at, |_| {});
    }

    /// Ends the invocation's span, and before it what function code left open.
    pub(crate) fn finish(&self, ending: &Ending<'_>, at: SystemTime) {
        let left_open = std::mem::take(&mut *self.open());
        for span in left_open.iter().rev() {
            span.end(&self.pipeline, at, |_| {});
        }
        end(&self.invocation, &self.pipeline, self.function, ending, at);
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Span>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An invocation's own span.
pub(crate) fn server_span(
    pipeline: &Pipeline,
    function: &'static TracedFunction,
    context: SpanContext,
    parent: Option<&SpanContext>,
    at: SystemTime,
) -> Span {
    Span::start_as(
        pipeline,
        function.name.into(),
        SpanKind::Server,
        context,
        parent,
        at,
    )
}

/// Ends an invocation's own span.
pub(crate) fn end(
    span: &Span,
    pipeline: &Pipeline,
    function: &TracedFunction,
    ending: &Ending<'_>,
    at: SystemTime,
) {
    ending.conclude(span);
    span.end(pipeline, at, |attributes| {
        let request = ending.request.as_ref();
        attributes::tell(attributes, function, ending.invocation_id, ending.cold, request);
        if let Some(status) = ending.http_status {
            attributes.int("http.response.status_code", status.into());
        }
        if ending.retry > 0 {
            // The conventions have no name for it.
            attributes.int("funcdock.retry_count", ending.retry.into());
        }
    });
}

impl Ending<'_> {
    /// What an outcome other than the usual adds to the invocation's span.
    fn conclude(&self, span: &Span) {
        if let Some(extension) = self.extension {
            span.set_attribute("funcdock.extension", extension.to_owned().into());
        }
        let error = match (self.kind, self.http_status, &self.raised) {
            (OutcomeKind::Raised, _, Some(raised)) => raised.type_name.to_owned().into(),
            (OutcomeKind::Raised, _, None) => "_OTHER".into(),
            (OutcomeKind::TimedOut, ..) => "timeout".into(),
            (OutcomeKind::Cancelled, ..) => "cancelled".into(),
            (OutcomeKind::Refused, ..) => "refused".into(),
            (_, Some(status @ 500..), _) => status.to_string().into(),
            _ => return,
        };
        match &self.raised {
            Some(raised) => span.raised(raised),
            // The conventions ask for no description where an attribute says it all.
            None => span.set_status(Status::error("")),
        }
        span.set_attribute(ERROR_TYPE, error);
    }
}

/// Whether a call that ended like this is one that failed: its span has the status error, and metrics count
/// it so.
pub(crate) fn is_error(kind: OutcomeKind, http_status: Option<u16>) -> bool {
    let failed = matches!(
        kind,
        OutcomeKind::Raised | OutcomeKind::TimedOut | OutcomeKind::Cancelled | OutcomeKind::Refused
    );
    failed || http_status.is_some_and(|status| status >= 500)
}

#[cfg(test)]
mod tests;
