//! An invocation's spans: its own, and those that function code opens.
//!
//! Python keeps which of them is current, as it knows its contexts: see `companion/spans.py`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use funcdock_extension_api::OutcomeKind;
use funcdock_telemetry::context::SpanContext;
use funcdock_telemetry::conventions::{self, Request, TracedFunction};
use funcdock_telemetry::export::Pipeline;
use funcdock_telemetry::propagation::{Baggage, Caller, Propagators};
use funcdock_telemetry::span::{ERROR_TYPE, RaisedException, Span};
use opentelemetry::trace::{SpanKind, Status};

/// A shorter wait is not written: most calls begin at once, and an attribute costs each of their spans.
const WORTH_TELLING: Duration = Duration::from_millis(1);

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

/// What is read of an invocation at its end. Attributes are most of a span's cost, so they are written only then, straight
/// into the exporter's batch.
#[derive(Debug)]
pub(crate) struct CallEnd<'a> {
    /// Whether it is the worker's first call.
    pub is_cold: bool,
    pub invocation_id: &'a str,
    /// The number of the retry; 0 for the first attempt.
    pub retry: u32,
    /// How long it waited for a thread, or for the event loop.
    pub waited: Duration,
    pub request: Option<Request<'a>>,
    pub kind: OutcomeKind,
    pub http_status: Option<u16>,
    pub exception: Option<RaisedException<'a>>,
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

    /// Returns the invocation's own span.
    pub(crate) fn invocation(&self) -> &Span {
        &self.invocation
    }

    /// Returns what the caller sends along for all services that are called.
    pub(crate) fn baggage(&self) -> &Baggage {
        &self.baggage
    }

    /// Returns the headers of a request that continues this span's trace.
    pub(crate) fn headers(&self, span: &SpanContext) -> Vec<(&'static str, String)> {
        self.propagators.inject(span, &self.baggage)
    }

    /// Starts a span of function code. A `bound` one ends with the invocation at the latest.
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

    /// Ends a span of function code. Its children stay open: they may belong to a task that goes on.
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

    /// Ends the spans that function code left open, then the invocation's own.
    pub(crate) fn finish(&self, end: &CallEnd<'_>, at: SystemTime) {
        let left_open = std::mem::take(&mut *self.open());
        for span in left_open.iter().rev() {
            span.end(&self.pipeline, at, |_| {});
        }
        end_server_span(&self.invocation, &self.pipeline, self.function, end, at);
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Span>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `faas.trigger` of calls for messages.
const PUBSUB: &str = "pubsub";

/// Starts an invocation's own span.
pub(crate) fn server_span(
    pipeline: &Pipeline,
    function: &'static TracedFunction,
    context: SpanContext,
    parent: Option<&SpanContext>,
    at: SystemTime,
) -> Span {
    let is_message = function.trigger == PUBSUB;
    let kind = if is_message {
        SpanKind::Consumer
    } else {
        SpanKind::Server
    };
    let span = Span::start_as(pipeline, function.name.into(), kind, context, parent, at);
    if is_message && let Some(producer) = parent {
        // The conventions of messaging want the link, also where the producer is the parent.
        span.add_link(producer.clone(), Vec::new());
    }
    span
}

/// Ends an invocation's own span.
pub(crate) fn end_server_span(
    span: &Span,
    pipeline: &Pipeline,
    function: &TracedFunction,
    end: &CallEnd<'_>,
    at: SystemTime,
) {
    end.record_error(span);
    span.end(pipeline, at, |attributes| {
        let request = end.request.as_ref();
        conventions::write(attributes, function, end.invocation_id, end.is_cold, request);
        if let Some(status) = end.http_status {
            attributes.int("http.response.status_code", status.into());
        }
        if end.retry > 0 {
            // The conventions have no name for it.
            attributes.int("funcdock.retry_count", end.retry.into());
        }
        if end.waited >= WORTH_TELLING {
            attributes.int("funcdock.wait_ms", end.waited.as_millis() as i64);
        }
    });
}

impl CallEnd<'_> {
    /// Records on the invocation's span how it failed, and the extension that decided.
    fn record_error(&self, span: &Span) {
        if let Some(extension) = self.extension {
            span.set_attribute("funcdock.extension", extension.to_owned().into());
        }
        let error = match (self.kind, self.http_status, &self.exception) {
            (OutcomeKind::Raised, _, Some(exception)) => exception.type_name.to_owned().into(),
            (OutcomeKind::Raised, _, None) => "_OTHER".into(),
            (OutcomeKind::TimedOut, ..) => "timeout".into(),
            (OutcomeKind::Cancelled, ..) => "cancelled".into(),
            (OutcomeKind::Refused, ..) => "refused".into(),
            (_, Some(status @ 500..), _) => status.to_string().into(),
            _ => return,
        };
        match &self.exception {
            Some(exception) => span.record_exception(exception),
            // The conventions want no description beside the attribute.
            None => span.set_status(Status::error("")),
        }
        span.set_attribute(ERROR_TYPE, error);
    }
}

/// Whether a call that ended like this has failed: its span has the status error, and metrics count it as one.
pub(crate) fn is_error(kind: OutcomeKind, http_status: Option<u16>) -> bool {
    let failed = matches!(
        kind,
        OutcomeKind::Raised | OutcomeKind::TimedOut | OutcomeKind::Cancelled | OutcomeKind::Refused
    );
    failed || http_status.is_some_and(|status| status >= 500)
}

#[cfg(test)]
mod tests;
