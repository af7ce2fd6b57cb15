//! Types of binding without a converter of their own for the data, and types that no library knows: data as they are.

use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{CollectionDouble, ModelBindingData};

use super::{Case, bytes, case, json, numbers, refused, text, texts};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "mcp_tool",
            "mcpToolTrigger",
            Some(json("{\"arguments\": {}}")),
            json!("{\"arguments\": {}}"),
        ),
        case("connector", "connectorTrigger", Some(text("x")), json!("x")),
        case("mysql", "mysql", Some(json("[{\"id\": 1}]")), json!([{"id": 1}])),
        refused(
            "generic_reference",
            "somethingTrigger",
            Some(Data::ModelBindingData(ModelBindingData::default())),
            "TypeError: the input \"data\" is a reference to data, which only a parameter of a type of azurefunctions-ext",
        ),
        case(
            "timer",
            "timerTrigger",
            Some(json(
                "{\"IsPastDue\": true, \"Schedule\": {\"AdjustForDST\": true}}",
            )),
            json!({"class": "TimerRequest", "past_due": true, "schedule": {"AdjustForDST": true}}),
        ),
        case(
            "warmup",
            "warmupTrigger",
            Some(text("")),
            json!({"class": "WarmUpContext"}),
        ),
        case("generic_text", "somethingTrigger", Some(text("x")), json!("x")),
        case(
            "generic_json",
            "somethingTrigger",
            Some(json("{\"a\": 1}")),
            json!("{\"a\": 1}"),
        ),
        case(
            "generic_bytes",
            "somethingTrigger",
            Some(bytes(b"x")),
            json!({"bytes": "x"}),
        ),
        case(
            "generic_stream",
            "somethingTrigger",
            Some(Data::Stream("x".into())),
            json!({"bytes": "x"}),
        ),
        case("generic_int", "somethingTrigger", Some(Data::Int(-5)), json!(-5)),
        case(
            "generic_double",
            "somethingTrigger",
            Some(Data::Double(1.5)),
            json!(1.5),
        ),
        case(
            "generic_texts",
            "somethingTrigger",
            Some(texts(&["x", "y"])),
            json!(["x", "y"]),
        ),
        case(
            "generic_ints",
            "somethingTrigger",
            Some(numbers(&[1, -2])),
            json!([1, -2]),
        ),
        case(
            "generic_doubles",
            "somethingTrigger",
            Some(Data::CollectionDouble(CollectionDouble { double: vec![0.5] })),
            json!([0.5]),
        ),
        case("generic_nothing", "somethingTrigger", None, json!(null)),
        case(
            "table",
            "table",
            Some(json("[{\"RowKey\": 1}]")),
            json!("[{\"RowKey\": 1}]"),
        ),
        case(
            "signalr",
            "signalRConnectionInfo",
            Some(json("{\"url\": \"u\"}")),
            json!("{\"url\": \"u\"}"),
        )
        .annotated("str"),
        case(
            "assistant",
            "assistantQuery",
            Some(json("{\"id\": 1}")),
            json!("{\"id\": 1}"),
        )
        .annotated("str"),
    ]
}
