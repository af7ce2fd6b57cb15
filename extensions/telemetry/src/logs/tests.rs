//! Records as a collector gets them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use prost::Message;

use super::*;
use crate::export::{Batch, Delivery, ExportError, Exporter, ShutdownSignal};
use crate::settings::Batching;
use crate::signal::Signal;

/// An exporter that sends its records to the test.
struct ToTest(Sender<ScopeLogs>);

impl Exporter for ToTest {
    fn export(&mut self, batch: &Batch, _: &ShutdownSignal) -> Result<Delivery, ExportError> {
        let logs = ResourceLogs::decode(batch.encoded()).expect("protobuf");
        assert_eq!(logs.scope_logs.len(), batch.len());
        for scope in logs.scope_logs {
            self.0.send(scope).expect("the test waits");
        }
        Ok(Delivery::default())
    }
}

/// What becomes of a record with these attributes.
fn recorded(attributes: &[(String, Value)]) -> ScopeLogs {
    let batching = Batching {
        queue_bytes: 1 << 20,
        queue: 16,
        batch: 16,
        delay: Duration::from_secs(3600),
    };
    let (sender, records): (_, Receiver<ScopeLogs>) = channel();
    let pipeline = Pipeline::to(Signal::Logs, ToTest(sender), "a test", batching).expect("a thread");
    let logs = Logs::to(pipeline);
    logs.record(&Record {
        at: SystemTime::now(),
        level: 20,
        logger: "a",
        body: "b",
        trace: None,
        span: None,
        attributes,
    });
    let shutdown = logs.pipeline().shutdown(Duration::from_secs(20));
    shutdown.expect("nothing hinders it");
    records.recv().expect("one record")
}

#[test]
fn attributes_stop_at_the_limit() {
    let attributes: Vec<_> = (0..LIMIT + 5)
        .map(|index| (index.to_string(), Value::Bool(true)))
        .collect();
    let record = &recorded(&attributes).log_records[0];
    assert_eq!(
        (record.attributes.len(), record.dropped_attributes_count),
        (LIMIT, 5)
    );
}

#[test]
fn values_of_each_kind() {
    use any_value::Value as Any;
    let list = Value::List(vec![Value::Bool(true), Value::None, Value::Bytes(vec![0, 255])]);
    let map = Value::Map(vec![("key".to_owned(), Value::Double(-0.5))]);
    let values = [Value::Text("é".to_owned()), Value::Int(-1), list, map];
    let attributes = values.map(|value| ("a".to_owned(), value));
    let record = recorded(&attributes).log_records.remove(0);
    let found: Vec<_> = record
        .attributes
        .into_iter()
        .map(|pair| pair.value.and_then(|value| value.value))
        .collect();
    assert_eq!(
        found[..2],
        [Some(Any::StringValue("é".to_owned())), Some(Any::IntValue(-1))]
    );
    let Some(Any::ArrayValue(list)) = &found[2] else {
        panic!("{found:?}");
    };
    let list: Vec<_> = list.values.iter().map(|value| value.value.clone()).collect();
    assert_eq!(
        list,
        [
            Some(Any::BoolValue(true)),
            None,
            Some(Any::BytesValue(vec![0, 255]))
        ]
    );
    let Some(Any::KvlistValue(map)) = &found[3] else {
        panic!("{found:?}");
    };
    assert_eq!(map.values[0].key, "key");
    let value = map.values[0].value.as_ref().and_then(|value| value.value.clone());
    assert_eq!(value, Some(Any::DoubleValue(-0.5)));
}

#[test]
fn severities() {
    let cases = [
        (0, 0, "NOTSET"),
        (-5, 0, "Level -5"),
        (5, 4, "Level 5"),
        (10, 5, "DEBUG"),
        (20, 9, "INFO"),
        (25, 12, "Level 25"),
        (30, 13, "WARNING"),
        (40, 17, "ERROR"),
        (50, 21, "CRITICAL"),
        (51, 22, "Level 51"),
        (i64::MAX, 24, "Level 9223372036854775807"),
    ];
    for (level, expected, name) in cases {
        assert_eq!(
            (severity(level), &*level_name(level)),
            (expected, name),
            "{level}"
        );
    }
}
