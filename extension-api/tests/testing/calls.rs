//! A call from its request to its response.

use std::sync::atomic::Ordering;

use funcdock_extension_api::testing::{Decision, PyValue, Request, TestFunction, TestHost, json};
use funcdock_extension_api::{OutcomeKind, Response};

use crate::extensions::{STATES, Strict};
use crate::{message, probe};

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
         req=Http(Some([98, 111, 100, 121])) blob=Text(\"data\") none=None",
        call.id()
    );
    assert_eq!(seen, expected.as_str().into());
    let timer = TestFunction::new("tick", "timerTrigger");
    let call = host.call(Request::event().function(&timer));
    let expected = format!(
        "{} tick no request retry 0/0 message=None DequeueCount=None Other=None",
        call.id()
    );
    assert_eq!(call.attribute("seen"), Some(expected.as_str().into()));
    let stream = host.call(Request::post("/", "unseen").streaming());
    let Some(PyValue::Str(seen)) = stream.attribute("seen") else {
        panic!("the probe sets it");
    };
    assert!(seen.contains("a stream"), "{seen}");
    assert!(seen.contains("req=Http(None)"), "{seen}");
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
    let several = Request::get("/")
        .header("traceparent", "00-a")
        .header("tracestate", "b=1")
        .header("tracestate", "c=2");
    let call = host.call(several.clone());
    assert_eq!(
        call.trace_context(),
        ("00-a-child".to_owned(), "b=1,c=2".to_owned())
    );
    let call = host.call(several.header("traceparent", "00-b"));
    assert_eq!(call.trace_context(), Default::default(), "none is to be trusted");
    let call = host.call(Request::event().trace_context("00-c", ""));
    assert_eq!(call.trace_context(), ("00-c-child".to_owned(), String::new()));
    assert_eq!(
        host.call(Request::event()).trace_context(),
        (String::new(), String::new())
    );
}

#[test]
fn attributes_are_made_when_they_are_asked_for() {
    let host = probe();
    let call = host.call(Request::get("/"));
    let made = PyValue::from(format!("for {}", call.id()).as_str());
    assert_eq!(call.attribute("made").as_ref(), Some(&made));
    assert_eq!(call.attribute("made"), Some(made));
    let count = call
        .logs()
        .iter()
        .filter(|record| record.message == "made")
        .count();
    assert_eq!(count, 1, "once for a call");
    let set = call.attribute("app").expect("a hook sets it");
    assert!(
        format!("{set:?}").contains("worker 0"),
        "what is set is not made: {set:?}"
    );
    assert_eq!(call.attribute("never"), None);
    assert_eq!(call.attribute("unknown"), None);
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call.attribute("broken")));
    let panic = asked.expect_err("the extension fails");
    let said = panic.downcast_ref::<String>().expect("a message");
    assert_eq!(said, "the attribute \"broken\" cannot be made: broken went wrong");
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
            Decision::Fail("its answer cannot be sent: 100 is not a final HTTP status".to_owned()),
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
    let host = TestHost::app::<Strict>(json!({})).expect("it starts");
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
            begin().output("queue", "message").returning(b"\xff".to_vec()),
            200,
            "Returned 200 - - Bytes([255]) queue=Text(\"message\")",
        ),
        (begin().returning(()), 204, "Returned 204 - - None -"),
        (
            begin().returning(Response::new(201).body("made")),
            201,
            "Returned 201 - - Http(Some([109, 97, 100, 101])) -",
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
        call.logs()
            .iter()
            .any(|record| record.message.starts_with("no response")),
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
        "Returned 200 - - Http(Some([104, 105])) -".to_owned(),
    ));
    assert_eq!(call.response(), &expected);
    let call = host
        .call(Request::get("/").header("x-post", "change badly"))
        .returning("hi");
    let logged: Vec<_> = call.logs().into_iter().map(|record| record.message).collect();
    let expected = [
        "42 is not a final HTTP status",
        "\"no name\" is not a valid header name",
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
fn states_are_dropped_once() {
    let (host, alive) = (probe(), || STATES.with(|states| states.load(Ordering::Relaxed)));
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
