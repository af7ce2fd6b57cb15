//! Rows of databases, and events of Event Grid.

use super::{Case, case, json, refused, text};

pub(super) fn cases() -> Vec<Case> {
    let rows = || Some(json("[{\"id\": \"1\"}, {\"id\": \"2\"}]"));
    let both = json!([{"id": "1"}, {"id": "2"}]);
    vec![
        case("cosmos_trigger", "cosmosDBTrigger", rows(), both.clone()),
        case(
            "cosmos_input",
            "cosmosDB",
            Some(text("{\"id\": \"1\"}")),
            json!([{"id": "1"}]),
        ),
        case("cosmos_nothing", "cosmosDB", None, json!(null)),
        case("sql_input", "sql", rows(), both),
        case(
            "grid",
            "eventGridTrigger",
            Some(json(
                "{\"id\": \"1\", \"topic\": \"t\", \"subject\": \"s\", \"eventType\": \"e\", \"dataVersion\": \"2\", \
                 \"eventTime\": \"2024-10-01T10:00:00Z\", \"data\": {\"a\": 1}}",
            )),
            json!({
                "class": "EventGridEvent", "id": "1", "topic": "t", "subject": "s", "event_type": "e", "data_version": "2",
                "event_time": "2024-10-01 10:00:00+00:00", "get_json": {"a": 1},
            }),
        ),
        refused(
            "grid_text",
            "eventGridTrigger",
            Some(text("x")),
            "TypeError: the binding 'data' (eventgridtrigger) of function 'grid_text' does not take data of the form string",
        ),
    ]
}
