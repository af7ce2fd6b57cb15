//! Tests of `console.rs`.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use serde_json::json;

use super::*;
use crate::testing::{attribute, double, event, failed, int, list, span, text};

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
    full.status = failed("ValueError: no");
    full.attributes = vec![
        attribute("text", text("a\"b\nc")),
        attribute("number", int(7)),
        attribute("float", double(0.5)),
        attribute("infinite", double(f64::INFINITY)),
        attribute("flag", Value::BoolValue(true)),
        attribute("list", list(&[text("x"), text("y")])),
    ];
    full.events
        .push(event("exception", &[("exception.type", text("E"))]));
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
        "attributes": {"text": "a\"b\nc", "number": 7, "float": 0.5,
            "infinite": "Infinity", "flag": true, "list": ["x", "y"]},
        "events": [{
            "name": "exception",
            "time": "2023-11-14T22:13:20.124000000Z",
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
