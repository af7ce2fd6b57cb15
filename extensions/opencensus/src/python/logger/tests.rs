//! Log records, from Python's arguments to what a collector gets.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use funcdock_telemetry::export::{Batch, Delivery, ExportError, Exporter, Pipeline, ShutdownSignal};
use funcdock_telemetry::settings::Batching;
use funcdock_telemetry::signal::Signal;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs, SeverityNumber};
use prost::Message;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// An exporter that sends its records to the test.
struct ToTest(Sender<ScopeLogs>);

impl Exporter for ToTest {
    fn export(&mut self, batch: &Batch, _: &ShutdownSignal) -> std::result::Result<Delivery, ExportError> {
        let logs = ResourceLogs::decode(batch.encoded()).expect("protobuf");
        assert_eq!(logs.scope_logs.len(), batch.len());
        for scope in logs.scope_logs {
            self.0.send(scope).expect("the test waits");
        }
        Ok(Delivery::default())
    }
}

fn logs() -> (Arc<Logs>, Receiver<ScopeLogs>) {
    let batching = Batching {
        queue_bytes: 1 << 20,
        queue: 16,
        batch: 16,
        delay: Duration::from_secs(3600),
    };
    let (sender, records) = channel();
    let pipeline = Pipeline::to(Signal::Logs, ToTest(sender), "a test", batching).expect("a thread");
    (Arc::new(Logs::to(pipeline)), records)
}

fn logger(logs: &Arc<Logs>) -> Logger {
    Logger::new(Arc::clone(logs))
}

fn ended(logs: &Logs, records: &Receiver<ScopeLogs>) -> Vec<ScopeLogs> {
    logs.pipeline()
        .shutdown(Duration::from_secs(20))
        .expect("nothing hinders it");
    records.try_iter().collect()
}

fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("after 1970").as_nanos() as u64
}

fn arguments<const N: usize>(positional: [Value; N]) -> Arguments {
    Arguments::new(positional, [])
}

#[test]
fn a_record_in_full() {
    let (logs, records) = logs();
    let before = unix_nanos();
    let nested = Value::Map(vec![(
        "list".to_owned(),
        Value::List(vec![true.into(), Value::None, Value::Bytes(vec![0, 255])]),
    )]);
    let attributes = Value::Map(vec![
        ("order".to_owned(), 7_i64.into()),
        ("ratio".to_owned(), 0.5.into()),
        ("nested".to_owned(), nested),
        ("exception.type".to_owned(), "ValueError".into()),
    ]);
    let logged = logger(&logs).call(
        "log",
        arguments([
            30_i64.into(),
            "shop.orders".into(),
            "no stock".into(),
            1_700_000_000.25.into(),
            TRACE.into(),
            SPAN.into(),
            attributes,
        ]),
    );
    assert!(logged.is_ok(), "{logged:?}");

    let [scope] = ended(&logs, &records).try_into().expect("one record");
    assert_eq!(scope.scope.expect("a scope").name, "shop.orders");
    let [record] = scope.log_records.try_into().expect("one a scope");
    assert_eq!(record.severity_number(), SeverityNumber::Warn);
    assert_eq!(record.severity_text, "WARNING");
    assert_eq!(record.time_unix_nano, 1_700_000_000_250_000_000);
    assert!(record.observed_time_unix_nano >= before);
    assert_eq!(
        record.trace_id,
        TraceId::from_hex(TRACE).expect("valid").to_bytes()
    );
    assert_eq!(record.span_id, SpanId::from_hex(SPAN).expect("valid").to_bytes());
    let body = record.body.expect("a body").value;
    assert_eq!(body, Some(any_value::Value::StringValue("no stock".to_owned())));
    let attribute = |key: &str| {
        let pair = record.attributes.iter().find(|pair| pair.key == key);
        pair.and_then(|pair| pair.value.clone()?.value)
    };
    assert_eq!(attribute("order"), Some(any_value::Value::IntValue(7)));
    assert_eq!(attribute("ratio"), Some(any_value::Value::DoubleValue(0.5)));
    let exception = any_value::Value::StringValue("ValueError".to_owned());
    assert_eq!(attribute("exception.type"), Some(exception));
    let Some(any_value::Value::KvlistValue(nested)) = attribute("nested") else {
        panic!("{:?}", record.attributes);
    };
    let Some(any_value::Value::ArrayValue(list)) = nested.values[0].value.clone().and_then(|v| v.value)
    else {
        panic!("{nested:?}");
    };
    let values: Vec<_> = list.values.into_iter().map(|value| value.value).collect();
    let expected = [
        Some(any_value::Value::BoolValue(true)),
        None,
        Some(any_value::Value::BytesValue(vec![0, 255])),
    ];
    assert_eq!(values, expected);
}

