//! Functions that code declares: how the host gets to know them, and what only they have.

use std::collections::HashMap;
use std::path::PathBuf;

use funcdock_rpc::messages::rpc_retry_options::RetryStrategy;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    CollectionModelBindingData, FunctionMetadataResponse, InvocationRequest, InvocationResponse,
    ModelBindingData, RetryContext, RpcException, RpcFunctionMetadata, RpcRetryOptions, RpcTraceContext,
    binding_info,
};
use funcdock_tests::functions_host::{FunctionsHost, assert_success, body, call, failure, get, http_of};
use funcdock_tests::{App, python};
use serde_json::{Value, json};

fn listed<'l>(list: &'l FunctionMetadataResponse, name: &str) -> &'l RpcFunctionMetadata {
    let mut functions = list.function_metadata_results.iter();
    let found = functions.find(|function| function.name == name);
    found.unwrap_or_else(|| panic!("{name:?} is not listed: {list:?}"))
}

fn raw(function: &RpcFunctionMetadata) -> Vec<Value> {
    let raw = function.raw_bindings.iter();
    raw.map(|raw| serde_json::from_str(raw).expect("JSON")).collect()
}

#[test]
fn functions_are_listed_with_their_declarations_and_policies() {
    for (version, python) in python::oldest_and_newest() {
        let mut host = App::case("functions_host_declared")
            .python(python)
            .env("AzureWebJobs.Renamed.Disabled", "true")
            .under_functions_host();
        assert_success(host.init().result.as_ref(), &host);
        let list = host.metadata();
        assert_success(list.result.as_ref(), &host);
        assert!(!list.use_default_metadata_indexing);
        let names: Vec<_> = list
            .function_metadata_results
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(names.len(), 7, "{version}: {names:?}");
        let hello = listed(&list, "hello");
        assert_eq!(hello.function_id, "4d71d03f-f19b-5d9e-8523-9628ba18063c");
        assert_eq!(
            raw(hello),
            [
                json!({"direction": "IN", "type": "httpTrigger", "name": "req", "methods": ["GET", "POST"],
                    "authLevel": "ANONYMOUS", "route": "hello/{name:int?}"}),
                json!({"direction": "OUT", "type": "http", "name": "$return"}),
            ],
            "{version}"
        );
        assert_eq!(hello.retry_options, None);
        // The host serves routes itself.
        assert_eq!(raw(listed(&list, "odd"))[0]["route"], "odd/{id:even}");
        assert!(listed(&list, "same").retry_options.is_some(), "{version}");
        assert_success(host.load("same").result.as_ref(), &host);
        // From another file; that it is disabled is the host's matter.
        let renamed = listed(&list, "Renamed");
        assert_eq!(
            (renamed.script_file.as_str(), renamed.entry_point.as_str()),
            ("function_app.py", "Renamed")
        );
        let folder = host.app().path().canonicalize().expect("a folder");
        assert_eq!(
            PathBuf::from(&renamed.directory).canonicalize().ok(),
            Some(folder)
        );
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let fixed = RpcRetryOptions {
            max_retry_count: 3,
            delay_interval: seconds(5),
            retry_strategy: RetryStrategy::FixedDelay.into(),
            ..RpcRetryOptions::default()
        };
        assert_eq!(renamed.retry_options, Some(fixed), "{version}");
        let exponential = RpcRetryOptions {
            max_retry_count: -1,
            minimum_interval: seconds(1),
            maximum_interval: seconds(600),
            retry_strategy: RetryStrategy::ExponentialBackoff.into(),
            ..RpcRetryOptions::default()
        };
        assert_eq!(
            listed(&list, "every_five").retry_options,
            Some(exponential),
            "{version}"
        );
        let generic = listed(&list, "generic");
        assert_eq!(
            (
                generic.bindings["item"].data_type(),
                generic.bindings["$return"].data_type()
            ),
            (binding_info::DataType::Binary, binding_info::DataType::Undefined)
        );
        // One that cannot be loaded takes no others with it.
        assert_eq!(listed(&list, "broken").raw_bindings.len(), 2);
        let refused = host.load("broken");
        let message = failure(refused.result.as_ref());
        assert!(
            message.contains("function 'broken': parameter 'nothing' has no binding"),
            "{version}: {message}"
        );
        assert_success(host.load("Renamed").result.as_ref(), &host);
    }
}

