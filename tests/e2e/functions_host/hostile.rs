//! A host that does not keep to the protocol: messages out of order, twice, unknown, empty, with wrong values, too large. The
//! worker answers what can be answered, and goes on.

use std::collections::HashMap;
use std::net::TcpListener;

use bytes::Bytes;
use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::rpc_log::Level;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    CloseSharedMemoryResourcesRequest, FunctionEnvironmentReloadRequest, FunctionLoadRequest,
    FunctionLoadRequestCollection, FunctionMetadataResponse, FunctionsMetadataRequest, InvocationCancel,
    InvocationRequest, ParameterBinding, RetryContext, RpcException, RpcHttp, RpcSharedMemory,
    RpcTraceContext, StatusResult, StreamingMessage, TypedData, WorkerActionResponse, WorkerInitRequest,
    WorkerStatusRequest,
};
use funcdock_tests::App;
use funcdock_tests::functions_host::{
    FunctionsHost, assert_success, body, call, failure, get, host_arguments_with, http_of, typed,
};

fn http(name: &str, id: &str, http: RpcHttp) -> InvocationRequest {
    InvocationRequest {
        invocation_id: id.to_owned(),
        ..call(name, &[("req", Data::Http(Box::new(http)))])
    }
}

fn hello() -> InvocationRequest {
    http("hello", "hello-1", get("http://localhost/api/hello?name=Ada"))
}

#[track_caller]
fn assert_serves(host: &mut FunctionsHost) {
    let response = host.invoke(hello());
    assert_success(response.result.as_ref(), host);
    assert_eq!(response.invocation_id, "hello-1");
    assert_eq!(body(http_of(&response)), b"Hello, Ada!");
}

fn loaded() -> FunctionsHost {
    App::case("functions_host")
        .under_functions_host()
        .with_functions(&["hello", "echo", "copy"])
}

#[test]
fn messages_that_no_host_sends_are_survived() {
    let mut host = loaded();
    let cancel = |id: &str| {
        Content::InvocationCancel(InvocationCancel {
            invocation_id: id.to_owned(),
            ..InvocationCancel::default()
        })
    };
    let survived = [
        cancel(""),
        cancel("nobody"),
        cancel("hello-1"),
        Content::StartStream(Default::default()),
        Content::WorkerInitResponse(Default::default()),
        Content::WorkerHeartbeat(Default::default()),
        Content::WorkerActionResponse(WorkerActionResponse::default()),
        Content::FileChangeEventRequest(Default::default()),
        Content::FunctionLoadResponse(Default::default()),
        Content::InvocationResponse(Default::default()),
        Content::RpcLog(Default::default()),
        Content::FunctionMetadataResponse(Default::default()),
        Content::FunctionEnvironmentReloadResponse(Default::default()),
        Content::CloseSharedMemoryResourcesResponse(Default::default()),
        Content::WorkerStatusResponse(Default::default()),
    ];
    for content in survived {
        host.send(content.clone());
        host.send(content);
        assert_serves(&mut host);
    }
    host.send_message(StreamingMessage {
        request_id: "\0".repeat(1 << 20),
        content: None,
    });
    assert_serves(&mut host);
    assert!(!host.stderr().contains("panicked"), "{}", host.output());
}

