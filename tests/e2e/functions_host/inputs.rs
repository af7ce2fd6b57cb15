//! What functions get of each type of binding, from what the host sends of it.

use std::collections::HashMap;

use bytes::Bytes;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    CollectionBytes, CollectionDouble, CollectionSInt64, CollectionString, InvocationRequest,
    InvocationResponse, ModelBindingData,
};
use funcdock_tests::functions_host::{call, failure, typed};
use funcdock_tests::{App, python};
use serde_json::{Value, json};

/// An input of a function, and what the function gets.
pub(super) struct Case {
    /// The function's name.
    name: &'static str,
    /// The binding's type.
    kind: &'static str,
    /// The annotation of the parameter; may be empty.
    annotation: &'static str,
    data: Option<Data>,
    metadata: Vec<(&'static str, Data)>,
    /// What the function describes, or the error of the call.
    expected: Result<Value, &'static str>,
}

fn case(name: &'static str, kind: &'static str, data: Option<Data>, expected: Value) -> Case {
    Case {
        name,
        kind,
        annotation: "",
        data,
        metadata: Vec::new(),
        expected: Ok(expected),
    }
}

fn refused(name: &'static str, kind: &'static str, data: Option<Data>, error: &'static str) -> Case {
    Case {
        expected: Err(error),
        ..case(name, kind, data, Value::Null)
    }
}

impl Case {
    fn with(mut self, metadata: &[(&'static str, Data)]) -> Self {
        self.metadata = metadata.to_vec();
        self
    }

    fn annotated(mut self, annotation: &'static str) -> Self {
        self.annotation = annotation;
        self
    }
}

fn text(text: &str) -> Data {
    Data::String(text.to_owned())
}

fn json(text: &str) -> Data {
    Data::Json(text.to_owned())
}

fn bytes(bytes: &'static [u8]) -> Data {
    Data::Bytes(Bytes::from_static(bytes))
}

fn texts(all: &[&str]) -> Data {
    let string = all.iter().map(|text| (*text).to_owned()).collect();
    Data::CollectionString(CollectionString { string })
}

fn byte_strings(all: &[&'static [u8]]) -> Data {
    let bytes = all.iter().map(|bytes| Bytes::from_static(bytes)).collect();
    Data::CollectionBytes(CollectionBytes { bytes })
}

fn numbers(all: &[i64]) -> Data {
    Data::CollectionSint64(CollectionSInt64 { sint64: all.to_vec() })
}

fn queue() -> Vec<Case> {
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

fn blob() -> Vec<Case> {
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

fn messages() -> Vec<Case> {
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

fn documents() -> Vec<Case> {
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

fn durable() -> Vec<Case> {
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

fn others() -> Vec<Case> {
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

/// Declares a function whose trigger, or whose input beside another trigger, is that of the case.
fn declare(app: App, case: &Case) -> App {
    let is_trigger = case.kind.ends_with("Trigger");
    let mut bindings = vec![
        json!({"type": case.kind, "direction": "in", "name": "data"}),
        json!({"type": "something", "direction": "out", "name": "$return"}),
    ];
    let mut parameters = match case.annotation {
        "" => "data".to_owned(),
        annotation => format!("data: {annotation}"),
    };
    if !is_trigger {
        bindings.push(json!({"type": "startTrigger", "direction": "in", "name": "start"}));
        parameters.push_str(", start");
    }
    let code = format!(
        "import azure.functions as func\nfrom shown import text\n\n\ndef main({parameters}):\n    return text(data)\n"
    );
    app.file(&format!("{}/__init__.py", case.name), &code).file(
        &format!("{}/function.json", case.name),
        &json!({ "bindings": bindings }).to_string(),
    )
}

fn request(case: &Case) -> InvocationRequest {
    let inputs: Vec<_> = case.data.iter().map(|data| ("data", data.clone())).collect();
    let metadata = case.metadata.iter();
    InvocationRequest {
        trigger_metadata: metadata
            .map(|(name, data)| ((*name).to_owned(), typed(data.clone())))
            .collect::<HashMap<_, _>>(),
        ..call(case.name, &inputs)
    }
}

/// Returns what is wrong with the response; `None` if it is as expected.
fn problem(case: &Case, response: &InvocationResponse) -> Option<String> {
    let expected = match &case.expected {
        Ok(expected) => expected,
        Err(error) => {
            let message = failure(response.result.as_ref());
            return (!message.starts_with(error)).then(|| message.to_owned());
        }
    };
    let returned = response
        .return_value
        .as_ref()
        .and_then(|value| value.data.as_ref());
    let found: Value = match returned {
        Some(Data::String(text)) => serde_json::from_str(text).expect("JSON"),
        other => return Some(format!("{other:?}, {:?}", response.result)),
    };
    (found != *expected).then(|| format!("{found}\nand not\n{expected}"))
}

#[test]
fn each_type_of_binding_is_what_its_converter_makes_of_it() {
    let cases: Vec<_> = [queue(), blob(), messages(), documents(), durable(), others()]
        .into_iter()
        .flatten()
        .collect();
    for (version, python) in python::oldest_and_newest() {
        let app = App::case("functions_host_types").python(python);
        let app = cases.iter().fold(app, declare);
        let names: Vec<_> = cases.iter().map(|case| case.name).collect();
        let mut host = app.under_functions_host().with_functions(&names);
        let problems: Vec<_> = cases
            .iter()
            .filter_map(|case| {
                let problem = problem(case, &host.invoke(request(case)))?;
                Some(format!("{}: {problem}", case.name))
            })
            .collect();
        assert!(problems.is_empty(), "{version}:\n{}", problems.join("\n"));
    }
}