#[test]
fn the_context_has_what_the_host_says_of_the_trace_and_of_retries() {
    let mut host = App::case("functions_host_declared")
        .under_functions_host()
        .with_functions(&["hello"]);
    let request = || {
        call(
            "hello",
            &[("req", Data::Http(Box::new(get("http://localhost/"))))],
        )
    };
    let found = |response: &InvocationResponse| -> Value {
        serde_json::from_slice(body(http_of(response))).expect("JSON")
    };
    let directory = host.app().path().canonicalize().expect("a folder");
    let first = found(&host.invoke(request()));
    assert_eq!(
        first,
        json!({"attributes": {}, "same": true, "parent": "", "retry": [0, 0], "message": null, "same_exception": true,
            "directory": directory.display().to_string()})
    );
    let retried = InvocationRequest {
        trace_context: Some(RpcTraceContext {
            trace_parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            trace_state: String::new(),
            attributes: HashMap::from([("Category".to_owned(), "Function.hello".to_owned())]),
        }),
        retry_context: Some(RetryContext {
            retry_count: 1,
            max_retry_count: -1,
            exception: Some(RpcException {
                source: "System.Private.CoreLib".to_owned(),
                message: "Result: Failure".to_owned(),
                ..RpcException::default()
            }),
        }),
        ..request()
    };
    let retried = found(&host.invoke(retried));
    assert_eq!(retried["attributes"], json!({"Category": "Function.hello"}));
    assert_eq!(
        (&retried["retry"], &retried["message"]),
        (&json!([1, -1]), &json!("Result: Failure"))
    );
    // The attributes alone leave the caller's own trace.
    let mut http = get("http://localhost/");
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-01";
    http.headers.insert("traceparent".to_owned(), parent.to_owned());
    let callers = InvocationRequest {
        trace_context: Some(RpcTraceContext::default()),
        ..call("hello", &[("req", Data::Http(Box::new(http)))])
    };
    assert_eq!(found(&host.invoke(callers))["parent"], parent);
}

fn reference(source: &str, content_type: &str, content: &'static [u8]) -> ModelBindingData {
    ModelBindingData {
        version: "1.0".to_owned(),
        source: source.to_owned(),
        content_type: content_type.to_owned(),
        content: content.into(),
    }
}

fn blob(content: &'static [u8]) -> Data {
    Data::ModelBindingData(reference("AzureStorageBlobs", "application/json", content))
}

fn value(response: &InvocationResponse, host: &FunctionsHost) -> Option<Data> {
    assert_success(response.result.as_ref(), host);
    response
        .return_value
        .as_ref()
        .and_then(|value| value.data.clone())
}

#[test]
fn clients_of_azures_own_library_are_made_from_references() {
    let packages = ["azure-functions", "azurefunctions-extensions-bindings-blob"];
    let storage =
        "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a";
    let mut host = App::case("functions_host_clients")
        .python(python::with("storage-clients", &packages))
        .env("C", storage)
        .under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let list = host.metadata();
    let deferred = |name: &str| -> Vec<Value> {
        let raw = raw(listed(&list, name));
        raw.iter()
            .map(|raw| raw["properties"]["SupportsDeferredBinding"].clone())
            .collect()
    };
    assert_eq!(deferred("client"), [json!(false), json!(true)]);
    assert_eq!(deferred("container"), [json!(false), json!(true), json!(false)]);
    assert_eq!(deferred("one_message"), [json!(false), json!(true)]);
    assert_eq!(deferred("messages"), [json!(false), json!(true)]);
    let trigger = &listed(&list, "client").bindings["client"];
    assert_eq!(trigger.data_type(), binding_info::DataType::Undefined);
    for name in ["client", "container", "one_message", "messages"] {
        assert_success(host.load(name).result.as_ref(), &host);
    }
    let refused = host.load("wrong");
    let message = failure(refused.result.as_ref());
    assert!(
        message.contains("parameter 'message' is bound to a queuetrigger, for which no package"),
        "{message}"
    );

    let one = br#"{"Connection": "C", "ContainerName": "samples", "BlobName": "one"}"#;
    for _ in 0..2 {
        let response = host.invoke(call("client", &[("client", blob(one))]));
        assert_success(response.result.as_ref(), &host);
        let output = &response.output_data[0];
        assert_eq!(
            format!("{:?}", output.rpc_data)
                .matches("samples/one True")
                .count(),
            1,
            "{output:?}"
        );
    }
    let start = ("start", Data::Bytes("x".into()));
    let response = host.invoke(call("container", &[start.clone(), ("container", blob(one))]));
    assert_eq!(value(&response, &host), Some(Data::String("samples".to_owned())));
    let response = host.invoke(call("container", std::slice::from_ref(&start)));
    assert_eq!(
        value(&response, &host),
        Some(Data::String("none".to_owned())),
        "no data is None"
    );
    let response = host.invoke(call(
        "container",
        &[start, ("container", Data::String("x".to_owned()))],
    ));
    let message = failure(response.result.as_ref());
    assert!(
        message.starts_with("TypeError: the binding 'container' (blob) of function 'container' brought data of the form string"),
        "{message}"
    );

    let message = |content| {
        reference(
            "AzureServiceBusReceivedMessage",
            "application/octet-stream",
            content,
        )
    };
    let response = host.invoke(call(
        "one_message",
        &[("message", Data::ModelBindingData(message(b"x")))],
    ));
    let shown =
        |content: &str| format!("AzureServiceBusReceivedMessage 1.0 application/octet-stream {content}");
    let expected = json!([shown("x"), "a client"]).to_string().replace(',', ", ");
    assert_eq!(value(&response, &host), Some(Data::Json(expected)));
    let both = CollectionModelBindingData {
        model_binding_data: vec![message(b"x"), message(b"y")],
    };
    let response = host.invoke(call(
        "messages",
        &[("messages", Data::CollectionModelBindingData(both))],
    ));
    let expected = json!([shown("x"), shown("y")]).to_string().replace(',', ", ");
    assert_eq!(value(&response, &host), Some(Data::Json(expected)));
}

