//! Trace context end to end: raw headers sent to the real host, what a function sees of them, and the spans that an
//! OTLP receiver gets.

mod formats;
mod headers;
mod sampling;

use std::collections::BTreeMap;

use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Host, Raw, wait_for};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde::Deserialize;
use serde_json::{Value as Json, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// The response of the app's functions: `context.trace_context`, and what the tracer reports if there is one.
#[derive(Debug, Deserialize)]
struct Seen {
    traceparent: String,
    tracestate: String,
    #[serde(default)]
    span_context: String,
    /// The headers for an outgoing request.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    baggage: BTreeMap<String, String>,
    /// The same headers inside a span that the function opened.
    #[serde(default)]
    inner: BTreeMap<String, String>,
}

impl Seen {
    /// Returns trace id, span id and flags.
    fn ids(&self) -> (&str, &str, &str) {
        ids(&self.traceparent)
    }
}

/// Returns trace id, span id and flags of a `traceparent` of version 00.
fn ids(traceparent: &str) -> (&str, &str, &str) {
    let fields: Vec<_> = traceparent.split('-').collect();
    match fields[..] {
        ["00", trace, span, flags] if (trace.len(), span.len(), flags.len()) == (32, 16, 2) => {
            (trace, span, flags)
        }
        _ => panic!("no traceparent: {traceparent:?}"),
    }
}

/// Returns the app, exporting to the receiver, with these additional settings.
fn traced(receiver: &Receiver, settings: Json) -> App {
    let mut all = json!({ "endpoint": receiver.endpoint(), "delay_ms": 20 });
    if let (Some(all), Some(settings)) = (all.as_object_mut(), settings.as_object()) {
        all.extend(settings.clone());
    }
    let host = json!({ "version": "2.0", "workerExtensions": { "opencensus": { "settings": all } } });
    App::case("trace_context")
        .file("host.json", &host.to_string())
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
}

/// GETs a path with these header lines, sent unchanged.
fn ask<L: AsRef<[u8]>>(raw: &mut Raw, path: &str, lines: &[L]) -> Seen {
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n").into_bytes();
    for line in lines {
        request.extend_from_slice(line.as_ref());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    raw.send(request);
    let answer = raw.answer();
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}

fn probe<L: AsRef<[u8]>>(host: &Host, lines: &[L]) -> Seen {
    ask(&mut Raw::connect(host), "/api/probe", lines)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Waits for the span with this id.
fn wait_for_span(receiver: &Receiver, id: &str) -> Span {
    let span = wait_for(|| receiver.spans().into_iter().find(|span| hex(&span.span_id) == id));
    span.unwrap_or_else(|| panic!("no span {id} among the {} received", receiver.count()))
}