#[test]
fn a_record_with_little() {
    let (logs, records) = logs();
    let before = unix_nanos();
    let little = arguments([20_i64.into(), "root".into(), "".into()]);
    logger(&logs).call("log", little).expect("the rest is optional");
    let empty = [
        10_i64.into(),
        "root".into(),
        "x".into(),
        1_i64.into(),
        "".into(),
        "".into(),
        Value::None,
    ];
    logger(&logs)
        .call("log", arguments(empty))
        .expect("empty ids are none");
    let zeros = "0".repeat(32).as_str().into();
    let zeros = [
        10_i64.into(),
        "root".into(),
        "x".into(),
        Value::Float(f64::NAN),
        zeros,
    ];
    logger(&logs)
        .call("log", arguments(zeros))
        .expect("zeros are none, too");

    let records: Vec<_> = ended(&logs, &records)
        .into_iter()
        .flat_map(|scope| scope.log_records)
        .collect();
    assert_eq!(records.len(), 3);
    assert!(records[0].time_unix_nano >= before, "now");
    assert_eq!(records[1].time_unix_nano, 1_000_000_000);
    assert!(records[2].time_unix_nano >= before, "no time");
    for record in records {
        assert_eq!((record.trace_id.len(), record.span_id.len()), (0, 0));
        assert_eq!(record.attributes, []);
    }
}

#[test]
fn arguments_that_are_wrong() {
    let (logs, _records) = logs();
    let cases: [(Arguments, &str); 6] = [
        (
            arguments([20_i64.into(), "a".into()]),
            "missing argument \"message\"",
        ),
        (
            arguments(["INFO".into(), "a".into(), "b".into()]),
            "level: expected int, found str",
        ),
        (
            arguments([20_i64.into(), "a".into(), 1_i64.into()]),
            "message: expected str, found int",
        ),
        (
            arguments([20_i64.into(), "a".into(), "b".into(), "now".into()]),
            "time: expected float, found str",
        ),
        (
            arguments([20_i64.into(), "a".into(), "b".into(), Value::None, "+bc".into()]),
            "trace_id: expected 32 hexadecimal digits, found \"+bc\"",
        ),
        (
            arguments([
                20_i64.into(),
                "a".into(),
                "b".into(),
                Value::None,
                Value::None,
                Value::None,
                Value::List(Vec::new()),
            ]),
            "attributes: expected dict, found list",
        ),
    ];
    for (arguments, expected) in cases {
        let error = logger(&logs).call("log", arguments).expect_err(expected);
        assert_eq!(error.message(), expected);
    }
    let error = logger(&logs)
        .call("emit", Arguments::default())
        .expect_err("no such method");
    assert_eq!(error.kind(), ErrorKind::Attribute);
}

#[test]
fn python_sees_whether_they_go_anywhere() {
    let enabled = |logs: &Arc<Logs>| format!("{:?}", logger(logs).get("enabled").expect("known"));
    assert_eq!(enabled(&logs().0), "Some(true)");
    let off = Arc::new(Logs::to(Pipeline::off()));
    assert_eq!(enabled(&off), "Some(false)");
    logger(&off)
        .call("log", arguments([20_i64.into(), "a".into(), "b".into()]))
        .expect("ignored");
}
