//! The developer guide's sample calls a second app: one trace covers both, for every exporter.

use funcdock_tests::ingestion::Ingestion;
use funcdock_tests::otlp::{Protocol, Receiver};
use funcdock_tests::zipkin::Zipkin;
use funcdock_tests::{Answer, App, Host, python};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use ureq::http::Request;

use crate::tracing::support::{attribute, hex};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A receiver of exported spans.
enum Destination {
    Otlp(Receiver, &'static str),
    Zipkin(Zipkin),
    Insights(Ingestion),
}

/// The parts of a span that all destinations have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    trace: String,
    id: String,
    /// Empty for a root.
    parent: String,
    kind: String,
    name: String,
    /// The URL and the status of a request to another service.
    asked: Option<(String, String)>,
}

impl Destination {
    fn all() -> [Destination; 4] {
        [
            Destination::Otlp(Receiver::speaking(Protocol::Grpc), "grpc"),
            Destination::Otlp(Receiver::speaking(Protocol::Http), "http/protobuf"),
            Destination::Zipkin(Zipkin::start()),
            Destination::Insights(Ingestion::start()),
        ]
    }

    /// The extension's settings for it.
    fn settings(&self) -> Value {
        match self {
            Destination::Otlp(receiver, protocol) => {
                json!({ "exporter": "otlp", "endpoint": receiver.endpoint(), "protocol": protocol })
            }
            Destination::Zipkin(zipkin) => {
                json!({ "exporter": "zipkin", "zipkin_endpoint": zipkin.endpoint() })
            }
            Destination::Insights(insights) => {
                json!({ "exporter": "azure", "connection_string": insights.connection_string() })
            }
        }
    }

    /// Returns all received spans.
    fn seen(&self) -> Vec<Seen> {
        match self {
            Destination::Otlp(receiver, _) => receiver.spans().iter().map(of_otlp).collect(),
            Destination::Zipkin(zipkin) => zipkin.spans().iter().map(of_zipkin).collect(),
            Destination::Insights(insights) => {
                let envelopes = insights.envelopes();
                // What the functions log is there, too.
                let is_span = |envelope: &&Value| envelope["data"]["baseType"] != "MessageData";
                envelopes.iter().filter(is_span).map(of_insights).collect()
            }
        }
    }
}

fn of_otlp(span: &Span) -> Seen {
    let kind = match span.kind() {
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Internal => "internal",
        other => other.as_str_name(),
    };
    Seen {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind: kind.to_owned(),
        name: span.name.clone(),
        asked: (kind == "client").then(|| (attribute(span, "http.url"), attribute(span, "http.status_code"))),
    }
}

fn of_zipkin(span: &Value) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = match text(&span["kind"]).as_str() {
        // Zipkin has no kind for internal spans.
        "" => "internal".to_owned(),
        kind => kind.to_ascii_lowercase(),
    };
    let tags = &span["tags"];
    Seen {
        trace: text(&span["traceId"]),
        id: text(&span["id"]),
        parent: text(&span["parentId"]),
        asked: (kind == "client").then(|| (text(&tags["http.url"]), text(&tags["http.status_code"]))),
        kind,
        name: text(&span["name"]),
    }
}

fn of_insights(envelope: &Value) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = &envelope["data"]["baseData"];
    let kind = match (
        text(&envelope["data"]["baseType"]).as_str(),
        text(&data["type"]).as_str(),
    ) {
        ("RequestData", _) => "server".to_owned(),
        ("RemoteDependencyData", "InProc") => "internal".to_owned(),
        ("RemoteDependencyData", "HTTP") => "client".to_owned(),
        other => format!("{other:?}"),
    };
    Seen {
        trace: text(&envelope["tags"]["ai.operation.id"]),
        id: text(&data["id"]),
        parent: text(&envelope["tags"]["ai.operation.parentId"]),
        asked: (kind == "client").then(|| (text(&data["data"]), text(&data["resultCode"]))),
        kind,
        name: text(&data["name"]),
    }
}

