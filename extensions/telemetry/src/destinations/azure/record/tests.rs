//! Log records as envelopes.

use opentelemetry::KeyValue as Pair;
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::Resource;
use serde_json::{Value as Json, json};

use super::*;
use crate::destinations::azure::items::Items;
use crate::export::Batch;
use crate::logs::{Record, Value as Attribute};
use crate::testing::START;

const KEY: &str = "00000000-0000-0000-0000-000000000001";

/// Returns the item of a record of the logger `shop.orders` in a span.
fn item(level: i64, text: &str, attributes: &[(&str, Attribute)]) -> Json {
    item_in(
        Some((TraceId::from(10), SpanId::from(11))),
        level,
        text,
        attributes,
    )
}

fn item_in(
    span: Option<(TraceId, SpanId)>,
    level: i64,
    text: &str,
    attributes: &[(&str, Attribute)],
) -> Json {
    let resource = Resource::builder_empty()
        .with_service_name("shop")
        .with_attribute(Pair::new("service.instance.id", "i-1"))
        .build();
    let owned = attributes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()));
    let attributes: Vec<_> = owned.collect();
    let record = Record {
        at: std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(START),
        level,
        logger: "shop.orders",
        body: text,
        trace: span.map(|(trace, _)| trace),
        span: span.map(|(_, span)| span),
        attributes: &attributes,
    };
    let records = Batch::new(1, record.encoded()).log_records().expect("records");
    let items = Items::of_records(&records, &Identity::new(KEY, &resource)).expect("JSON");
    let json: Json = serde_json::from_slice(&items.body(&[0])).expect("JSON");
    assert_eq!(items.len(), 1);
    json[0].clone()
}

fn of(text: &str) -> Attribute {
    Attribute::Text(text.to_owned())
}

#[test]
fn a_record_of_a_call_is_a_message() {
    let attributes = [
        (FUNCTION, of("order")),
        ("faas.invocation_id", of("i-d")),
        ("thread.name", of("MainThread")),
        ("items", Attribute::Int(3)),
        ("Category", of("mine")),
    ];
    let version = concat!("funcdock:", env!("CARGO_PKG_VERSION"));
    let expected = json!({
        "ver": 1,
        "name": "Microsoft.ApplicationInsights.Message",
        "time": "2023-11-14T22:13:20.123000Z",
        "sampleRate": 100.0,
        "iKey": KEY,
        "tags": {
            "ai.cloud.role": "shop",
            "ai.cloud.roleInstance": "i-1",
            "ai.internal.sdkVersion": version,
            "ai.operation.id": "0000000000000000000000000000000a",
            "ai.operation.parentId": "000000000000000b",
            "ai.operation.name": "order",
        },
        "data": { "baseType": "MessageData", "baseData": {
            "ver": 2,
            "message": "no stock",
            "severityLevel": 2,
            "properties": {
                "Category": "Function.order.User",
                "HostInstanceId": "i-1",
                "InvocationId": "i-d",
                "LogLevel": "Warning",
                "LoggerName": "shop.orders",
                "ProcessId": std::process::id().to_string(),
                "items": "3",
                "thread.name": "MainThread",
            },
        } },
    });
    assert_eq!(item(30, "no stock", &attributes), expected);
}

#[test]
fn a_record_outside_of_calls_belongs_to_no_operation() {
    let item = item_in(None, 20, "", &[]);
    let tags = item["tags"].as_object().expect("tags");
    assert!(
        !tags.keys().any(|key| key.starts_with("ai.operation.")),
        "{tags:?}"
    );
    let data = &item["data"]["baseData"];
    assert_eq!(data["message"], "n/a", "an empty text is refused");
    assert_eq!(data["properties"]["Category"], "Function");
    assert_eq!(data["properties"].get("InvocationId"), None);
}

#[test]
fn levels_of_python_are_severities() {
    let cases = [
        (5, 0, "Trace"),
        (10, 0, "Debug"),
        (20, 1, "Information"),
        (25, 1, "Information"),
        (30, 2, "Warning"),
        (40, 3, "Error"),
        (50, 4, "Critical"),
        (99, 4, "Critical"),
    ];
    for (level, severity, name) in cases {
        let data = item(level, "x", &[])["data"]["baseData"].clone();
        assert_eq!(
            (&data["severityLevel"], &data["properties"]["LogLevel"]),
            (&json!(severity), &json!(name))
        );
    }
}

#[test]
fn a_record_with_an_exception_is_an_exception() {
    let traceback = "Traceback (most recent call last):\n  File \"a.py\", line 7, in f\nValueError: no luck";
    let attributes = [
        ("exception.type", of("ValueError")),
        ("exception.message", of("no luck")),
        ("exception.stacktrace", of(traceback)),
        ("order", of("7")),
    ];
    let item = item(50, "it failed", &attributes);
    assert_eq!(item["name"], "Microsoft.ApplicationInsights.Exception");
    let data = &item["data"]["baseData"];
    assert_eq!(data["severityLevel"], 4);
    assert_eq!(
        data["exceptions"],
        json!([{
            "typeName": "ValueError",
            "message": "no luck",
            "hasFullStack": true,
            "stack": traceback,
            "parsedStack": [{ "level": 0, "method": "f", "fileName": "a.py", "line": 7 }],
        }])
    );
    assert_eq!(data["properties"]["FormattedMessage"], "it failed");
    assert_eq!(data["properties"]["order"], "7");
    assert_eq!(data["properties"]["LogLevel"], "Critical");
}

#[test]
fn texts_are_cut_to_the_limits() {
    let long = "é".repeat(40_000);
    let attributes = [("é".repeat(200), of(&long))];
    let attributes = attributes
        .each_ref()
        .map(|(key, value)| (key.as_str(), value.clone()));
    let data = item(20, &long, &attributes)["data"]["baseData"].clone();
    let length = |value: &Json| value.as_str().map(|text| text.chars().count());
    assert_eq!(length(&data["message"]), Some(32_768));
    assert_eq!(length(&data["properties"]["é".repeat(150)]), Some(8192));
}
