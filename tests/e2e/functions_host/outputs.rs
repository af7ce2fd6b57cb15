//! What the host gets of what functions put out, for each type of binding.

use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{InvocationResponse, TypedData};
use funcdock_tests::functions_host::{call, failure};
use funcdock_tests::{App, python};
use serde_json::json;

/// What a function puts out.
struct Case {
    name: &'static str,
    /// The output binding's type; none if it is empty.
    kind: &'static str,
    /// What an `Out` holds, or the annotation of what is returned; may be empty.
    annotation: &'static str,
    /// Python's expression for the value.
    value: &'static str,
    /// What the host gets, or the error of the call.
    expected: Result<Option<Data>, &'static str>,
}

fn case(name: &'static str, kind: &'static str, value: &'static str, expected: Option<Data>) -> Case {
    Case {
        name,
        kind,
        annotation: "",
        value,
        expected: Ok(expected),
    }
}

fn refused(name: &'static str, kind: &'static str, value: &'static str, error: &'static str) -> Case {
    Case {
        expected: Err(error),
        ..case(name, kind, value, None)
    }
}

impl Case {
    fn annotated(mut self, annotation: &'static str) -> Self {
        self.annotation = annotation;
        self
    }
}

fn text(text: &str) -> Option<Data> {
    Some(Data::String(text.to_owned()))
}

fn json(text: &str) -> Option<Data> {
    Some(Data::Json(text.to_owned()))
}

fn bytes(bytes: &'static [u8]) -> Option<Data> {
    Some(Data::Bytes(bytes.into()))
}

