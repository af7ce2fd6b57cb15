//! Calls that the host starts: what functions get, and what it gets back.

use std::collections::HashMap;

use bytes::Bytes;
use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::rpc_http_cookie::SameSite;
use funcdock_rpc::messages::rpc_log::{Level, RpcLogCategory};
use funcdock_rpc::messages::status_result::Status;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{InvocationCancel, InvocationRequest, RetryContext, RpcHttp, RpcTraceContext};
use funcdock_tests::functions_host::{
    FunctionsHost, assert_success, body, call, failure, get, http_of, typed,
};
use funcdock_tests::{App, python};

fn host(functions: &[&str]) -> FunctionsHost {
    App::case("functions_host")
        .under_functions_host()
        .with_functions(functions)
}

fn http(name: &str, http: RpcHttp) -> InvocationRequest {
    call(name, &[("req", Data::Http(Box::new(http)))])
}

#[test]
fn requests_are_answered_on_the_oldest_and_the_newest_python() {
    for (version, python) in python::oldest_and_newest() {
        let mut host = App::case("functions_host")
            .python(python)
            .under_functions_host()
            .with_functions(&["hello", "hello_async"]);
        for name in ["hello", "hello_async"] {
            let response = host.invoke(http(name, get("http://localhost/api/hello?name=Ada")));
            assert_success(response.result.as_ref(), &host);
            let http = http_of(&response);
            assert_eq!(
                (http.status_code.as_str(), body(http)),
                ("200", &b"Hello, Ada!"[..]),
                "{version}"
            );
            assert_eq!(
                http.headers["content-type"], "text/plain; charset=utf-8",
                "{version}"
            );
            let kind = match name {
                "hello" => "function type: sync, timestamp (UTC): ",
                _ => "function type: async, timestamp (UTC): ",
            };
            let text = format!(
                "Received FunctionInvocationRequest, request ID: start-7, function ID: {name}-id, function name: {name}, \
                 invocation ID: 0f8fad5b-d9cb-469f-a165-70867728950e, {kind}"
            );
            let log = host.log(&text);
            assert_eq!(log.invocation_id, "0f8fad5b-d9cb-469f-a165-70867728950e");
        }
    }
}

#[test]
fn a_function_gets_all_of_the_request() {
    let mut host = host(&["describe"]);
    let request = InvocationRequest {
        invocation_id: "call 7".to_owned(),
        trace_context: Some(RpcTraceContext {
            trace_parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            trace_state: "a=1".to_owned(),
            attributes: HashMap::new(),
        }),
        retry_context: Some(RetryContext {
            retry_count: 2,
            max_retry_count: 5,
            exception: None,
        }),
        ..http(
            "describe",
            RpcHttp {
                method: "POST".to_owned(),
                headers: HashMap::from([("x-one".to_owned(), "1, 2".to_owned())]),
                params: HashMap::from([("id".to_owned(), "ä".to_owned())]),
                body: Some(Box::new(typed(Data::Bytes(Bytes::from_static(b"{\"k\": 1}"))))),
                ..get("https://shop.example:8080/api/describe?a=%C3%A4&a=2")
            },
        )
    };
    let response = host.invoke(request);
    assert_success(response.result.as_ref(), &host);
    assert_eq!(response.invocation_id, "call 7");
    let http = http_of(&response);
    let found: serde_json::Value = serde_json::from_slice(body(http)).expect("JSON");
    let expected = serde_json::json!({
        "method": "POST",
        "url": "https://shop.example:8080/api/describe?a=%C3%A4&a=2",
        "headers": {"x-one": "1, 2"},
        "params": {"a": "ä,2"},
        "route_params": {"id": "ä"},
        "body": "{\"k\": 1}",
        "invocation": "call 7",
        "function": "describe",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "a=1",
        "retry": [2, 5],
    });
    assert_eq!(found, expected);
    assert_eq!(http.status_code, "201");
    assert_eq!(http.headers["x-two"], "2");
    assert_eq!(http.headers["content-type"], "application/json");
    let cookies: Vec<_> = http
        .cookies
        .iter()
        .map(|cookie| (cookie.name.as_str(), cookie.value.as_str(), cookie.same_site))
        .collect();
    let none = i32::from(SameSite::None);
    assert_eq!(cookies, [("a", "1", none), ("b", "2", SameSite::Strict.into())]);
    assert!(!http.headers.contains_key("set-cookie"), "{http:?}");
}

#[test]
fn the_query_may_come_beside_the_url() {
    let mut host = host(&["hello"]);
    let request = RpcHttp {
        query: HashMap::from([("name".to_owned(), "Ada & Bob".to_owned())]),
        ..get("http://localhost/api/hello")
    };
    let response = host.invoke(http("hello", request));
    assert_eq!(body(http_of(&response)), b"Hello, Ada & Bob!");
}

