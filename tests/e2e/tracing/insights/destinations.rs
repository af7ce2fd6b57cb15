//! Whether log records go to Application Insights and to a collector, and what becomes of those that do not arrive.

use funcdock_tests::ingestion::Ingestion;
use funcdock_tests::otlp::Receiver;
use funcdock_tests::wait_for;
use serde_json::{Value, json};

use super::{CONNECTION, app, call, data, message, stop, texts};

#[test]
fn records_go_nowhere_that_nobody_asked_for() {
    const OFF: (&str, &str) = ("OTEL_LOGS_EXPORTER", "none");
    type Variables = &'static [(&'static str, &'static str)];
    let cases: [(Value, Variables, bool, bool, &str); 5] = [
        (json!({ "logs": false }), &[], false, false, "off by the setting"),
        (json!({}), &[OFF], false, false, "off by the variable"),
        (
            json!({ "exporter": ["otlp", "azure"] }),
            &[],
            true,
            false,
            "the collector is for spans",
        ),
        (
            json!({ "exporter": "azure", "logs": true }),
            &[],
            true,
            true,
            "an endpoint is given, too",
        ),
        (
            json!({ "exporter": "otlp", "logs": true }),
            &[],
            false,
            true,
            "not where spans go",
        ),
    ];
    for (mut settings, variables, to_insights, to_collector, reason) in cases {
        let (insights, receiver) = (Ingestion::start(), Receiver::start());
        settings["endpoint"] = receiver.endpoint().into();
        let app = app(&insights, &settings, &json!({}));
        let app = variables
            .iter()
            .fold(app, |app, (name, value)| app.env(name, value));
        let host = app.start();
        call(&host, "levels");
        let (stopped, items) = stop(host, &insights);
        assert_eq!(!texts(&items).is_empty(), to_insights, "{reason}: {items:#?}");
        assert_eq!(!receiver.logs().is_empty(), to_collector, "{reason}");
        // One warning of a connection string that no exporter uses.
        let is_unused = settings["exporter"] == "otlp";
        let warnings = stopped
            .stderr
            .matches(&format!("{CONNECTION} is set, but"))
            .count();
        assert_eq!(warnings, usize::from(is_unused), "{reason}\n{}", stopped.stderr);
        assert!(!stopped.stderr.contains("00000000-0000"), "{}", stopped.stderr);
    }
}

#[test]
fn logs_without_a_destination_are_a_warning() {
    let insights = Ingestion::start();
    let settings = json!({ "exporter": "console", "logs": true });
    let host = app(&insights, &settings, &json!({}))
        .env("FUNCTIONS_WORKER_PROCESS_COUNT", "2")
        .start();
    call(&host, "levels");
    let (stopped, items) = stop(host, &insights);
    assert_eq!(items, Vec::<Value>::new());
    let warnings = stopped
        .stderr
        .matches("logs: nothing says where log records go")
        .count();
    assert_eq!(warnings, 1, "{}", stopped.stderr);
}

#[test]
fn lost_records_are_counted_and_hold_up_no_call() {
    let insights = Ingestion::start();
    let connection = insights
        .connection_string()
        .replace(&insights.endpoint(), "http://127.0.0.1:9");
    let host = app(&insights, &json!({ "timeout_ms": 200 }), &json!({}))
        .env(CONNECTION, connection)
        .env("OTEL_BLRP_MAX_QUEUE_SIZE", "2")
        .env("OTEL_BLRP_SCHEDULE_DELAY", "100")
        .start();
    for _ in 0..10 {
        call(&host, "levels");
    }
    let dropped = |reason: &str| {
        let text = host.get("/metrics").text();
        let label = format!("reason=\"{reason}\"");
        let line = text
            .lines()
            .find(|line| line.starts_with("opencensus_log_records_dropped_total") && line.contains(&label));
        let count = line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        count.unwrap_or_else(|| panic!("no counter in {text}"))
    };
    let all = wait_for(|| (dropped("queue_full") > 0 && dropped("export_failed") > 0).then_some(()));
    assert!(all.is_some(), "{}", host.output());
    host.wait_for_log("cannot export log records to http://127.0.0.1:9/v2.1/track");
}

#[test]
fn records_of_calls_that_are_not_sampled_arrive() {
    let insights = Ingestion::start();
    let host = app(&insights, &json!({ "sampler": "always_off" }), &json!({})).start();
    let invocation = call(&host, "levels");
    let (_, items) = stop(host, &insights);
    assert_eq!(texts(&items).len(), items.len(), "no request: {items:#?}");
    let critical = message(&items, "at 50");
    assert_eq!(data(critical)["properties"]["InvocationId"], invocation);
    let operation = critical["tags"]["ai.operation.id"].as_str().unwrap_or_default();
    assert_eq!(operation.len(), 32, "the trace that the call passes on");
}