#[test]
fn requests_with_nothing_in_them_are_answered() {
    let mut host = loaded();
    let Content::FunctionLoadResponse(response) =
        host.ask(Content::FunctionLoadRequest(FunctionLoadRequest::default()))
    else {
        panic!("another message");
    };
    assert_eq!(
        failure(response.result.as_ref()),
        "cannot load the function \"\": the app has none of this name"
    );
    let Content::FunctionLoadResponseCollection(response) = host.ask(Content::FunctionLoadRequestCollection(
        FunctionLoadRequestCollection::default(),
    )) else {
        panic!("another message");
    };
    assert_eq!(response.function_load_responses, []);
    let Content::InvocationResponse(response) =
        host.ask(Content::InvocationRequest(InvocationRequest::default()))
    else {
        panic!("another message");
    };
    assert_eq!(failure(response.result.as_ref()), "no function with function_id=");
    let Content::CloseSharedMemoryResourcesResponse(response) = host.ask(
        Content::CloseSharedMemoryResourcesRequest(CloseSharedMemoryResourcesRequest {
            map_names: vec![String::new(), "../../etc/passwd".to_owned(), "\0".to_owned()],
        }),
    ) else {
        panic!("another message");
    };
    assert!(
        response.close_map_results.values().all(|closed| !closed),
        "{response:?}"
    );
    let Content::FunctionEnvironmentReloadResponse(response) = host.ask(
        Content::FunctionEnvironmentReloadRequest(FunctionEnvironmentReloadRequest::default()),
    ) else {
        panic!("another message");
    };
    assert!(failure(response.result.as_ref()).contains("the app is loaded already"));
    assert_serves(&mut host);
}

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

#[test]
fn calls_with_one_id_are_each_answered() {
    let mut host = loaded();
    for _ in 0..100 {
        host.send(Content::InvocationRequest(hello()));
    }
    for _ in 0..100 {
        let Content::InvocationResponse(response) = host.receive() else {
            panic!("another message");
        };
        assert_eq!(response.invocation_id, "hello-1");
        assert_eq!(body(http_of(&response)), b"Hello, Ada!");
    }
}

#[test]
fn an_id_may_be_given_to_another_function() {
    let mut host = loaded();
    let request = FunctionLoadRequest {
        function_id: "hello-id".to_owned(),
        ..host.load_request("echo")
    };
    assert!(matches!(
        host.ask(Content::FunctionLoadRequest(request)),
        Content::FunctionLoadResponse(_)
    ));
    let request = RpcHttp {
        body: Some(Box::new(typed(Data::Bytes(Bytes::from_static(b"echoed"))))),
        ..get("http://localhost/")
    };
    let response = host.invoke(http("hello", "1", request));
    assert_eq!(body(http_of(&response)), b"echoed");
    // One that cannot be loaded leaves it.
    let request = FunctionLoadRequest {
        function_id: "hello-id".to_owned(),
        ..host.load_request("nothing")
    };
    host.ask(Content::FunctionLoadRequest(request));
    let response = host.invoke(hello());
    assert_success(response.result.as_ref(), &host);
    // And back.
    assert_success(host.load("hello").result.as_ref(), &host);
    assert_serves(&mut host);
}

#[test]
fn a_second_init_does_not_take_the_app_away() {
    let mut host = App::case("functions_host")
        .under_functions_host()
        .with_functions(&["hello", "slow"]);
    let slow = http("slow", "slow-1", get("http://localhost/?seconds=0.5"));
    host.send(Content::InvocationRequest(slow));
    let elsewhere = tempfile::tempdir().expect("a folder");
    for folder in [
        host.app().path().display().to_string(),
        elsewhere.path().display().to_string(),
        String::new(),
    ] {
        host.send(Content::WorkerInitRequest(WorkerInitRequest {
            function_app_directory: folder,
            ..WorkerInitRequest::default()
        }));
        match host.receive() {
            Content::WorkerInitResponse(response) => assert_success(response.result.as_ref(), &host),
            other => panic!("{other:?}"),
        }
        assert_success(host.load("hello").result.as_ref(), &host);
        assert_serves(&mut host);
    }
    let Content::InvocationResponse(response) = host.receive() else {
        panic!("another message");
    };
    assert_eq!(body(http_of(&response)), b"slept");
}

