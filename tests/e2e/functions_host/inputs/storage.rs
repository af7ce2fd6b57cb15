//! Messages of queues, and blobs.

use serde_json::Value;

use super::{Case, bytes, case, json, refused, text};

pub(super) fn queue() -> Vec<Case> {
    let metadata = [
        ("Id", text("id-1")),
        ("DequeueCount", json("3")),
        ("PopReceipt", text("pop")),
        ("InsertionTime", text("2024-10-01T10:00:00+00:00")),
        ("Nothing", json("null")),
    ];
    let expected = |body: &str| {
        json!({
            "class": "QueueMessage", "id": "id-1", "dequeue_count": 3, "pop_receipt": "pop",
            "insertion_time": "2024-10-01 10:00:00+00:00", "get_body": {"bytes": body},
        })
    };
    let with_json = |body: &str, json: Value| {
        let mut expected = expected(body);
        expected["get_json"] = json;
        expected
    };
    vec![
        case(
            "queue_text",
            "queueTrigger",
            Some(text("hello")),
            expected("hello"),
        )
        .with(&metadata),
        case(
            "queue_bytes",
            "queueTrigger",
            Some(bytes(b"{\"a\": 1}")),
            with_json("{\"a\": 1}", json!({"a": 1})),
        )
        .with(&metadata),
        case("queue_str", "queueTrigger", Some(text("hello")), json!("hello")).annotated("str"),
        refused(
            "queue_json",
            "queueTrigger",
            Some(json("{}")),
            "TypeError: the binding 'data' (queuetrigger) of function 'queue_json' does not take data of the form json",
        ),
        refused(
            "queue_nothing",
            "queueTrigger",
            None,
            "TypeError: the binding 'data' (queuetrigger) of function 'queue_nothing' brought no data, but the function needs",
        ),
    ]
}

pub(super) fn blob() -> Vec<Case> {
    let metadata = [
        ("BlobTrigger", text("samples/a")),
        ("Uri", json("\"https://account/samples/a\"")),
        ("Properties", json("{\"ContentLength\": 5}")),
        ("Metadata", json("{\"by\": \"me\"}")),
    ];
    let stream = json!({
        "class": "InputStream", "name": "samples/a", "uri": "https://account/samples/a", "length": 5,
        "blob_properties": {"ContentLength": 5}, "metadata": {"by": "me"}, "read": {"bytes": "hello"},
    });
    let plain = json!({"class": "InputStream", "read": {"bytes": "hello"}});
    vec![
        case("blob_bytes", "blobTrigger", Some(bytes(b"hello")), stream.clone()).with(&metadata),
        case("blob_text", "blobTrigger", Some(text("hello")), stream).with(&metadata),
        case("blob_as_str", "blobTrigger", Some(text("hello")), json!("hello")).annotated("str"),
        case(
            "blob_as_bytes",
            "blobTrigger",
            Some(bytes(b"hello")),
            json!({"bytes": "hello"}),
        )
        .annotated("bytes"),
        case("blob_input", "blob", Some(bytes(b"hello")), plain),
        case("blob_nothing", "blob", None, json!(null)).annotated("func.InputStream"),
    ]
}
