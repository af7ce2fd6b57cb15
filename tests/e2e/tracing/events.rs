//! Spans and metrics of calls that no request started.

use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Azurite, Storage, wait_for};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::tracing::support::{attribute, hex, named, wait_for_spans};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PRODUCER: &str = "00f067aa0ba902b7";

const CODE: &str = r#"
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.timer_trigger(schedule="01:00:00", arg_name="timer", run_on_startup=True)
def clock(timer: func.TimerRequest) -> None: ...


@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="done", queue_name="done", connection="AzureWebJobsStorage")
def work(message: func.QueueMessage, done: func.Out[str]) -> None:
    done.set("done")


@app.blob_trigger(arg_name="blob", path="new/{name}", connection="AzureWebJobsStorage")
def arrive(blob: func.InputStream) -> None: ...


@app.route("any")
def any(req: func.HttpRequest) -> str:
    return "any"
"#;

#[test]
fn calls_of_events_have_spans_as_requests_have() {
    let (azurite, receiver) = (Azurite::account(), Receiver::start());
    let storage = Storage::of(&azurite);
    let host_json = format!(
        r#"{{ "version": "2.0", "workerExtensions": {{ "opencensus": {{ "settings": {{
            "endpoint": "{}", "delay_ms": 50 }} }} }} }}"#,
        receiver.endpoint()
    );
    let host = App::empty()
        .file("host.json", &host_json)
        .file("function_app.py", CODE)
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .env("AzureWebJobsStorage", azurite.connection_string())
        .start();
    let message = format!(r#"{{"traceparent": "00-{TRACE}-{PRODUCER}-01"}}"#);
    storage.send("work", message.as_bytes());
    storage.put_blob("new", "one", b"one");
    let spans = wait_for_spans(&receiver, 3);
    let (clock, work) = (named(&spans, "clock"), named(&spans, "work"));
    assert_eq!(attribute(clock, "faas.trigger"), "timer");
    assert_eq!(clock.kind(), SpanKind::Server);
    assert!(clock.links.is_empty());
    assert_eq!(attribute(named(&spans, "arrive"), "faas.trigger"), "datasource");
    assert_eq!(attribute(work, "faas.trigger"), "pubsub");
    assert_eq!(work.kind(), SpanKind::Consumer);
    assert_eq!(hex(&work.trace_id), TRACE);
    assert_eq!(work.links.len(), 1);
    assert_eq!(
        (hex(&work.links[0].trace_id), hex(&work.links[0].span_id)),
        (TRACE.to_owned(), PRODUCER.to_owned())
    );
    let counted = wait_for(|| {
        let metrics = host.get("/metrics").text();
        let has = |trigger: &str| {
            let start =
                format!("opencensus_faas_invocations_total{{worker=\"0\",faas_trigger=\"{trigger}\"}} 1");
            metrics.contains(&start)
        };
        ["timer", "pubsub", "datasource"]
            .iter()
            .all(|trigger| has(trigger))
            .then_some(())
    });
    assert!(counted.is_some(), "{}", host.get("/metrics").text());
    host.stop().assert_clean();
}