#[test]
fn the_library_for_durable_functions_works() {
    let packages = ["azure-functions", "azure-functions-durable"];
    let mut host = App::case("functions_host_durable")
        .python(python::with("durable", &packages))
        .under_functions_host()
        .with_functions(&["start", "greet", "hello", "counter"]);
    let urls = json!({
        "taskHubName": "hub", "creationUrls": {"createNewInstancePostUri": "http://localhost/create"},
        "managementUrls": {"id": "INSTANCEID", "statusQueryGetUri": "http://localhost/status"},
        "baseUrl": "http://localhost", "requiredQueryStringParameters": "code=1", "rpcBaseUrl": "http://localhost/rpc",
    });
    let inputs = [
        ("req", Data::Http(Box::new(get("http://localhost/api/start")))),
        ("client", Data::String(urls.to_string())),
    ];
    let response = host.invoke(call("start", &inputs));
    assert_success(response.result.as_ref(), &host);
    assert_eq!(body(http_of(&response)), b"DurableOrchestrationClient 7");

    let response = host.invoke(call("hello", &[("name", Data::String("\"Ada\"".to_owned()))]));
    assert_eq!(
        value(&response, &host),
        Some(Data::Json("\"Hello, Ada!\"".to_owned()))
    );

    let started = |kind: u32| json!({"EventType": kind, "EventId": -1, "IsPlayed": false, "Timestamp": "2024-10-01T10:00:00Z"});
    let mut execution = started(0);
    execution["Name"] = json!("greet");
    execution["Version"] = json!("");
    let context = json!({
        "history": [started(12), execution], "input": null, "instanceId": "i", "isReplaying": false,
        "parentInstanceId": null, "upperSchemaVersion": 2,
    });
    let response = host.invoke(call("greet", &[("context", Data::String(context.to_string()))]));
    let Some(Data::Json(state)) = value(&response, &host) else {
        panic!("{response:?}\n{}", host.output());
    };
    let state: Value = serde_json::from_str(&state).expect("JSON");
    assert_eq!(
        (&state["isDone"], &state["actions"][0][0]["functionName"]),
        (&json!(false), &json!("hello")),
        "{state}"
    );

    let context = json!({
        "self": {"name": "counter", "key": "k"}, "exists": true, "state": "3",
        "batch": [{"name": "add", "id": "1", "signal": false, "input": "\"2\""}],
    });
    let response = host.invoke(call("counter", &[("context", Data::String(context.to_string()))]));
    let Some(Data::Json(state)) = value(&response, &host) else {
        panic!("{response:?}\n{}", host.output());
    };
    let state: Value = serde_json::from_str(&state).expect("JSON");
    assert_eq!(
        (&state["entityExists"], &state["entityState"]),
        (&json!(true), &json!("5")),
        "{state}"
    );
}

#[test]
fn a_declaration_that_cannot_be_read_fails_alone() {
    let mut host = App::case("functions_host_v1")
        .file("odd/__init__.py", "def main(req):\n    return 'never'\n")
        .file(
            "odd/function.json",
            r#"{"bindings": [{"type": "queue", "direction": "out", "name": "out"}]}"#,
        )
        .under_functions_host()
        .with_functions(&["hello"]);
    let odd = host.load("odd");
    assert_eq!(
        failure(odd.result.as_ref()),
        "cannot load the function \"odd\": odd/function.json:1: bindings: expected exactly one trigger (a binding with a \
         type that ends in \"Trigger\"), found none"
    );
}