#[test]
fn what_a_function_raises_is_the_failure() {
    let mut host = host(&["raises"]);
    let response = host.invoke(http("raises", get("http://localhost/api/raises")));
    assert_eq!(failure(response.result.as_ref()), "ValueError: nothing works");
    let exception = response
        .result
        .and_then(|result| result.exception)
        .expect("an exception");
    assert_eq!(exception.r#type, "ValueError");
    assert!(exception.is_user_exception);
    assert!(
        exception.stack_trace.contains("in raises"),
        "{}",
        exception.stack_trace
    );
    assert!(response.return_value.is_none() && response.output_data.is_empty());
    // The host logs it.
    let logs = host.logs();
    assert!(
        !logs.iter().any(|log| log.message.contains("nothing works")),
        "{}",
        host.output()
    );
}

#[test]
fn a_call_of_an_unknown_function_fails() {
    let mut host = host(&["hello"]);
    let response = host.invoke(http("nobody", get("http://localhost/api/hello")));
    assert_eq!(
        failure(response.result.as_ref()),
        "no function with function_id=nobody-id"
    );
    let response = host.invoke(http("hello", get("http://localhost/api/hello")));
    assert_success(response.result.as_ref(), &host);
}

#[test]
fn records_of_a_call_come_before_its_response() {
    let mut host = host(&["talks"]);
    let response = host.invoke(http("talks", get("http://localhost/api/talks")));
    assert_eq!(body(http_of(&response)), b"talked");
    let logs = host.logs();
    let found = |text: &str| {
        let found = logs.iter().find(|log| log.message.contains(text));
        found.unwrap_or_else(|| panic!("{text}\n{}", host.output()))
    };
    let (warning, caught) = (found("a warning"), found("caught"));
    let user = i32::from(RpcLogCategory::User);
    for (log, category, level) in [(warning, "shop", Level::Warning), (caught, "root", Level::Error)] {
        assert_eq!((log.category.as_str(), log.level), (category, i32::from(level)));
        assert_eq!(log.log_category, user);
        assert_eq!(log.invocation_id, "0f8fad5b-d9cb-469f-a165-70867728950e");
    }
    assert!(caught.message.ends_with("KeyError: 'lost'"), "{}", caught.message);
    let received = found("Received FunctionInvocationRequest");
    assert_eq!(received.log_category, i32::from(RpcLogCategory::System));
    let printed = funcdock_tests::wait_for(|| host.stdout().contains("printed\n").then_some(()));
    assert!(printed.is_some(), "{}", host.output());
}

#[test]
fn a_message_starts_a_call_and_outputs_come_back() {
    let mut host = host(&["copy"]);
    let text = |text: &str| typed(Data::String(text.to_owned()));
    let request = InvocationRequest {
        trigger_metadata: HashMap::from([
            ("Id".to_owned(), text("\"m-1\"")),
            ("DequeueCount".to_owned(), typed(Data::Json("3".to_owned()))),
        ]),
        ..call("copy", &[("message", Data::String("tea".to_owned()))])
    };
    let response = host.invoke(request);
    assert_success(response.result.as_ref(), &host);
    let outputs: Vec<_> = response
        .output_data
        .into_iter()
        .map(|output| match output.rpc_data {
            Some(RpcData::Data(data)) => (output.name, data.data),
            other => panic!("{other:?}"),
        })
        .collect();
    let [(name, Some(Data::String(copy)))] = &outputs[..] else {
        panic!("{outputs:?}");
    };
    assert_eq!(name, "copy");
    assert!(copy.ends_with(" 3 tea"), "{copy}");
}

#[test]
fn large_bodies_pass_both_ways() {
    let mut host = host(&["echo"]);
    let content = Bytes::from(vec![7; 100 << 20]);
    let request = RpcHttp {
        method: "POST".to_owned(),
        body: Some(Box::new(typed(Data::Bytes(content.clone())))),
        ..get("http://localhost/api/echo")
    };
    let response = host.invoke(http("echo", request));
    assert_success(response.result.as_ref(), &host);
    assert!(body(http_of(&response)) == content, "the body is another one");
}

#[test]
fn ten_thousand_calls_at_once_are_all_answered() {
    const COUNT: usize = 10_000;
    let mut host = host(&["hello", "hello_async"]);
    for number in 0..COUNT {
        let name = if number % 2 == 0 { "hello" } else { "hello_async" };
        let url = format!("http://localhost/api/hello?name={number}");
        host.send(Content::InvocationRequest(InvocationRequest {
            invocation_id: number.to_string(),
            ..http(name, get(&url))
        }));
    }
    let mut answered = vec![false; COUNT];
    for _ in 0..COUNT {
        let Content::InvocationResponse(response) = host.receive() else {
            panic!("another message");
        };
        let expected = format!("Hello, {}!", response.invocation_id);
        assert_eq!(body(http_of(&response)), expected.as_bytes());
        let number: usize = response.invocation_id.parse().expect("a number");
        assert!(
            !std::mem::replace(&mut answered[number], true),
            "{number} is answered twice"
        );
    }
}

#[test]
fn a_call_can_be_cancelled_if_its_function_is_asynchronous() {
    let mut host = host(&["slow", "blocks"]);
    let cancel = |host: &FunctionsHost, id: &str| {
        host.send(Content::InvocationCancel(InvocationCancel {
            invocation_id: id.to_owned(),
            grace_period: None,
        }));
    };
    let mut begin = |name: &str, seconds: &str| {
        let url = format!("http://localhost/?seconds={seconds}");
        host.send(Content::InvocationRequest(InvocationRequest {
            invocation_id: name.to_owned(),
            ..http(name, get(&url))
        }));
        host.log(&format!("invocation ID: {name}, "));
        cancel(&host, "unknown");
        cancel(&host, name);
        cancel(&host, name);
        match host.receive() {
            Content::InvocationResponse(response) => response,
            other => panic!("{other:?}"),
        }
    };
    let cancelled = begin("slow", "600");
    let result = cancelled.result.expect("a result");
    assert_eq!(result.status, i32::from(Status::Cancelled), "{result:?}");
    assert_eq!(
        result.exception.expect("an exception").message,
        "CancelledError: the host has cancelled the call"
    );
    assert!(cancelled.return_value.is_none());
    let finished = begin("blocks", "0.3");
    assert_eq!(body(http_of(&finished)), b"slept");
    // An id may come again.
    let response = host.invoke(InvocationRequest {
        invocation_id: "slow".to_owned(),
        ..http("slow", get("http://localhost/?seconds=0"))
    });
    assert_eq!(body(http_of(&response)), b"slept");
}
