//! Calls with wrong values.

use std::collections::HashMap;

use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    InvocationRequest, ParameterBinding, RetryContext, RpcException, RpcHttp, RpcSharedMemory,
    RpcTraceContext, StatusResult, TypedData,
};
use funcdock_tests::functions_host::{assert_success, failure, get, typed};

use super::{assert_serves, http, loaded};

fn exception() -> RpcException {
    RpcException {
        source: "\0".to_owned(),
        stack_trace: "no trace".to_owned(),
        message: "\u{fffd}\0\u{202e}".to_owned(),
        ..RpcException::default()
    }
}

fn binding(name: &str, rpc_data: Option<RpcData>) -> ParameterBinding {
    ParameterBinding {
        name: name.to_owned(),
        rpc_data,
    }
}

fn map(name: &str, offset: i64, count: i64, r#type: i32) -> ParameterBinding {
    binding(
        "req",
        Some(RpcData::RpcSharedMemory(RpcSharedMemory {
            name: name.to_owned(),
            offset,
            count,
            r#type,
        })),
    )
}

#[test]
fn calls_with_wrong_values_are_answered_and_harm_no_other() {
    let mut host = loaded();
    let plain = || http("hello", "garbage", get("http://localhost/api/hello"));
    let of_http = |url: &str, method: &str, header: &str| {
        http(
            "hello",
            "garbage",
            RpcHttp {
                method: method.to_owned(),
                headers: HashMap::from([(header.to_owned(), header.to_owned())]),
                params: HashMap::from([("\0".to_owned(), "\0".to_owned())]),
                query: HashMap::from([(String::new(), "\0=&".to_owned())]),
                status_code: "no number".to_owned(),
                ..get(url)
            },
        )
    };
    let inputs = |bindings: Vec<ParameterBinding>| InvocationRequest {
        input_data: bindings,
        ..plain()
    };
    let trace = |parent: &str| InvocationRequest {
        trace_context: Some(RpcTraceContext {
            trace_parent: parent.to_owned(),
            trace_state: "\0,,,=".to_owned(),
            attributes: HashMap::from([("\0".to_owned(), String::new())]),
        }),
        ..plain()
    };
    let mut nested = typed(Data::String("innermost".to_owned()));
    for _ in 0..20 {
        nested = typed(Data::Http(Box::new(RpcHttp {
            body: Some(Box::new(nested)),
            ..RpcHttp::default()
        })));
    }
    // Whether it can be answered with success.
    let cases: Vec<(&str, InvocationRequest, bool)> = vec![
        ("no inputs", inputs(vec![]), false),
        (
            "an input without a name or data",
            inputs(vec![binding("", None)]),
            false,
        ),
        ("an input without data", inputs(vec![binding("req", None)]), false),
        (
            "data without a value",
            inputs(vec![binding("req", Some(RpcData::Data(TypedData::default())))]),
            false,
        ),
        (
            "another type",
            inputs(vec![binding(
                "req",
                Some(RpcData::Data(typed(Data::Int(i64::MIN)))),
            )]),
            false,
        ),
        (
            "not JSON",
            inputs(vec![binding(
                "req",
                Some(RpcData::Data(typed(Data::Json("{".to_owned())))),
            )]),
            false,
        ),
        ("no map", inputs(vec![map("", 0, 0, 0)]), false),
        (
            "a map that is not there",
            inputs(vec![map("nowhere", 0, 10, 3)]),
            false,
        ),
        (
            "a map with a negative size",
            inputs(vec![map("nowhere", -1, -1, -1)]),
            false,
        ),
        (
            "a map outside",
            inputs(vec![map("../../etc/passwd", 0, 10, 3)]),
            false,
        ),
        (
            "a map with NUL",
            inputs(vec![map("\0", i64::MAX, i64::MAX, i32::MAX)]),
            false,
        ),
        ("no URL", of_http("", "", ""), true),
        (
            "a URL with NUL",
            of_http("http://\0:99999999/\0?\0", "\0", "\0"),
            true,
        ),
        ("a URL of a scheme", of_http("://", "GET POST", "a b"), true),
        (
            "a long URL",
            of_http(
                &format!("http://h/{}", "a".repeat(1 << 20)),
                "GET",
                &"h".repeat(1 << 20),
            ),
            true,
        ),
        (
            "nested requests",
            inputs(vec![binding("req", Some(RpcData::Data(nested)))]),
            true,
        ),
        ("no trace", trace(""), true),
        ("a wrong trace", trace("\0-\0-\0"), true),
        (
            "zeroes",
            trace("00-00000000000000000000000000000000-0000000000000000-00"),
            true,
        ),
        (
            "negative counts",
            InvocationRequest {
                retry_context: Some(RetryContext {
                    retry_count: -7,
                    max_retry_count: i32::MIN,
                    exception: Some(exception()),
                }),
                ..plain()
            },
            true,
        ),
        (
            "metadata",
            InvocationRequest {
                trigger_metadata: HashMap::from([
                    (String::new(), TypedData::default()),
                    ("\0".to_owned(), typed(Data::Json("[".repeat(10_000)))),
                    ("sys".to_owned(), typed(Data::Double(f64::NAN))),
                ]),
                ..plain()
            },
            true,
        ),
        (
            "the id of no call",
            InvocationRequest {
                invocation_id: String::new(),
                ..plain()
            },
            true,
        ),
        (
            "an id with NUL",
            InvocationRequest {
                invocation_id: "\0\n{}%s".to_owned(),
                ..plain()
            },
            true,
        ),
        (
            "a long id",
            InvocationRequest {
                invocation_id: "i".repeat(1 << 20),
                ..plain()
            },
            true,
        ),
    ];
    for (case, request, can_succeed) in cases {
        let id = request.invocation_id.clone();
        let response = host.invoke(request);
        assert_eq!(response.invocation_id, id, "{case}");
        let result: &StatusResult = response.result.as_ref().expect("a result");
        if can_succeed {
            assert_success(Some(result), &host);
        } else {
            let message = failure(Some(result));
            assert!(!message.is_empty(), "{case}");
            assert!(
                !message.contains("_funcdock") && !message.contains("panic"),
                "{case}: {message}"
            );
        }
        assert_serves(&mut host);
    }
    assert!(!host.stderr().contains("panicked"), "{}", host.output());
}
