//! Python's `logging` in Application Insights: messages and exceptions, with the call and the span that each belongs to.

mod destinations;

use funcdock_tests::ingestion::Ingestion;
use funcdock_tests::{App, Host, Stopped, python};
use serde_json::{Value, json};

const CONNECTION: &str = "APPLICATIONINSIGHTS_CONNECTION_STRING";
const MESSAGE: &str = "MessageData";
const EXCEPTION: &str = "ExceptionData";

/// Returns an app that logs, with these settings of the extension, a connection string, and other sections of host.json.
fn app(insights: &Ingestion, settings: &Value, sections: &Value) -> App {
    let mut host = json!({
        "version": "2.0",
        "workerExtensions": { "opencensus": { "settings": settings } },
    });
    let (Some(host_json), Some(sections)) = (host.as_object_mut(), sections.as_object()) else {
        panic!("sections are an object: {sections}");
    };
    host_json.extend(sections.clone());
    App::case("insights")
        .file("host.json", &host.to_string())
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .env(CONNECTION, insights.connection_string())
}

/// Calls a function, and returns what it answers: the id of the call.
#[track_caller]
fn call(host: &Host, path: &str) -> String {
    let answer = host.get(&format!("/api/{path}"));
    assert_eq!(answer.status, 200, "{path}\n{}", host.output());
    answer.text()
}

/// Stops the host, which exports all that waits. Returns the items that arrived.
#[track_caller]
fn stop(host: Host, insights: &Ingestion) -> (Stopped, Vec<Value>) {
    let stopped = host.stop();
    stopped.assert_clean();
    (stopped, insights.envelopes())
}

fn data(item: &Value) -> &Value {
    &item["data"]["baseData"]
}

/// Returns the items of a type.
fn of_type<'a>(items: &'a [Value], name: &str) -> Vec<&'a Value> {
    items
        .iter()
        .filter(|item| item["data"]["baseType"] == name)
        .collect()
}

/// Returns the texts of the messages, in order of arrival.
fn texts(items: &[Value]) -> Vec<&str> {
    let messages = of_type(items, MESSAGE).into_iter();
    messages
        .map(|item| data(item)["message"].as_str().unwrap_or_default())
        .collect()
}

/// Returns the only message with this text.
#[track_caller]
fn message<'a>(items: &'a [Value], text: &str) -> &'a Value {
    let found: Vec<_> = of_type(items, MESSAGE)
        .into_iter()
        .filter(|item| data(item)["message"] == text)
        .collect();
    let [message] = found[..] else {
        panic!("{} messages {text:?} in {items:#?}", found.len());
    };
    message
}

/// Returns the only item of a type.
#[track_caller]
fn only<'a>(items: &'a [Value], name: &str) -> &'a Value {
    let [item] = of_type(items, name)[..] else {
        panic!("not one {name} in {items:#?}");
    };
    item
}

#[test]
fn records_are_messages_of_their_call() {
    for (version, python) in python::oldest_and_newest() {
        let insights = Ingestion::start();
        let debug = json!({ "logging": { "logLevel": { "Function": "Debug" } } });
        let host = app(&insights, &json!({ "service_name": "shop" }), &debug)
            .python(python)
            .start();
        let invocation = call(&host, "levels");
        let (_, items) = stop(host, &insights);
        let request = only(&items, "RequestData");
        for (level, severity, name) in [
            (10, 0, "Debug"),
            (20, 1, "Information"),
            (30, 2, "Warning"),
            (40, 3, "Error"),
            (50, 4, "Critical"),
        ] {
            let item = message(&items, &format!("at {level}"));
            let (tags, data) = (&item["tags"], data(item));
            assert_eq!(data["severityLevel"], severity, "{version}: {item:#}");
            assert_eq!(
                tags["ai.operation.id"], request["tags"]["ai.operation.id"],
                "{version}"
            );
            assert_eq!(
                tags["ai.operation.parentId"], request["data"]["baseData"]["id"],
                "{version}"
            );
            assert_eq!(tags["ai.operation.name"], "levels");
            assert_eq!(tags["ai.cloud.role"], "shop");
            assert_eq!(
                tags["ai.cloud.roleInstance"],
                request["tags"]["ai.cloud.roleInstance"]
            );
            assert_eq!(item["iKey"], request["iKey"]);
            let properties = &data["properties"];
            assert_eq!(properties["InvocationId"], invocation);
            assert_eq!(properties["Category"], "Function.levels.User");
            assert_eq!(properties["LogLevel"], name);
            assert_eq!(properties["LoggerName"], "root");
            assert!(properties["HostInstanceId"].is_string(), "{properties}");
            assert!(
                properties["code.file.path"]
                    .as_str()
                    .is_some_and(|path| path.ends_with("levels/__init__.py")),
                "{properties}"
            );
        }
        assert_eq!(
            texts(&items)
                .iter()
                .filter(|text| text.starts_with("at "))
                .count(),
            5,
            "{version}"
        );
        assert_eq!(data(request)["properties"]["InvocationId"], invocation);
    }
}

