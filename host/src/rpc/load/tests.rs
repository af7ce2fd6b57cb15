use serde_json::json;

use super::*;

fn binding(declaration: Value, data_type: Option<DataType>) -> Binding {
    let text = |key: &str| declaration[key].as_str().unwrap_or_default().to_owned();
    Binding {
        name: text("name"),
        kind: text("type"),
        direction: match text("direction").as_str() {
            "OUT" => Direction::Out,
            _ => Direction::In,
        },
        data_type,
        settings: crate::model::BindingSettings::Other,
        properties: declaration.as_object().cloned().unwrap_or_default(),
    }
}

fn function(bindings: Vec<Binding>, retry: Option<RetryPolicy>) -> FunctionDefinition {
    FunctionDefinition {
        name: "hello".into(),
        directory: "/app".into(),
        script_file: "/app/blueprints/one.py".into(),
        entry_point: "hello".into(),
        bindings,
        retry,
    }
}

#[test]
fn a_function_is_listed_as_hosts_know_it() {
    let trigger = json!({"direction": "IN", "type": "queueTrigger", "name": "msg", "dataType": "BINARY", "queueName": "q"});
    let output = json!({"direction": "OUT", "type": "queue", "name": "$return", "queueName": "o"});
    let bindings = vec![
        binding(trigger.clone(), Some(DataType::Binary)),
        binding(output.clone(), None),
    ];
    let listed = metadata(&function(bindings, None), "function_app.py");
    assert_eq!(listed.function_id, "4d71d03f-f19b-5d9e-8523-9628ba18063c");
    assert_eq!(
        (
            listed.directory.as_str(),
            listed.script_file.as_str(),
            listed.entry_point.as_str()
        ),
        ("/app", "function_app.py", "hello")
    );
    assert_eq!(listed.raw_bindings, [trigger.to_string(), output.to_string()]);
    let trigger = &listed.bindings["msg"];
    assert_eq!(
        (trigger.r#type.as_str(), trigger.direction()),
        ("queueTrigger", binding_info::Direction::In)
    );
    assert_eq!(trigger.data_type(), binding_info::DataType::Binary);
    assert_eq!(
        listed.bindings["$return"].direction(),
        binding_info::Direction::Out
    );
    assert_eq!(listed.retry_options, None);
    assert_eq!(listed.properties["worker_indexed"], "True");
}

#[test]
fn bindings_say_whether_the_host_is_to_send_only_where_data_are() {
    let client = json!({"direction": "IN", "type": "blobTrigger", "name": "client", "path": "a/{name}"});
    let output = json!({"direction": "OUT", "type": "queue", "name": "out", "properties": {"mine": 1}});
    let bindings = [binding(client, Some(DataType::Reference)), binding(output, None)];
    let raw: Vec<Value> = raw_bindings(&bindings)
        .iter()
        .map(|raw| serde_json::from_str(raw).expect("JSON"))
        .collect();
    assert_eq!(raw[0]["properties"], json!({"SupportsDeferredBinding": true}));
    assert_eq!(
        raw[1]["properties"],
        json!({"mine": 1, "SupportsDeferredBinding": false})
    );
}

#[test]
fn retry_policies_are_those_of_the_protocol() {
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let fixed = RetryPolicy {
        max: Some(3),
        strategy: RetryStrategy::Fixed {
            delay: Duration::from_secs(5),
        },
    };
    let listed = metadata(&function(Vec::new(), Some(fixed)), "")
        .retry_options
        .expect("a policy");
    assert_eq!((listed.max_retry_count, listed.delay_interval), (3, seconds(5)));
    assert_eq!(listed.retry_strategy(), RpcRetryStrategy::FixedDelay);
    let exponential = RetryPolicy {
        max: None,
        strategy: RetryStrategy::Exponential {
            min: Duration::from_secs(1),
            max: Duration::from_secs(600),
        },
    };
    let listed = retry_options(&exponential);
    assert_eq!(
        (listed.max_retry_count, listed.retry_strategy()),
        (-1, RpcRetryStrategy::ExponentialBackoff)
    );
    assert_eq!(
        (listed.minimum_interval, listed.maximum_interval),
        (seconds(1), seconds(600))
    );
}
