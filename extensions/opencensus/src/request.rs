//! What is read of a call's request: headers of callers, and what its span says about it.

use funcdock_extension_api::{HttpRequest, Invocation, TraceContext};
use funcdock_telemetry::conventions::Request;
use funcdock_telemetry::propagation::Carrier;

/// The headers of a call; without an HTTP request, the trace context alone.
pub(crate) struct IncomingHeaders<'a> {
    trace_context: TraceContext<'a>,
    request: Option<HttpRequest<'a>>,
}

impl<'a> IncomingHeaders<'a> {
    pub(crate) fn of(call: &'a Invocation<'_>) -> Self {
        IncomingHeaders {
            trace_context: call.trace_context(),
            request: call.http_request(),
        }
    }
}

impl Carrier for IncomingHeaders<'_> {
    fn trace_context(&self) -> (&str, &str) {
        (self.trace_context.traceparent, self.trace_context.tracestate)
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.request?.header_bytes(name)
    }

    /// Visits every header of the request, so it is called only for names that [`get`](Carrier::get) has found.
    fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let headers = self.request.into_iter().flat_map(|request| request.headers());
        headers.filter_map(move |(known, value)| (known == name).then_some(value))
    }
}

/// Reads what a span says about its request.
pub(crate) fn describe(request: HttpRequest<'_>) -> Request<'_> {
    Request {
        method: request.method(),
        path: request.path(),
        query: request.query(),
        version: request.version(),
        scheme: request.scheme(),
        client: request.client_address(),
        peer: request.peer_address(),
        user_agent: request.header("user-agent"),
        host: request.host(),
    }
}
