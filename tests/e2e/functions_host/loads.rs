//! Which functions fit bindings of all types, and why others do not.

use funcdock_tests::functions_host::{assert_success, failure};
use funcdock_tests::{App, python};
use serde_json::{Value, json};

struct Case {
    name: &'static str,
    /// The bindings beside a trigger `start` of a type that no library knows: type, direction, name.
    bindings: Vec<(&'static str, &'static str, &'static str)>,
    /// The parameters beside `start`, and what is returned.
    signature: &'static str,
    /// What the error of the load contains; `None` for a function that is loaded.
    error: Option<&'static str>,
}

fn fits(
    name: &'static str,
    binding: (&'static str, &'static str, &'static str),
    signature: &'static str,
) -> Case {
    Case {
        name,
        bindings: vec![binding],
        signature,
        error: None,
    }
}

fn fails(
    name: &'static str,
    binding: (&'static str, &'static str, &'static str),
    signature: &'static str,
    error: &'static str,
) -> Case {
    Case {
        error: Some(error),
        ..fits(name, binding, signature)
    }
}

fn cases() -> Vec<Case> {
    let (queue, blob, table) = (
        ("queue", "out", "data"),
        ("blob", "in", "data"),
        ("table", "in", "data"),
    );
    vec![
        fits("plain", table, "data)"),
        fits("text", table, "data: str)"),
        fits("any", table, "data: typing.Any)"),
        fits("unknown", table, "data: 'NoSuchType')"),
        fits("client", ("durableClient", "in", "client"), "client: str) -> str"),
        fits(
            "documents",
            ("cosmosDB", "in", "data"),
            "data: func.DocumentList)",
        ),
        fits("document_text", ("cosmosDB", "in", "data"), "data: str)"),
        fits("stream", blob, "data: func.InputStream)"),
        fits("signalr", ("signalRConnectionInfo", "in", "data"), "data: str)"),
        fits("out_text", queue, "data: func.Out[str])"),
        fits("out_bytes", queue, "data: func.Out[bytes])"),
        fits(
            "out_messages",
            queue,
            "data: func.Out[typing.List[func.QueueMessage]])",
        ),
        fits("out_list", queue, "data: func.Out[typing.List[str]])"),
        fits(
            "out_document",
            ("cosmosDB", "out", "data"),
            "data: func.Out[func.Document])",
        ),
        fits("out_any", ("signalR", "out", "data"), "data: func.Out[dict])"),
        fits("keywords", table, "**others)"),
        fits("context", ("queue", "out", "context"), "context: func.Out[str])"),
        fails(
            "other_class",
            ("cosmosDB", "in", "data"),
            "data: func.QueueMessage)",
            "parameter 'data' is bound to a cosmosdb, which does not fit QueueMessage",
        ),
        fails(
            "generic_class",
            table,
            "data: func.QueueMessage)",
            "parameter 'data' is bound to a table, which does not fit QueueMessage: a generic binding takes str",
        ),
        fails(
            "out_class",
            ("cosmosDB", "out", "data"),
            "data: func.Out[func.QueueMessage])",
            "parameter 'data' is bound to a cosmosdb, which does not fit QueueMessage",
        ),
        fails(
            "in_as_out",
            blob,
            "data: func.Out[str])",
            "parameter 'data' has the direction \"in\" (blob), and cannot be annotated as func.Out",
        ),
        fails(
            "out_as_in",
            queue,
            "data: str)",
            "parameter 'data' is an output binding: annotate it as func.Out[...]",
        ),
        fails(
            "both_ways",
            ("blob", "inout", "data"),
            "data)",
            "the binding 'data' of function.json is of type 'blob', direction 'inout', which is not served",
        ),
        fails("unbound", table, "data, more)", "parameter 'more' has no binding"),
        fails(
            "not_taken",
            table,
            "*)",
            "function.json binds data, which the Python function does not take",
        ),
    ]
}

fn declare(app: App, case: &Case) -> App {
    let mut bindings = vec![json!({"type": "startTrigger", "direction": "in", "name": "start"})];
    bindings.extend(
        case.bindings
            .iter()
            .map(|(kind, direction, name)| json!({"type": kind, "direction": direction, "name": name})),
    );
    let signature = match case.signature.strip_prefix("*)") {
        Some(rest) => format!("start){rest}"),
        None => format!("start, {}", case.signature),
    };
    let code = format!(
        "import typing\n\nimport azure.functions as func\n\n\ndef main({signature}:\n    return None\n"
    );
    let declaration: Value = json!({ "bindings": bindings });
    app.file(&format!("{}/__init__.py", case.name), &code)
        .file(&format!("{}/function.json", case.name), &declaration.to_string())
}

#[test]
fn functions_fit_bindings_of_all_types_or_it_is_said_why_not() {
    let cases = cases();
    for (version, python) in python::oldest_and_newest() {
        let app = cases.iter().fold(App::case("functions_host_types"), declare);
        let mut host = app.python(python).under_functions_host();
        assert_success(host.init().result.as_ref(), &host);
        for case in &cases {
            let loaded = host.load(case.name);
            match case.error {
                None => assert_success(loaded.result.as_ref(), &host),
                Some(error) => {
                    let message = failure(loaded.result.as_ref());
                    assert!(message.contains(error), "{version} {}: {message}", case.name);
                }
            }
        }
    }
}