#[test]
fn requests_while_the_app_is_imported_are_answered_in_their_turn() {
    let slow_import = |app: App| {
        let code = std::fs::read_to_string(app.path().join("function_app.py")).expect("the app's code");
        app.file("function_app.py", &format!("{code}\ntime.sleep(1)\n"))
    };
    let mut host = slow_import(App::case("functions_host")).under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let list = || Content::FunctionsMetadataRequest(FunctionsMetadataRequest::default());
    let reload = || Content::FunctionEnvironmentReloadRequest(FunctionEnvironmentReloadRequest::default());
    host.send(list());
    host.send(list());
    host.send(Content::FunctionLoadRequest(host.load_request("hello")));
    host.send(Content::InvocationRequest(hello()));
    host.send(Content::InvocationCancel(InvocationCancel::default()));
    host.send(Content::WorkerStatusRequest(WorkerStatusRequest {}));
    host.send(reload());
    // These do not wait for the app.
    let Content::InvocationResponse(response) = host.receive() else {
        panic!("another message");
    };
    assert_eq!(
        failure(response.result.as_ref()),
        "no function with function_id=hello-id"
    );
    assert!(matches!(host.receive(), Content::WorkerStatusResponse(_)));
    let Content::FunctionEnvironmentReloadResponse(response) = host.receive() else {
        panic!("another message");
    };
    assert!(failure(response.result.as_ref()).contains("the app is loaded already"));
    // These do.
    let mut lists = Vec::new();
    for _ in 0..2 {
        match host.receive() {
            Content::FunctionMetadataResponse(response) => lists.push(response),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(lists[0], lists[1]);
    assert_eq!(lists[0].function_metadata_results.len(), 12);
    let Content::FunctionLoadResponse(response) = host.receive() else {
        panic!("another message");
    };
    assert_success(response.result.as_ref(), &host);
    assert_serves(&mut host);
}

#[test]
fn folders_are_left_to_the_host_after_the_load_too() {
    let mut host = App::case("functions_host_v1")
        .under_functions_host()
        .with_functions(&["hello"]);
    let listed = host.metadata();
    assert!(listed.use_default_metadata_indexing, "{listed:?}");
    let expected = FunctionMetadataResponse::default().function_metadata_results;
    assert_eq!(listed.function_metadata_results, expected);
    assert_serves(&mut host);
}

#[test]
fn an_environment_is_replaced_without_what_cannot_be_set() {
    let mut host = App::case("functions_host").under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let large = "v".repeat(1 << 20);
    let variables = [
        ("", "empty"),
        ("=", "equals"),
        ("=C:", "a drive of Windows"),
        ("NAME=", "equals"),
        ("N\0UL", "in the name"),
        ("NUL", "in\0 the value"),
        ("LARGE", &large),
        ("ä ö", "ü"),
        ("EMPTY", ""),
        ("PATH", "/usr/bin"),
    ];
    let reload = FunctionEnvironmentReloadRequest {
        environment_variables: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        function_app_directory: host.app().path().display().to_string(),
    };
    let Content::FunctionEnvironmentReloadResponse(response) =
        host.ask(Content::FunctionEnvironmentReloadRequest(reload))
    else {
        panic!("another message");
    };
    assert_success(response.result.as_ref(), &host);
    for name in ["\"\"", "\"=\"", "\"=C:\"", "\"NAME=\"", "\"N\\0UL\"", "\"NUL\""] {
        let log = host.log(&format!(
            "the environment variable {name} of the Functions host is left out"
        ));
        assert_eq!(log.level, i32::from(Level::Warning));
    }
    assert_success(host.load("environment").result.as_ref(), &host);
    let response = host.invoke(http("environment", "1", get("http://localhost/")));
    let found: serde_json::Value = serde_json::from_slice(body(http_of(&response))).expect("JSON");
    let expected = serde_json::json!({"LARGE": large, "ä ö": "ü", "EMPTY": "", "PATH": "/usr/bin"});
    assert!(found["environment"] == expected, "another environment");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let mut host = App::case("functions_host").under_functions_host();
    assert_success(host.init().result.as_ref(), &host);
    let reload = FunctionEnvironmentReloadRequest {
        function_app_directory: "/nowhere/at/all".to_owned(),
        ..FunctionEnvironmentReloadRequest::default()
    };
    let Content::FunctionEnvironmentReloadResponse(response) =
        host.ask(Content::FunctionEnvironmentReloadRequest(reload))
    else {
        panic!("another message");
    };
    // The host would start another worker, which fares no better.
    assert_success(response.result.as_ref(), &host);
    let log = host.log("Directory /nowhere/at/all is not found when reloading");
    assert_eq!(log.level, i32::from(Level::Warning));
    let loaded = host.load("hello");
    assert!(
        failure(loaded.result.as_ref()).contains("/nowhere/at/all"),
        "{loaded:?}"
    );
}

#[test]
fn what_is_larger_than_the_host_takes_fails_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let app = App::case("functions_host_misbehaving");
    let mut host = FunctionsHost::start_with(app, listener, &host_arguments_with(port, 1 << 20))
        .with_functions(&["large", "loud"]);
    let of = |name: &str, query: &str| http(name, "1", get(&format!("http://localhost/?{query}")));
    let response = host.invoke(of("large", "size=1000000"));
    assert_eq!(body(http_of(&response)).len(), 1_000_000);
    for size in ["1048576", "20000000"] {
        let response = host.invoke(of("large", &format!("size={size}")));
        let reason = failure(response.result.as_ref());
        assert!(
            reason.starts_with("the response of the function has ")
                && reason
                    .contains(" bytes in the protocol, and the Functions host takes 1048576; return less"),
            "{reason}"
        );
    }
    let response = host.invoke(of("loud", "records=1&size=3000000"));
    assert_eq!(body(http_of(&response)), b"said");
    let log = host.log("… (shortened");
    assert!(log.message.len() < 1 << 20 && log.message.starts_with("xxx"));
    // In the other direction, the host breaks its own word: nothing after it can be read.
    let request = RpcHttp {
        body: Some(Box::new(typed(Data::Bytes(vec![0; 2 << 20].into())))),
        ..get("http://localhost/?size=1")
    };
    host.send(Content::InvocationRequest(http("large", "1", request)));
    assert_eq!(host.wait().code(), Some(1), "{}", host.output());
    let said = funcdock_tests::wait_for(|| {
        host.stderr()
            .contains("the limit is: 1048576 bytes")
            .then_some(())
    });
    assert!(said.is_some(), "{}", host.output());
}

#[test]
fn many_calls_wait_for_one_thread() {
    const COUNT: usize = 10_000;
    let mut host = App::case("functions_host")
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
        .under_functions_host()
        .with_functions(&["hello"]);
    for number in 0..COUNT {
        let url = format!("http://localhost/api/hello?name={number}");
        host.send(Content::InvocationRequest(http(
            "hello",
            &number.to_string(),
            get(&url),
        )));
    }
    host.send(Content::WorkerStatusRequest(WorkerStatusRequest {}));
    let mut answered = vec![false; COUNT];
    let mut has_status = false;
    for _ in 0..=COUNT {
        match host.receive() {
            Content::InvocationResponse(response) => {
                let number: usize = response.invocation_id.parse().expect("a number");
                assert_eq!(body(http_of(&response)), format!("Hello, {number}!").as_bytes());
                assert!(
                    !std::mem::replace(&mut answered[number], true),
                    "{number} is answered twice"
                );
            }
            Content::WorkerStatusResponse(_) => has_status = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(has_status && answered.iter().all(|answered| *answered));
}

#[test]
fn a_host_that_does_not_read_bounds_the_log() {
    let mut host = App::case("functions_host_misbehaving")
        .under_functions_host()
        .with_functions(&["loud"]);
    host.set_reading(false);
    // 400 MB.
    for number in 0..4 {
        let request = http(
            "loud",
            &number.to_string(),
            get("http://localhost/?records=1000&size=100000"),
        );
        host.send(Content::InvocationRequest(request));
    }
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).expect("it runs");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .expect("a peak");
        let kib = line.split_whitespace().nth(1).expect("a number");
        kib.parse::<u64>().expect("a number") >> 10
    };
    std::thread::sleep(std::time::Duration::from_secs(3));
    let mib = memory();
    assert!(mib < 300, "{mib} MiB");
    host.set_reading(true);
    for _ in 0..4 {
        let Content::InvocationResponse(response) = host.receive() else {
            panic!("another message");
        };
        assert_eq!(body(http_of(&response)), b"said");
    }
    let log = host.log("log records are lost");
    assert_eq!(log.level, i32::from(Level::Warning));
}
