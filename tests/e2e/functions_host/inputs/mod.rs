//! What functions get of each type of binding, from what the host sends of it: the cases are in a file for each family.

mod documents;
mod durable;
mod generic;
mod messages;
mod storage;

use std::collections::HashMap;

use bytes::Bytes;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    CollectionBytes, CollectionSInt64, CollectionString, InvocationRequest, InvocationResponse,
};
use funcdock_tests::functions_host::{call, failure, typed};
use funcdock_tests::{App, python};
use serde_json::{Value, json};

/// An input of a function, and what the function gets.
struct Case {
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
    let cases: Vec<_> = [
        storage::queue(),
        storage::blob(),
        messages::cases(),
        documents::cases(),
        durable::cases(),
        generic::cases(),
    ]
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