fn of_out() -> Vec<Case> {
    vec![
        case("queue_text", "queue", "'hä'", text("hä")),
        case("queue_bytes", "queue", "b'\\0\\xff'", bytes(b"\0\xff")),
        case(
            "queue_message",
            "queue",
            "func.QueueMessage(id='1', body='x')",
            json(r#"{"id": "1", "body": "x"}"#),
        ),
        case(
            "queue_annotated",
            "queue",
            "[func.QueueMessage(body='x'), func.QueueMessage(body='y')]",
            json(r#"[{"id": null, "body": "x"}, {"id": null, "body": "y"}]"#),
        )
        .annotated("typing.List[func.QueueMessage]"),
        case("queue_list", "queue", "['x', 'y']", json(r#"["x", "y"]"#)),
        case("queue_str_list", "queue", "['x', 'y']", json(r#"["x", "y"]"#)).annotated("str"),
        case(
            "queue_str_message",
            "queue",
            "func.QueueMessage(body='x')",
            json(r#"{"id": null, "body": "x"}"#),
        )
        .annotated("str"),
        case("queue_object", "queue", "{'a': 1}", json(r#"{"a": 1}"#)),
        refused(
            "queue_set",
            "queue",
            "{1}",
            "TypeError: function 'queue_set' gave set to the binding 'out' (queue), which does not take it",
        ),
        case("blob_text", "blob", "'x'", text("x")),
        case("blob_bytes", "blob", "bytearray(b'x')", bytes(b"x")),
        case("blob_file", "blob", "io.BytesIO(b'x')", bytes(b"x")),
        refused(
            "blob_number",
            "blob",
            "7",
            "TypeError: function 'blob_number' gave int to the binding 'out' (blob), which does not take it",
        ),
        case("hub_text", "eventHub", "'x'", text("x")),
        case("hub_list", "eventHub", "['x', 'y']", json(r#"["x", "y"]"#)),
        refused(
            "hub_object",
            "eventHub",
            "{'a': 1}",
            "TypeError: function 'hub_object' gave dict to the binding 'out' (eventhub), which does not take it",
        ),
        case("bus_bytes", "serviceBus", "b'x'", bytes(b"x")),
        case(
            "cosmos_one",
            "cosmosDB",
            "func.Document.from_dict({'id': '1'})",
            json(r#"[{"id": "1"}]"#),
        )
        .annotated("func.Document"),
        case(
            "cosmos_many",
            "cosmosDB",
            "func.DocumentList([func.Document.from_dict({'id': '1'}), func.Document.from_dict({'id': '2'})])",
            json(r#"[{"id": "1"}, {"id": "2"}]"#),
        ),
        refused(
            "cosmos_object",
            "cosmosDB",
            "{'id': '1'}",
            "TypeError: function 'cosmos_object' gave dict to the binding 'out' (cosmosdb), which does not take it",
        ),
        case(
            "sql",
            "sql",
            "func.SqlRow.from_dict({'id': 1})",
            json(r#"[{"id": 1}]"#),
        ),
        case(
            "grid",
            "eventGrid",
            "func.EventGridOutputEvent(id='1', data={'a': 1}, subject='s', event_type='e', \
             event_time=datetime.datetime(2024, 10, 1), data_version='2')",
            json(
                r#"{"id": "1", "subject": "s", "dataVersion": "2", "eventType": "e", "data": {"a": 1}, "eventTime": "2024-10-01T00:00:00"}"#,
            ),
        ),
        case("kafka", "kafka", "'x'", text("x")),
        case(
            "signalr",
            "signalR",
            "json.dumps({'target': 't'})",
            text(r#"{"target": "t"}"#),
        )
        .annotated("str"),
        case("table", "table", "{'RowKey': '1'}", json(r#"{"RowKey": "1"}"#)),
        case("generic_int", "something", "7", Some(Data::Int(7))),
        case(
            "generic_long",
            "something",
            "1 << 70",
            json("1180591620717411303424"),
        ),
        case("generic_float", "something", "1.5", Some(Data::Double(1.5))),
        case("generic_true", "something", "True", Some(Data::Int(1))),
        case("generic_list", "something", "[1, '2']", json(r#"[1, "2"]"#)),
        case("generic_none", "something", "None", None),
        refused(
            "generic_set",
            "something",
            "{1}",
            "TypeError: function 'generic_set' gave set to the binding 'out' (something), which does not take it",
        ),
        refused(
            "generic_json",
            "something",
            "{'a': {1}}",
            "ValueError: function 'generic_json' gave dict to the binding 'out' (something), which does not take it: \
             TypeError: Object of type set is not JSON serializable",
        ),
    ]
}

/// Functions with this trigger, which return the value. `kind` is the type of `$return`, if there is such a binding.
fn of_return() -> Vec<(&'static str, Case)> {
    let unbound = "TypeError: function 'unbound' returned str, which no binding takes: declare one named \"$return\", \
                   or return None";
    vec![
        (
            "queueTrigger",
            case("to_queue", "queue", "['x']", json(r#"["x"]"#)),
        ),
        ("queueTrigger", case("to_queue_none", "queue", "None", None)),
        (
            "queueTrigger",
            case("to_queue_annotated", "queue", "'x'", text("x")).annotated("str"),
        ),
        ("queueTrigger", refused("unbound", "", "'x'", unbound)),
        ("queueTrigger", case("unbound_none", "", "None", None)),
        (
            "timerTrigger",
            case("to_something", "something", "{'a': 1}", json(r#"{"a": 1}"#)),
        ),
        (
            "activityTrigger",
            case("activity", "", "{'a': [1]}", json(r#"{"a": [1]}"#)),
        ),
        (
            "activityTrigger",
            case("activity_annotated", "", "'x'", json(r#""x""#)).annotated("str"),
        ),
        ("activityTrigger", case("activity_none", "", "None", json("null"))),
        (
            "activityTrigger",
            refused(
                "activity_set",
                "",
                "{1}",
                "ValueError: function 'activity_set' gave set to the binding '$return' (activitytrigger), which does not \
                 take it: ValueError: activity trigger output must be json serializable ({1})",
            ),
        ),
        (
            "orchestrationTrigger",
            case(
                "orchestration",
                "",
                "json.dumps({'isDone': True})",
                json(r#"{"isDone": true}"#),
            ),
        ),
        (
            "orchestrationTrigger",
            refused(
                "orchestration_object",
                "",
                "{'isDone': True}",
                "TypeError: function 'orchestration_object' gave dict to the binding '$return' (orchestrationtrigger), \
                 which does not take it: it takes JSON as text",
            ),
        ),
        ("entityTrigger", case("entity", "", "'{}'", json("{}"))),
        ("somethingTrigger", case("implied", "", "b'x'", bytes(b"x"))),
        ("somethingTrigger", case("implied_none", "", "None", None)),
        (
            "somethingTrigger",
            case("implied_object", "", "{'a': 1}", json(r#"{"a": 1}"#)),
        ),
        (
            "somethingTrigger",
            case(
                "explicit",
                "queue",
                "func.QueueMessage(id='1', body='x')",
                json(r#"{"id": "1", "body": "x"}"#),
            ),
        ),
    ]
}

/// Declares a function with this trigger, which puts the value into its only output.
fn declare(app: App, trigger: &str, case: &Case, is_return: bool) -> App {
    let mut bindings = vec![json!({"type": trigger, "direction": "in", "name": "start"})];
    let name = if is_return { "$return" } else { "out" };
    if !case.kind.is_empty() {
        bindings.push(json!({"type": case.kind, "direction": "out", "name": name}));
    }
    let (signature, body) = match (is_return, case.annotation) {
        (true, "") => ("(start)".to_owned(), format!("return {}", case.value)),
        (true, annotation) => (
            format!("(start) -> {annotation}"),
            format!("return {}", case.value),
        ),
        (false, "") => ("(start, out)".to_owned(), format!("out.set({})", case.value)),
        (false, annotation) => (
            format!("(start, out: func.Out[{annotation}])"),
            format!("out.set({})", case.value),
        ),
    };
    let imports =
        "import datetime\nimport io\nimport json\nimport typing\n\nimport azure.functions as func\n";
    let code = format!("{imports}\n\ndef main{signature}:\n    {body}\n");
    app.file(&format!("{}/__init__.py", case.name), &code).file(
        &format!("{}/function.json", case.name),
        &json!({ "bindings": bindings }).to_string(),
    )
}

/// The trigger's data that its converter takes.
fn start(trigger: &str) -> Data {
    match trigger {
        "timerTrigger" => Data::Json("{}".to_owned()),
        _ => Data::String("{}".to_owned()),
    }
}

/// Returns what is wrong with the response; `None` if it is as expected.
fn problem(case: &Case, response: &InvocationResponse, found: Option<Data>) -> Option<String> {
    match &case.expected {
        Ok(expected) => {
            let status = response.result.as_ref().map(|result| result.status);
            let ok = status == Some(1) && found == *expected;
            (!ok).then(|| format!("{found:?} and not {expected:?}: {:?}", response.result))
        }
        Err(error) => {
            let message = failure(response.result.as_ref());
            (!message.starts_with(error)).then(|| message.to_owned())
        }
    }
}

fn data(typed: Option<TypedData>) -> Option<Data> {
    typed.and_then(|typed| typed.data)
}

fn out_of(response: &InvocationResponse) -> Option<Data> {
    let output = response.output_data.first()?;
    assert_eq!((response.output_data.len(), output.name.as_str()), (1, "out"));
    match &output.rpc_data {
        Some(RpcData::Data(typed)) => typed.data.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_type_of_binding_gets_what_its_converter_makes() {
    let (outs, returns) = (of_out(), of_return());
    for (version, python) in python::oldest_and_newest() {
        let app = App::case("functions_host_types").python(python);
        let app = outs
            .iter()
            .fold(app, |app, case| declare(app, "somethingTrigger", case, false));
        let app = returns
            .iter()
            .fold(app, |app, (trigger, case)| declare(app, trigger, case, true));
        let names = outs.iter().map(|case| case.name);
        let names: Vec<_> = names.chain(returns.iter().map(|(_, case)| case.name)).collect();
        let mut host = app.under_functions_host().with_functions(&names);
        let mut problems = Vec::new();
        for case in &outs {
            let response = host.invoke(call(case.name, &[("start", start(""))]));
            let problem = problem(case, &response, out_of(&response));
            problems.extend(problem.map(|problem| format!("{}: {problem}", case.name)));
        }
        for (trigger, case) in &returns {
            let response = host.invoke(call(case.name, &[("start", start(trigger))]));
            let problem = problem(case, &response, data(response.return_value.clone()));
            problems.extend(problem.map(|problem| format!("{}: {problem}", case.name)));
        }
        assert!(problems.is_empty(), "{version}:\n{}", problems.join("\n"));
    }
}
