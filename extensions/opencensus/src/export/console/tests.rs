//! Tests of `console.rs`.

use opentelemetry_proto::tonic::common::v1::ArrayValue;
use opentelemetry_proto::tonic::trace::v1::Status;
use serde_json::json;

use super::*;

const START: u64 = 1_700_000_000_123_000_000;

fn span(name: &str) -> Span {
    Span {
        trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128
            .to_be_bytes()
            .to_vec(),
        span_id: 2_u64.to_be_bytes().to_vec(),
        kind: SpanKind::Server.into(),
        name: name.to_owned(),
        start_time_unix_nano: START,
        end_time_unix_nano: START + 1_500_000,
        status: Some(Status::default()),
        ..Span::default()
    }
}

fn value(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn attribute(key: &str, of: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(value(of)),
        ..KeyValue::default()
    }
}

fn lines(batch: &[Span]) -> Vec<serde_json::Value> {
    let resource = Resource::builder_empty().with_service_name("app").build();
    let mut console = Console::new(Vec::new(), &resource);
    console.write(batch).expect("a Vec takes everything");
    let written = console.out;
    let text = String::from_utf8(written).expect("JSON is UTF-8");
    assert!(text.ends_with('\n'), "the last line is whole");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

#[test]
fn a_span_is_a_line_of_json() {
    let mut full = span("hello");
    full.parent_span_id = 1_u64.to_be_bytes().to_vec();
    full.status = Some(Status {
        code: StatusCode::Error.into(),
        message: "ValueError: no".to_owned(),
    });
    let list = ["x", "y"].map(|item| value(text(item))).to_vec();
    full.attributes = vec![
        attribute("text", text("a\"b\nc")),
        attribute("number", Value::IntValue(7)),
        attribute("float", Value::DoubleValue(0.5)),
        attribute("flag", Value::BoolValue(true)),
        attribute("list", Value::ArrayValue(ArrayValue { values: list })),
    ];
    full.events.push(Event {
        time_unix_nano: full.end_time_unix_nano,
        name: "exception".to_owned(),
        attributes: vec![attribute("exception.type", text("E"))],
        ..Event::default()
    });
    let lines = lines(&[full, span("root")]);
    let expected = json!({
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "0000000000000002",
        "parent_span_id": "0000000000000001",
        "name": "hello",
        "kind": "server",
        "start": "2023-11-14T22:13:20.123000000Z",
        "end": "2023-11-14T22:13:20.124500000Z",
        "duration_us": 1500,
        "status": {"code": "error", "description": "ValueError: no"},
        "attributes": {"text": "a\"b\nc", "number": 7, "float": 0.5, "flag": true, "list": ["x", "y"]},
        "events": [{
            "name": "exception",
            "time": "2023-11-14T22:13:20.124500000Z",
            "attributes": {"exception.type": "E"},
        }],
        "resource": {"service.name": "app"},
    });
    assert_eq!(lines[0], expected);
    assert_eq!(lines[1]["parent_span_id"], json!(null));
    assert_eq!(lines[1]["status"], json!({"code": "unset", "description": null}));
    assert_eq!(lines.len(), 2);
}

/// Counts writes, and checks that each ends a line.
#[derive(Debug, Default)]
struct WholeLines(Vec<usize>);

impl Write for WholeLines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        assert!(bytes.ends_with(b"\n"), "a write ends a line");
        self.0.push(bytes.len());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn writes_hold_whole_lines() {
    let mut console = Console::new(WholeLines::default(), &Resource::builder_empty().build());
    let long = "x".repeat(2 * ATOMIC_WRITE);
    let mut batch = vec![span("hello"); 40];
    batch.insert(0, span(&long));
    batch.insert(20, span(&long));
    console.write(&batch).expect("it takes everything");
    let sizes = console.out.0;
    let long_ones = sizes.iter().filter(|size| **size > ATOMIC_WRITE).count();
    assert_eq!(long_ones, 2, "only what no chunk holds goes beyond: {sizes:?}");
    assert!(sizes.len() < 12, "lines share writes: {sizes:?}");
}