/// Both running apps.
struct Two {
    first: Host,
    second: Host,
}

impl Two {
    /// Starts both apps. The first has its settings in code, the second in host.json.
    fn start(python: &std::path::Path, first: &Value, second: &Value) -> Two {
        let host = json!({
            "version": "2.0",
            "workerExtensions": { "opencensus": { "settings": second } },
        });
        let second = App::case("second_app")
            .file("host.json", &host.to_string())
            .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
            // The called app needs nothing for tracing.
            .python(python::without_packages())
            .start();
        let first = App::case("seed_sample")
            .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
            .env("TRACING", first.to_string())
            .env("SECOND_APP", second.url_of("/api/answer"))
            .python(python)
            .start();
        Two { first, second }
    }

    /// Calls the first app, which calls the second one; returns what both saw.
    fn call(&self, traceparent: Option<&str>) -> Value {
        let mut request = Request::get(self.first.url_of("/api/ask"));
        if let Some(traceparent) = traceparent {
            request = request
                .header("traceparent", traceparent)
                .header("tracestate", "vendor=value");
        }
        let answer: Answer = self
            .first
            .send(request.body(Vec::new()).expect("a valid request"));
        assert_eq!(
            answer.status,
            200,
            "{}\n{}",
            self.first.output(),
            self.second.output()
        );
        answer.json()
    }

    /// Stops both hosts, which export their waiting spans first. Returns the second app's URL.
    fn stop(self) -> String {
        let asked = self.second.url_of("/api/answer");
        self.first.stop().assert_clean();
        self.second.stop().assert_clean();
        asked
    }
}

/// Returns the oldest and the newest Python, each with OpenCensus' integration of `requests`.
fn pythons() -> Vec<(&'static str, std::path::PathBuf)> {
    python::oldest_and_newest_with("opencensus-requests", &["opencensus-ext-requests", "requests"])
}

fn newest() -> std::path::PathBuf {
    pythons().pop().expect("a Python").1
}

/// Asserts that these are the four spans of one call, and that both apps saw the ids that were exported. `caller` is
/// the parent of the first span, if there is one. Returns the trace id.
#[track_caller]
fn assert_one_trace(mut spans: Vec<Seen>, answer: &Value, caller: &str, asked: &str, case: &str) -> String {
    assert_eq!(spans.len(), 4, "{case}: {spans:#?}");
    let mut take = |kind: &str, name: &str| {
        let position = spans
            .iter()
            .position(|span| span.kind == kind && span.name == name);
        spans.remove(position.unwrap_or_else(|| panic!("{case}: no {kind} {name:?} in {spans:#?}")))
    };
    let (ask, parent, second) = (
        take("server", "ask"),
        take("internal", "parent"),
        take("server", "answer"),
    );
    // Application Insights' names of dependencies begin with the method.
    let name = if case == "azure" {
        "GET /api/answer"
    } else {
        "/api/answer"
    };
    let client = take("client", name);
    let chain = [&ask, &parent, &client, &second];
    let parents: Vec<&str> = chain.iter().map(|span| span.parent.as_str()).collect();
    assert_eq!(
        parents,
        [caller, &ask.id, &parent.id, &client.id],
        "{case}: {chain:#?}"
    );
    let trace = &ask.trace;
    assert_eq!(trace.len(), 32, "{case}");
    assert!(
        chain.iter().all(|span| span.trace == *trace),
        "{case}: {chain:#?}"
    );
    assert_eq!(client.asked, Some((asked.to_owned(), "200".to_owned())), "{case}");

    // The trace is sampled; the id of a trace that begins here is known to be random.
    let flags = if caller.is_empty() { "03" } else { "01" };
    let header = |span: &Seen| format!("00-{trace}-{}-{flags}", span.id);
    assert_eq!(answer["response"], 200, "{case}");
    assert_eq!(
        answer["traceparent"],
        header(&ask),
        "{case}: what the first function sees"
    );
    let second_saw = &answer["answer"];
    assert_eq!(
        second_saw["came"]["traceparent"],
        header(&client),
        "{case}: what the request carried"
    );
    assert_eq!(
        second_saw["traceparent"],
        header(&second),
        "{case}: what the second function sees"
    );
    trace.clone()
}

