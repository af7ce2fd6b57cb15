//! Spans on export: each is delivered, or counted with the reason why not, whatever the receiver does.

mod delivery;
mod trouble;

use std::collections::BTreeMap;

use funcdock_tests::otlp::{Protocol, Receiver};
use funcdock_tests::{App, Host, Stopped, at_once};
use serde_json::{Value, json};

const BOTH: [Protocol; 2] = [Protocol::Http, Protocol::Grpc];

/// Returns an app with one function, whose calls make one span each, and these settings of the extension.
fn app(settings: &Value) -> App {
    let host = json!({
        "version": "2.0",
        "workerExtensions": { "opencensus": { "settings": settings } }
    });
    App::empty()
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .file("host.json", &host.to_string())
        .file(
            "ping/function.json",
            r#"{ "bindings": [ { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
                { "type": "http", "direction": "out", "name": "$return" } ] }"#,
        )
        .file("ping/__init__.py", "def main(req):\n    return 'pong'\n")
}

/// Returns settings that send spans to this receiver, plus these others.
fn to(receiver: &Receiver, protocol: Protocol, others: &Value) -> Value {
    let mut settings = json!({
        "exporter": "otlp",
        "endpoint": receiver.endpoint(),
        "protocol": match protocol {
            Protocol::Http => "http/protobuf",
            Protocol::Grpc => "grpc",
        },
    });
    let (Some(all), Some(others)) = (settings.as_object_mut(), others.as_object()) else {
        panic!("settings are an object: {others}");
    };
    all.extend(others.clone());
    settings
}

/// Calls the function `calls` times from four threads. Asserts that every call succeeds.
fn call(host: &Host, calls: usize) {
    at_once(4, |thread| {
        for _ in (thread..calls).step_by(4) {
            let answer = host.get("/api/ping");
            assert_eq!((answer.status, answer.text().as_str()), (200, "pong"));
        }
    });
}

/// The counts of an exporter's spans, by what happened to them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Fates {
    exported: usize,
    rejected: usize,
    queue_full: usize,
    export_failed: usize,
    shutdown: usize,
}

impl Fates {
    fn sum(&self) -> usize {
        self.exported + self.rejected + self.queue_full + self.export_failed + self.shutdown
    }

    /// Reads the current counts from `/metrics`.
    fn on(host: &Host, exporter: &str) -> Fates {
        let text = host.get("/metrics").text();
        let one = |name: &str, labels: &[(&str, &str)]| {
            let has =
                |line: &str, (label, value): &(&str, &str)| line.contains(&format!("{label}=\"{value}\""));
            let line = text.lines().find(|line| {
                line.starts_with(name)
                    && has(line, &("exporter", exporter))
                    && labels.iter().all(|pair| has(line, pair))
            });
            let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
            value.unwrap_or_else(|| panic!("no {name} with {labels:?} of {exporter} in\n{text}"))
        };
        let dropped = |reason| one("opencensus_spans_dropped_total", &[("reason", reason)]);
        Fates {
            exported: one("opencensus_spans_exported_total", &[]),
            rejected: one("opencensus_spans_rejected_total", &[]),
            queue_full: dropped("queue_full"),
            export_failed: dropped("export_failed"),
            shutdown: dropped("shutdown"),
        }
    }

    /// Reads the final counts from the log.
    fn of(stopped: &Stopped, target: &str) -> Fates {
        let start = format!("spans for {target}: ");
        let line = stopped.stderr.lines().find_map(|line| line.split_once(&start));
        let (_, counts) = line.unwrap_or_else(|| panic!("no {start:?} in\n{}", stopped.stderr));
        // "7 exported, 0 rejected, 3 dropped (queue_full 1, export_failed 2, shutdown 0)"
        let (totals, reasons) = counts.split_once(" (").expect("totals, then reasons");
        let mut numbers = BTreeMap::new();
        for total in totals.split(", ") {
            let (number, name) = total.split_once(' ').expect("a number and a name");
            numbers.insert(name, number.parse::<usize>().expect("a number"));
        }
        for reason in reasons.trim_end_matches(')').split(", ") {
            let (name, number) = reason.split_once(' ').expect("a name and a number");
            numbers.insert(name, number.parse().expect("a number"));
        }
        let of = |name: &str| *numbers.get(name).unwrap_or_else(|| panic!("no {name}: {counts}"));
        let fates = Fates {
            exported: of("exported"),
            rejected: of("rejected"),
            queue_full: of("queue_full"),
            export_failed: of("export_failed"),
            shutdown: of("shutdown"),
        };
        assert_eq!(
            of("dropped"),
            fates.sum() - fates.exported - fates.rejected,
            "{counts}"
        );
        fates
    }
}

/// Returns the receiver's name in the log.
fn target(receiver: &Receiver, protocol: Protocol) -> String {
    match protocol {
        Protocol::Http => format!("{}/v1/traces", receiver.endpoint()),
        Protocol::Grpc => format!("{}/", receiver.endpoint()),
    }
}

/// Flushes the extension's waiting spans.
fn flush(host: &Host) {
    let answer = host.post("/admin/extensions/flush", "");
    assert_eq!(answer.status, 204, "{}", answer.text());
}
