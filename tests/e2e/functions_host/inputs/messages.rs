//! Messages of Event Hubs, Service Bus and Kafka: one, or several at once.

use funcdock_rpc::messages::typed_data::Data;

use super::{Case, byte_strings, bytes, case, json, numbers, refused, text, texts};

pub(super) fn cases() -> Vec<Case> {
    let system = (
        "SystemPropertiesArray",
        json("[{\"SequenceNumber\": 1}, {\"SequenceNumber\": 2}]"),
    );
    let event = |body: &str, number: i64| {
        json!({
            "class": "EventHubEvent", "sequence_number": number, "get_body": {"bytes": body},
            "metadata": {"SystemPropertiesArray": [{"SequenceNumber": 1}, {"SequenceNumber": 2}]},
        })
    };
    let both = json!([event("x", 1), event("y", 2)]);
    vec![
        case(
            "hub_one",
            "eventHubTrigger",
            Some(bytes(b"x")),
            json!({
                "class": "EventHubEvent", "enqueued_time": "2024-10-01 10:00:00+00:00", "partition_key": "p",
                "sequence_number": 7, "offset": "12", "get_body": {"bytes": "x"}, "iothub_metadata": {"id": "d"},
                "metadata": {
                    "SystemProperties": {"iothub-id": "d"}, "PartitionKey": "p", "SequenceNumber": 7, "Offset": "12",
                    "EnqueuedTimeUtc": "2024-10-01T10:00:00Z",
                },
            }),
        )
        .with(&[
            ("SystemProperties", json("{\"iothub-id\": \"d\"}")),
            ("PartitionKey", text("p")),
            ("SequenceNumber", Data::Int(7)),
            ("Offset", text("12")),
            ("EnqueuedTimeUtc", text("2024-10-01T10:00:00Z")),
        ]),
        case("hub_texts", "eventHubTrigger", Some(texts(&["x", "y"])), both.clone()).with(std::slice::from_ref(&system)),
        case("hub_bytes", "eventHubTrigger", Some(byte_strings(&[b"x", b"y"])), both).with(std::slice::from_ref(&system)),
        refused(
            "hub_mismatch",
            "eventHubTrigger",
            Some(texts(&["x"])),
            "ValueError: the data of the binding 'data' (eventhubtrigger) of function 'hub_mismatch', of the form \
             collection_string, cannot be read: AssertionError: Number of bodies and metadata mismatched",
        )
        .with(&[system]),
        case(
            "bus_one",
            "serviceBusTrigger",
            Some(text("x")),
            json!({
                "class": "ServiceBusMessage", "message_id": "m", "delivery_count": 2, "correlation_id": "c",
                "user_properties": {"a": 1}, "get_body": {"bytes": "x"},
                "metadata": {"MessageId": "m", "DeliveryCount": 2, "CorrelationId": "c", "UserProperties": {"a": 1}},
            }),
        )
        .with(&[
            ("MessageId", text("m")),
            ("DeliveryCount", json("2")),
            ("CorrelationId", text("c")),
            ("UserProperties", json("{\"a\": 1}")),
        ]),
        case(
            "bus_many",
            "serviceBusTrigger",
            Some(texts(&["x", "y"])),
            {
                let metadata = json!({
                    "MessageIdArray": ["m", "n"], "DeliveryCountArray": [1, 2], "UserPropertiesArray": [{}, {"a": 1}],
                });
                json!([
                    {
                        "class": "ServiceBusMessage", "message_id": "m", "delivery_count": 1, "get_body": {"bytes": "x"},
                        "metadata": metadata,
                    },
                    {
                        "class": "ServiceBusMessage", "message_id": "n", "delivery_count": 2, "get_body": {"bytes": "y"},
                        "metadata": metadata, "user_properties": {"a": 1},
                    },
                ])
            },
        )
        .with(&[
            ("MessageIdArray", texts(&["m", "n"])),
            ("DeliveryCountArray", numbers(&[1, 2])),
            ("UserPropertiesArray", json("[{}, {\"a\": 1}]")),
        ]),
        case(
            "kafka_one",
            "kafkaTrigger",
            Some(text("x")),
            json!({"class": "KafkaEvent", "key": "k", "offset": 4, "topic": "t", "get_body": {"bytes": "x"},
                "metadata": {"Key": "k", "Offset": "4", "Topic": "t", "Headers": "[]"}}),
        )
        .with(&[
            ("Key", text("k")),
            ("Offset", json("4")),
            ("Topic", text("t")),
            ("Headers", json("[]")),
        ]),
    ]
}
