//! Tests of the mock host: what an extension sees and does through it is what it would in a worker.

mod extensions;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use extensions::{Limit, Probe, Waiter};
use funcdock_extension_api::testing::{
    Decision, HookError, PyValue, Request, TestApp, TestFunction, TestHost, json,
};
use funcdock_extension_api::{Arguments, ErrorKind, OutcomeKind, Response};

const SOON: Duration = Duration::from_secs(10);

fn probe() -> TestHost {
    TestHost::app::<Probe>(json!({})).expect("the defaults do")
}

fn message(errors: &[HookError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn settings_and_init_fail_in_the_hosts_words() {
    let cases = [
        (
            json!({"lable": "x"}),
            "extension \"probe\": host.json: workerExtensions.probe.settings: unknown key \"lable\": the keys are \
             label, fail",
        ),
        (
            json!({"label": 1}),
            "extension \"probe\": host.json: workerExtensions.probe.settings: label: invalid type: integer `1`, \
             expected a string",
        ),
        (
            json!({"label": ""}),
            "extension \"probe\": host.json: workerExtensions.probe.settings: label: must not be empty",
        ),
        (
            json!([]),
            "extension \"probe\": host.json: workerExtensions.probe.settings: expected an object, found []",
        ),
        (
            json!({"fail": "init"}),
            "extension \"probe\": init failed: asked to fail",
        ),
    ];
    for (settings, expected) in cases {
        let error = TestHost::app::<Probe>(settings).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
    let error = TestHost::app::<Probe>(json!({"fail": "init by panic"})).expect_err("it panics");
    assert!(
        error.reason().starts_with("panicked: asked to panic (at "),
        "{error}"
    );
    TestHost::app::<Probe>(json!(null)).expect("no settings are the defaults");
}

#[test]
fn init_learns_of_the_app() {
    let app = TestApp::new().root("/srv/app").worker_index(3);
    let host = app.app::<Probe>(json!({})).expect("it starts");
    let call = host.call(Request::get("/"));
    assert_eq!(call.attribute("app"), Some("/srv/app worker 3".into()));
}

#[test]
fn functions_are_told() {
    let host = probe();
    let function = TestFunction::http("hello", "api/hello/{name}").directory("/srv/app/hello");
    assert_eq!(host.load(&function), Ok(()));
    let logged: Vec<_> = host.logs().iter().map(ToString::to_string).collect();
    let expected =
        "INFO testing::extensions: loaded hello in /srv/app/hello: httpTrigger Some(\"api/hello/{name}\")";
    assert_eq!(logged, [expected]);
    let error = host
        .load(&TestFunction::new("bad", "timerTrigger"))
        .expect_err("it fails for this name");
    assert_eq!(error.to_string(), "post_function_load failed: a bad function");
    assert!(!error.panicked);
}

#[test]
fn a_request_is_seen_as_it_was_sent() {
    let host = probe();
    let request = Request::post("/api/hello?name=ada", "body")
        .header("X-A", "1")
        .header("x-b", "2")
        .header("x-a", "3")
        .retry(1, 3)
        .input("blob", "data")
        .http_1_0();
    let call = host.call(request);
    let seen = call.attribute("seen").expect("the probe sets it");
    let expected = format!(
        "{} test POST /api/hello name=ada 1.0 [x-a=1, x-a=3, x-b=2] X-A=1 body 127.0.0.1:50000 retry 1/3 \
         req=Bytes([98, 111, 100, 121]) blob=Bytes([100, 97, 116, 97]) none=None",
        call.id()
    );
    assert_eq!(seen, expected.as_str().into());
    let timer = TestFunction::new("tick", "timerTrigger");
    let call = host.call(Request::event().function(&timer));
    let expected = format!("{} tick no request", call.id());
    assert_eq!(call.attribute("seen"), Some(expected.as_str().into()));
}

#[test]
fn the_trace_context_can_be_read_and_replaced() {
    let host = probe();
    let call = host.call(
        Request::get("/")
            .header("traceparent", "00-a")
            .header("tracestate", "b"),
    );
    assert_eq!(call.trace_context(), ("00-a-child".to_owned(), "b".to_owned()));
    let call = host.call(Request::event().trace_context("00-c", ""));
    assert_eq!(call.trace_context(), ("00-c-child".to_owned(), String::new()));
    assert_eq!(
        host.call(Request::event()).trace_context(),
        (String::new(), String::new())
    );
}

#[test]
fn pre_hooks_decide() {
    let host = probe();
    let cases = [
        ("continue", Decision::Continue, None),
        (
            "respond",
            Decision::Respond(Response::new(429).header("Retry-After", "60").body("later")),
            Some(OutcomeKind::Answered),
        ),
        (
            "respond with 100",
            Decision::Fail("its answer cannot be sent: 100 is no final HTTP status".to_owned()),
            Some(OutcomeKind::Refused),
        ),
        (
            "fail",
            Decision::Fail("not you".to_owned()),
            Some(OutcomeKind::Refused),
        ),
    ];
    for (pre, decision, outcome) in cases {
        let call = host.call(Request::get("/").header("x-pre", pre));
        assert_eq!(call.decision(), &decision, "{pre}");
        assert_eq!(call.outcome(), outcome, "{pre}");
        assert_eq!(call.errors(), [], "{pre}");
    }
    let call = host
        .call(Request::get("/").header("x-pre", "respond"))
        .returning("unseen");
    assert_eq!(call.response().status, 429);
    assert_eq!(call.response_header("retry-after"), Some("60"));
    assert_eq!(call.response().body, b"later");
}

#[test]
fn errors_and_panics_cost_one_hook_call() {
    let host = probe();
    for (pre, expected, panicked) in [
        ("error", "pre_invocation failed: pre went wrong", false),
        ("panic", "pre_invocation failed: panicked: pre burst", true),
    ] {
        let call = host
            .call(Request::get("/").header("x-pre", pre))
            .returning("Hello");
        assert_eq!(call.decision(), &Decision::Continue, "{pre}");
        assert_eq!(call.response().body, b"Hello", "{pre}");
        assert_eq!(call.response_header("x-outcome"), None, "{pre}: no post hook");
        let errors = message(call.errors());
        assert!(errors.len() == 1 && errors[0].starts_with(expected), "{errors:?}");
        assert_eq!(call.errors()[0].panicked, panicked);
    }
    for (post, expected) in [
        ("error", "post_invocation failed: post went wrong"),
        ("panic", "post_invocation failed: panicked: post burst"),
    ] {
        let call = host
            .call(Request::get("/").header("x-post", post))
            .returning("Hello");
        let errors = message(call.errors());
        assert!(errors.len() == 1 && errors[0].starts_with(expected), "{errors:?}");
        assert_eq!(call.response().status, 200, "{post}");
    }
}

#[test]
fn strict_hooks_fail_the_call() {
    let host = TestHost::app::<extensions::Strict>(json!({})).expect("it starts");
    let call = host.call(Request::get("/pre"));
    let expected = "pre_invocation failed, and no call goes on without it: no";
    assert_eq!(call.decision(), &Decision::Fail(expected.to_owned()));
    assert_eq!(
        (call.outcome(), call.response().status),
        (Some(OutcomeKind::Refused), 500)
    );
    let call = host.call(Request::get("/post")).returning("Hello");
    assert_eq!(
        (call.outcome(), call.response().status),
        (Some(OutcomeKind::Refused), 500)
    );
    assert_eq!(message(call.errors()), ["post_invocation failed: no"]);
}

#[test]
fn post_hooks_see_how_the_call_ended() {
    let host = probe();
    let begin = || host.call(Request::get("/"));
    let cases = [
        (
            begin().returning("text"),
            200,
            "Returned 200 - - Text(\"text\") -",
        ),
        (
            begin().allocating(5, 9).returning(b"\xff".to_vec()),
            200,
            "Returned 200 - - Bytes([255]) (5, 9)",
        ),
        (begin().returning(()), 204, "Returned 204 - - None -"),
        (
            begin().returning(Response::new(201).body("made")),
            201,
            "Returned 201 - - Http([109, 97, 100, 101]) -",
        ),
        (
            begin().raising("ValueError", "no"),
            500,
            "Raised 500 ValueError: no - - -",
        ),
        (begin().timed_out(), 504, "TimedOut 504 - - - -"),
        (begin().cancelled(), 503, "Cancelled 503 - - - -"),
        (
            begin().answered_by("cache", Response::new(304)),
            304,
            "Answered 304 - cache - -",
        ),
        (
            begin().refused_by("gate", "no key"),
            500,
            "Refused 500 Refused: no key gate - -",
        ),
    ];
    for (call, status, outcome) in cases {
        assert_eq!(call.response_header("X-Outcome"), Some(outcome));
        assert_eq!(call.response().status, status, "{outcome}");
        assert_eq!(call.errors(), [], "{outcome}");
        let raised = call.outcome() == Some(OutcomeKind::Raised);
        let handled = call
            .logs()
            .iter()
            .any(|record| record.message == "on_exception ValueError");
        assert_eq!(handled, raised, "{outcome}");
    }
    let timer = TestFunction::new("tick", "timerTrigger");
    let call = host.call(Request::event().function(&timer)).returning(());
    assert!(
        call.logs().iter().any(|record| record.message == "no response"),
        "{call:?}"
    );
}

#[test]
fn post_hooks_change_the_response() {
    let host = probe();
    let answer = Response::new(200)
        .header("X-Old", "1")
        .header("X-Drop", "2")
        .body("hi");
    let call = host
        .call(Request::get("/").header("x-post", "change"))
        .returning(answer);
    assert_eq!(call.errors(), []);
    let mut expected = Response::new(203)
        .header("x-old", "new")
        .header("x-old", "newer")
        .body("HI");
    expected.headers.push((
        "x-outcome".to_owned(),
        "Returned 200 - - Http([104, 105]) -".to_owned(),
    ));
    assert_eq!(call.response(), &expected);
    let call = host
        .call(Request::get("/").header("x-post", "change badly"))
        .returning("hi");
    let logged: Vec<_> = call.logs().into_iter().map(|record| record.message).collect();
    let expected = [
        "42 is no final HTTP status",
        "\"no name\" is no header name",
        "the value of header \"x\" is not valid",
    ];
    assert!(
        expected
            .iter()
            .all(|line| logged.iter().any(|logged| logged == line)),
        "{logged:?}"
    );
}

#[test]
fn objects_behave_as_python_would_see_them() {
    let host = probe();
    let call = host.call(Request::get("/"));
    let counter = call.object("counter");
    assert_eq!(counter.class_name(), "Counter");
    assert_eq!(counter.methods(), ["increment", "burst"]);
    assert_eq!(counter.call("increment", ()).expect("counts"), 1.into());
    assert_eq!(counter.call("increment", (2,)).expect("counts"), 3.into());
    let by = Arguments::default().with("by", 4);
    assert_eq!(counter.call("increment", by).expect("counts"), 7.into());
    assert_eq!(counter.get("value").expect("is there"), 7.into());
    counter.set("value", 0).expect("can be set");
    assert_eq!(counter.get("value").expect("is there"), 0.into());
    let failures = [
        (
            counter.call("increment", ("x",)),
            ErrorKind::Type,
            "by: expected int, found str",
        ),
        (
            counter.call("decrement", ()),
            ErrorKind::Attribute,
            "'Counter' object has no attribute 'decrement'",
        ),
        (
            counter.call("value", ()),
            ErrorKind::Type,
            "Counter.value is not callable",
        ),
    ];
    for (result, kind, expected) in failures {
        let error = result.expect_err(expected);
        assert_eq!((error.kind(), error.message()), (kind, expected));
    }
    let error = counter.call("burst", ()).expect_err("it panics");
    assert!(error.message().starts_with("panicked: counter burst"), "{error}");
    assert_eq!(counter.enter().expect("a context manager").into_object(), counter);
    counter.exit().expect("well");
    assert!(counter.exit_raising("KeyError", "k").expect("swallows"));
    assert!(!counter.exit_raising("ValueError", "v").expect("does not swallow"));
    let logged: Vec<_> = call
        .logs()
        .into_iter()
        .map(|record| (record.message, record.invocation))
        .collect();
    assert!(
        logged.contains(&("exit by KeyError".to_owned(), None)),
        "methods log within the call, not in a hook's name: {logged:?}"
    );
    let PyValue::Map(entries) = call.attribute("values").expect("is set") else {
        panic!("a dict");
    };
    let list = PyValue::List(vec![
        PyValue::None,
        true.into(),
        1.5.into(),
        PyValue::Bytes(vec![1]),
    ]);
    assert_eq!(entries, [("list".to_owned(), list)]);
    assert_eq!(
        call.attribute("invocation_id"),
        None,
        "context's own is not replaced"
    );
    drop(call);
    assert_eq!(
        counter.call("increment", ()).expect("lives on, as in Python"),
        1.into()
    );
}

#[test]
fn metrics_are_read_by_name_and_labels() {
    let host = TestHost::function::<Limit>(json!({"calls": 1}), TestFunction::http("hello", "api/hello"))
        .expect("it starts");
    let labels = [("function", "hello"), ("why", "calls")];
    assert_eq!(host.counter("rate_limit_limited_total", &labels), Some(0));
    for (status, reason) in [(200, "the first"), (429, "no call is left"), (429, "still not")] {
        let call = host.call(Request::get("/api/hello")).returning("Hello");
        assert_eq!(call.response().status, status, "{reason}");
    }
    assert_eq!(host.counter("rate_limit_limited_total", &labels), Some(2));
    assert_eq!(host.counter("rate_limit_limited_total", &[]), None);
    let sizes = host
        .histogram("rate_limit_size_bytes", &[("function", "hello")])
        .expect("it is registered");
    assert_eq!((sizes.count, sizes.sum), (1, 5.0));
    assert_eq!(sizes.buckets, [(1.0, 0), (10.0, 1), (f64::INFINITY, 0)]);
    let error = TestHost::function::<Limit>(
        json!({"calls": 1, "metric": "bad-name"}),
        TestFunction::http("hello", "api/hello"),
    );
    let error = error.expect_err("it cannot register");
    assert_eq!(
        error.reason(),
        "\"bad-name\" is no metric's name: letters, digits and underscores"
    );
}

#[test]
fn hooks_wait() {
    let host = TestHost::app::<Waiter>(json!({})).expect("it starts");
    let cases = [
        ("continue", Decision::Continue),
        ("respond", Decision::Respond(Response::new(418))),
        ("never", Decision::TimedOut),
        ("panic", Decision::Continue),
        ("wait again", Decision::Continue),
    ];
    for (how, expected) in cases {
        let limit = if how == "never" {
            Duration::from_millis(20)
        } else {
            SOON
        };
        let call = host.call(Request::get("/").header("x-how", how).timeout(limit));
        assert_eq!(call.decision(), &expected, "{how}");
        let errors = message(call.errors());
        match how {
            "panic" => assert!(
                errors[0].starts_with("pre_invocation failed: panicked: while it waited"),
                "{errors:?}"
            ),
            "wait again" => assert!(
                errors[0].contains("await the second future in the first"),
                "{errors:?}"
            ),
            _ => assert!(errors.is_empty(), "{how}: {errors:?}"),
        }
        if how == "continue" {
            assert_eq!(
                call.attribute("waited"),
                Some(true.into()),
                "set through a handle"
            );
            let logs = call.logs();
            assert!(
                logs.iter().any(|record| record.message == "has waited"
                    && record.invocation.as_deref() == Some(call.id())),
                "{logs:?}"
            );
            let call = call.returning("Hello");
            assert_eq!(
                call.response_header("x-state"),
                Some("7"),
                "the state of the future's Continue"
            );
        }
    }
    let call = host.call(
        Request::get("/")
            .header("x-how", "never")
            .timeout(Duration::from_millis(1)),
    );
    assert_eq!(
        (call.outcome(), call.response().status),
        (Some(OutcomeKind::TimedOut), 504)
    );
    // The answer to the first call of wait_for, and to the second.
    let call = host.call(Request::get("/").header("x-how", "wait for"));
    assert_eq!(
        call.attribute("second"),
        Some("this hook waits already: one future can await several".into())
    );
    assert_eq!(message(call.errors()), ["pre_invocation failed: nobody came"]);
    // A post hook that waits too long is given up.
    let request = Request::get("/")
        .header("x-how", "post never")
        .timeout(Duration::from_millis(1));
    let call = host.call(request).returning("Hello");
    assert_eq!(
        message(call.errors()),
        ["post_invocation failed: what it waits for did not come in time"]
    );
    assert_eq!(call.response().status, 200);
}

#[test]
fn states_are_dropped_once() {
    let (host, alive) = (probe(), || {
        extensions::STATES.with(|states| states.load(Ordering::Relaxed))
    });
    let call = host.call(Request::get("/"));
    assert_eq!(alive(), 1);
    let call = call.returning("Hello");
    assert_eq!(alive(), 0, "the post hook took it");
    drop(call);
    assert_eq!(alive(), 0);
    drop(host.call(Request::get("/")));
    assert_eq!(alive(), 0, "nobody took it");
}

#[test]
fn flush_and_shutdown_have_a_deadline() {
    let mut host = probe();
    assert_eq!(host.flush(SOON), Ok(()));
    assert_eq!(host.shutdown(SOON), Ok(()));
    let logged: Vec<_> = host.logs().into_iter().map(|record| record.message).collect();
    let expected = ["flush within 10s", "flush within 10s", "dropped"];
    assert_eq!(logged, expected, "asked for, as a part of shutdown, at the end");
    let host = probe();
    let error = host
        .flush(Duration::from_millis(1))
        .expect_err("it hangs when asked so briefly");
    assert_eq!(error.to_string(), "flush failed: did not return within 1ms");
}

#[test]
#[should_panic(expected = "the extension was shut down")]
fn nothing_is_called_after_shutdown() {
    let mut host = probe();
    host.shutdown(SOON).expect("well");
    let _ = host.call(Request::get("/"));
}

#[test]
#[should_panic(expected = "the call has not ended: say how")]
fn there_is_no_response_before_the_end() {
    let host = probe();
    host.call(Request::get("/")).response();
}

#[test]
#[should_panic(expected = "the call has ended already")]
fn a_call_ends_once() {
    let _ = probe().call(Request::get("/")).returning("a").returning("b");
}

#[test]
fn records_of_hosts_and_calls_are_kept_apart() {
    let hosts: Vec<_> = (0..4).map(|_| Arc::new(probe())).collect();
    std::thread::scope(|scope| {
        for host in hosts.iter().flat_map(|host| [host, host]) {
            scope.spawn(move || {
                for _ in 0..50 {
                    let call = host.call(Request::get("/")).raising("ValueError", "no");
                    let (id, logs) = (call.id(), call.logs());
                    assert_eq!(logs.len(), 1, "{logs:?}");
                    assert_eq!(logs[0].invocation.as_deref(), Some(id));
                }
            });
        }
    });
    for host in hosts {
        assert_eq!(host.logs().len(), 100);
    }
}

#[test]
fn records_of_threads_are_in_the_background() {
    let host = probe();
    let call = host
        .call(Request::get("/").header("x-pre", "thread"))
        .returning("Hello");
    let wanted = format!("a thread of {}", call.id());
    let deadline = Instant::now() + SOON;
    while !host
        .background_logs()
        .iter()
        .any(|record| record.message == wanted)
    {
        assert!(Instant::now() < deadline, "{:?}", host.background_logs());
        std::thread::yield_now();
    }
    assert!(call.logs().iter().all(|record| record.message != wanted));
}
