//! Where headers are read from.

use funcdock_extension_api::{HttpRequest, Invocation, TraceContext};

/// Headers.
pub(crate) trait Carrier {
    /// `traceparent` and `tracestate`, each as one text; empty where there is none, or none that can be
    /// trusted.
    fn trace_context(&self) -> (&str, &str);

    /// The first value of this name, which is in lower case.
    fn get(&self, name: &str) -> Option<&[u8]>;

    /// All values of this name, in order.
    fn all(&self, name: &str) -> impl Iterator<Item = &[u8]>;
}

/// The headers of a call; of one that no HTTP request triggered, the trace context alone.
pub(crate) struct Incoming<'a> {
    trace_context: TraceContext<'a>,
    request: Option<HttpRequest<'a>>,
}

impl<'a> Incoming<'a> {
    pub(crate) fn of(call: &'a Invocation<'_>) -> Self {
        Incoming {
            trace_context: call.trace_context(),
            request: call.http_request(),
        }
    }
}

impl Carrier for Incoming<'_> {
    fn trace_context(&self) -> (&str, &str) {
        (self.trace_context.traceparent, self.trace_context.tracestate)
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.request?.header_bytes(name)
    }

    /// Looks at every header of the request: only for those that [`get`](Carrier::get) has found.
    fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let headers = self.request.into_iter().flat_map(|request| request.headers());
        headers.filter_map(move |(known, value)| (known == name).then_some(value))
    }
}

/// Headers that function code gives, each name once.
pub(crate) struct Given(Vec<(String, String)>);

impl Given {
    pub(crate) fn new(headers: impl IntoIterator<Item = (String, String)>) -> Self {
        let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
        Given(headers.into_iter().map(lower).collect())
    }
}

impl Carrier for Given {
    fn trace_context(&self) -> (&str, &str) {
        let text = |name| {
            let header = self.0.iter().find(|(known, _)| known == name);
            header.map_or("", |(_, value)| value.as_str())
        };
        (text("traceparent"), text("tracestate"))
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let headers = self.0.iter().filter(move |(known, _)| known == name);
        headers.map(|(_, value)| value.as_bytes())
    }
}