/// Returns the exporter's name in these settings.
fn exporter(settings: &Value) -> &str {
    settings["exporter"].as_str().expect("one name")
}

#[test]
fn one_trace_over_both_apps_at_each_destination() {
    let python = newest();
    for destination in Destination::all() {
        let settings = destination.settings();
        let two = Two::start(&python, &settings, &settings);
        let answer = two.call(None);
        let asked = two.stop();
        assert_one_trace(destination.seen(), &answer, "", &asked, exporter(&settings));
    }
}

#[test]
fn the_callers_trace_goes_on_through_both_apps() {
    for (version, python) in pythons() {
        let destination = Destination::Otlp(Receiver::speaking(Protocol::Grpc), "grpc");
        let settings = destination.settings();
        let two = Two::start(&python, &settings, &settings);
        let answer = two.call(Some(&format!("00-{TRACE}-{CALLER}-01")));
        let asked = two.stop();
        let trace = assert_one_trace(destination.seen(), &answer, CALLER, &asked, version);
        assert_eq!(trace, TRACE, "{version}");
        assert_eq!(answer["tracestate"], "vendor=value", "{version}");
        assert_eq!(
            answer["answer"]["came"]["tracestate"], "vendor=value",
            "{version}"
        );
    }
}

#[test]
fn both_apps_export_to_several_at_once() {
    let destinations = Destination::all();
    let [_, http, zipkin, insights] = &destinations;
    let mut settings = json!({});
    for destination in [http, zipkin, insights] {
        let one = destination.settings();
        for (key, value) in one.as_object().expect("an object") {
            settings[key] = value.clone();
        }
    }
    settings["exporter"] = json!(["otlp", "zipkin", "azure"]);
    let two = Two::start(&newest(), &settings, &settings);
    let answer = two.call(None);
    let asked = two.stop();
    let traces = [http, zipkin, insights].map(|destination| {
        let name = exporter(&destination.settings()).to_owned();
        assert_one_trace(destination.seen(), &answer, "", &asked, &name)
    });
    assert!(traces.iter().all(|trace| *trace == traces[0]), "{traces:?}");
}

#[test]
fn calls_that_are_not_sampled_say_so_to_the_second_app() {
    let destination = Destination::Otlp(Receiver::start(), "http/protobuf");
    let settings = destination.settings();
    let mut off = settings.clone();
    off["sampler"] = json!("always_off");
    // The second app follows its caller: that is the default.
    let two = Two::start(&newest(), &off, &settings);
    let answer = two.call(None);
    let parts = |header: &Value| {
        let header = header.as_str().expect("a header");
        header.split('-').map(str::to_owned).collect::<Vec<_>>()
    };
    let (own, came) = (
        parts(&answer["traceparent"]),
        parts(&answer["answer"]["came"]["traceparent"]),
    );
    assert_eq!(own[1], came[1], "one trace");
    assert_ne!(own[2], came[2], "the request is a span of its own");
    // The only flag is the one for a random trace id.
    assert_eq!((own[3].as_str(), came[3].as_str()), ("02", "02"));
    two.stop();
    assert_eq!(destination.seen(), []);

    // The caller's decision counts like the first app's own.
    let two = Two::start(&newest(), &settings, &settings);
    let answer = two.call(Some(&format!("00-{TRACE}-{CALLER}-00")));
    let came = parts(&answer["answer"]["came"]["traceparent"]);
    assert_eq!((came[1].as_str(), came[3].as_str()), (TRACE, "00"));
    two.stop();
    assert_eq!(destination.seen(), []);
}
