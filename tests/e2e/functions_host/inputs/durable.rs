//! What orchestrations, entities and activities get.

use super::{Case, bytes, case, json, refused, text};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "activity_json",
            "activityTrigger",
            Some(json("{\"a\": [1]}")),
            json!({"a": [1]}),
        ),
        case(
            "activity_text",
            "activityTrigger",
            Some(text("\"plain\"")),
            json!("plain"),
        ),
        case(
            "activity_other",
            "activityTrigger",
            Some(text("not json")),
            json!("not json"),
        ),
        refused(
            "activity_bytes",
            "activityTrigger",
            Some(bytes(b"x")),
            "TypeError: the binding 'data' (activitytrigger) of function 'activity_bytes' does not take data of the form bytes",
        ),
        case(
            "orchestration",
            "orchestrationTrigger",
            Some(text("{\"history\": []}")),
            json!({"class": "OrchestrationContext", "body": "{\"history\": []}"}),
        ),
        case(
            "entity",
            "entityTrigger",
            Some(text("{\"self\": 1}")),
            json!({"class": "EntityContext", "body": "{\"self\": 1}"}),
        ),
        case(
            "client",
            "durableClient",
            Some(text("{\"hub\": 1}")),
            json!("{\"hub\": 1}"),
        )
        .annotated("str"),
    ]
}