#[test]
fn what_the_log_leaves_out_is_not_sent() {
    for (levels, path, expected) in [
        (json!({}), "levels", &["at 20", "at 30", "at 40", "at 50"][..]),
        (json!({ "default": "Error" }), "levels", &["at 40", "at 50"]),
        // Python makes the records of less, for other functions.
        (
            json!({ "Function.levels.User": "Critical" }),
            "levels",
            &["at 50"],
        ),
        (json!({ "shop.sql": "None" }), "levels?logger=shop.sql", &[]),
        (json!({}), "levels?logger=azure_functions_worker", &[]),
    ] {
        let insights = Ingestion::start();
        let host = app(
            &insights,
            &json!({}),
            &json!({ "logging": { "logLevel": levels } }),
        )
        .start();
        call(&host, path);
        let (_, items) = stop(host, &insights);
        let mut logged = texts(&items);
        logged.retain(|text| text.starts_with("at "));
        assert_eq!(logged, expected, "{levels} {path}");
        only(&items, "RequestData");
    }
}

#[test]
fn records_of_all_kinds_arrive() {
    let insights = Ingestion::start();
    let host = app(&insights, &json!({}), &json!({})).start();
    let invocation = call(&host, "details");
    host.wait_for_log("outside of calls");
    let (_, items) = stop(host, &insights);
    let tag = |item: &Value, name: &str| item["tags"][name].clone();
    let (operation, parent) = ("ai.operation.id", "ai.operation.parentId");
    let request = only(&items, "RequestData");

    // Not texts, and arguments that do not fit.
    let not_text = message(&items, "{'number': 7}");
    assert_eq!(tag(not_text, parent), data(request)["id"]);
    let bad = texts(&items)
        .into_iter()
        .find(|text| text.starts_with("%d of %d (not formatted"));
    assert!(bad.is_some(), "{items:#?}");

    // The values of `extra` are properties; none of them hides what is known of the record.
    let fields = message(&items, "with fields");
    let properties = &data(fields)["properties"];
    assert_eq!(properties["order"], "7");
    assert_eq!(properties["nested"], "{'a': [1]}");
    assert_eq!(properties["Category"], "Function.details.User");
    assert_eq!(properties["trace_id"], "mine");
    assert_eq!(properties["InvocationId"], invocation);
    assert_eq!(tag(fields, operation), Value::Null, "it has an id of its own");

    // Neither a thread of the app nor an import is a call.
    for text in ["outside of calls", "imported"] {
        let outside = message(&items, text);
        for name in [operation, parent, "ai.operation.name"] {
            assert_eq!(tag(outside, name), Value::Null, "{outside:#}");
        }
        assert_eq!(data(outside)["properties"]["Category"], "Function");
        assert_eq!(data(outside)["properties"].get("InvocationId"), None);
    }

    // In a span of the function, and with an exception.
    let span = only(&items, "RemoteDependencyData");
    let raised = only(&items, EXCEPTION);
    assert_eq!(tag(raised, operation), tag(request, operation));
    assert_eq!(tag(raised, parent), data(span)["id"]);
    assert_eq!(data(raised)["severityLevel"], 4);
    let properties = &data(raised)["properties"];
    assert_eq!(properties["FormattedMessage"], "not found");
    assert_eq!(properties["LogLevel"], "Critical");
    assert_eq!(properties["InvocationId"], invocation);
    assert_exception(
        raised,
        "KeyError",
        "'sofa'",
        &[("look_up", "details"), ("main", "details")],
    );
    assert!(!texts(&items).contains(&"not found"), "it is sent once");
}

