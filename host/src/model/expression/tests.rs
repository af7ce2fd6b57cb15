//! Tables of expressions, paths and patterns.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::*;

mod blobs;
mod dates;
mod templates;

/// 2026-02-06T17:05:09.1204567Z, a Friday.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_770_397_509, 120_456_700)
}

fn system() -> SystemValues<'static> {
    SystemValues {
        function: "CopyOrder",
        now: now(),
    }
}

/// The values of a call that a queue message has started.
fn values() -> Map<String, Value> {
    let values = json!({
        "queueTrigger": "orders/17.json",
        "Id": "8f14e45f-ceea-467f-a0b1-5b0a6d2c3e4f",
        "DequeueCount": 2,
        "InsertionTime": "2025-12-31T23:30:00-01:00",
        "express": true,
        "weight": 1.5,
        "nothing": null,
        "empty": "",
        "größe": "XL",
        "tags": ["a", "b"],
        "customer": {"name": "Ada", "address": {"City": "Ulm", "zip": 89073}, "note": null},
        "headers": {"x-id": "h-1"},
        "query": {"name": "q 1"},
    });
    match values {
        Value::Object(values) => values,
        other => panic!("not an object: {other}"),
    }
}

/// Returns the text of a template, or the message of its error.
fn expand_with(text: &str, values: &Map<String, Value>) -> Result<String, String> {
    let template = Template::parse(text).map_err(|error| error.to_string())?;
    template
        .expand(values, &system())
        .map_err(|error| error.to_string())
}

fn expand(text: &str) -> Result<String, String> {
    expand_with(text, &values())
}