#[test]
fn a_function_that_raises_is_one_exception() {
    let insights = Ingestion::start();
    let host = app(&insights, &json!({}), &json!({})).start();
    let answer = host.get("/api/raises");
    assert_eq!(answer.status, 500);
    let (_, items) = stop(host, &insights);
    let (request, raised) = (only(&items, "RequestData"), only(&items, EXCEPTION));
    for (tag, expected) in [
        ("ai.operation.id", &request["tags"]["ai.operation.id"]),
        ("ai.operation.parentId", &data(request)["id"]),
    ] {
        assert_eq!(raised["tags"][tag], *expected);
    }
    let properties = &data(raised)["properties"];
    assert_eq!(
        properties["InvocationId"],
        data(request)["properties"]["InvocationId"]
    );
    assert_eq!(properties["Category"], "Function.raises");
    assert_eq!(data(raised)["severityLevel"], 3);
    assert_exception(
        raised,
        "ValueError",
        "no luck",
        &[("fail", "raises"), ("main", "raises")],
    );
}

/// Asserts what an exception says, and its innermost frames: each a method, and the function whose script it is in.
#[track_caller]
fn assert_exception(item: &Value, type_name: &str, message: &str, innermost: &[(&str, &str)]) {
    let exception = &data(item)["exceptions"][0];
    assert_eq!(
        (&exception["typeName"], &exception["message"]),
        (&json!(type_name), &json!(message))
    );
    let stack = exception["stack"].as_str().unwrap_or_default();
    assert!(stack.starts_with("Traceback (most recent call last):"), "{stack}");
    assert!(stack.contains(&format!("{type_name}: {message}")), "{stack}");
    assert_eq!(exception["hasFullStack"], true);
    let frames = exception["parsedStack"].as_array().expect("frames");
    for (level, (method, function)) in innermost.iter().enumerate() {
        let frame = &frames[level];
        assert_eq!(
            (&frame["level"], &frame["method"]),
            (&json!(level), &json!(method)),
            "{frames:#?}"
        );
        let file = frame["fileName"].as_str().unwrap_or_default();
        assert!(file.ends_with(&format!("{function}/__init__.py")), "{file}");
        assert!(frame["line"].as_u64().is_some_and(|line| line > 0), "{frame}");
    }
}

/// The query of the guide to memory profiling finds the lines by their start, which the guide's formatter writes.
#[test]
fn reports_of_the_memory_profiler_arrive_line_by_line() {
    let packages = ["memory-profiler"];
    for (version, python) in python::oldest_and_newest_with("memory-profiler", &packages) {
        let insights = Ingestion::start();
        let host = App::case("memory_profiler")
            .file(
                "host.json",
                r#"{ "version": "2.0", "workerExtensions": { "opencensus": {} } }"#,
            )
            .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
            .env(CONNECTION, insights.connection_string())
            .python(python)
            .start();
        for function in ["profiled", "profiled_async"] {
            call(&host, function);
        }
        let (_, items) = stop(host, &insights);
        let lines: Vec<_> = texts(&items)
            .into_iter()
            .filter_map(|text| text.strip_prefix("memory_profiler_logs: "))
            .collect();
        for function in ["profiled", "profiled_async"] {
            let script = format!("{function}/__init__.py");
            let file = lines
                .iter()
                .find(|line| line.starts_with("Filename: ") && line.contains(&script));
            assert!(file.is_some(), "{version}: {lines:#?}");
        }
        let is_report = |line: &&&str| line.contains(" MiB ") && line.contains("b\"x\" * size");
        assert_eq!(lines.iter().filter(is_report).count(), 2, "{version}: {lines:#?}");
    }
}
