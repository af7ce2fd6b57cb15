//! Streamed responses: the hook at their end, and how long the state lives.

use std::sync::atomic::{AtomicU32, Ordering};

use funcdock_extension_api::testing::{Request, Returned, TestFunction, TestHost, TestStreamEnd, json};
use funcdock_extension_api::{
    AppInfo, Error, Extension, Flow, Invocation, Outcome, Response, Result, StreamEnd, extension,
};

use crate::message;

thread_local! {
    /// How many guards are alive.
    static GUARDS: AtomicU32 = const { AtomicU32::new(0) };
}

fn guards() -> u32 {
    GUARDS.with(|guards| guards.load(Ordering::Relaxed))
}

/// Alive as long as the call.
struct Guard {
    seen: Vec<&'static str>,
}

impl Guard {
    fn new() -> Self {
        GUARDS.with(|guards| guards.fetch_add(1, Ordering::Relaxed));
        Guard { seen: Vec::new() }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        GUARDS.with(|guards| guards.fetch_sub(1, Ordering::Relaxed));
    }
}

/// Logs what it sees, and does what the header `x-do` says.
struct Streams;

fn what<'a>(call: &Invocation<'a>) -> &'a str {
    let request = call.http_request();
    request.and_then(|request| request.header("x-do")).unwrap_or("")
}

#[extension(name = "streams")]
impl Extension for Streams {
    type State = Guard;

    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Streams)
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Guard>> {
        match what(call) {
            "respond" => Ok(Flow::Respond(Response::new(429))),
            _ => Ok(Flow::Continue(Guard::new())),
        }
    }

    #[strict]
    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        state: &mut Guard,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        state.seen.push(if outcome.is_streamed() {
            "streamed"
        } else {
            "whole"
        });
        let what = what(call);
        let Some(mut response) = call.response() else {
            return Ok(());
        };
        assert_eq!(response.is_streamed(), outcome.is_streamed());
        response.set_header("x-streamed", if outcome.is_streamed() { "yes" } else { "no" })?;
        match what {
            "replace" => response.set_body("replaced"),
            "refuse" => return Err(Error::msg("no")),
            _ => {}
        }
        Ok(())
    }

    fn stream_ended(&self, call: &mut Invocation<'_>, state: &mut Guard, end: &StreamEnd<'_>) -> Result<()> {
        state.seen.push("ended");
        let raised = end.exception().map(|exception| exception.message);
        tracing::info!("{:?}: {:?} {} {raised:?}", state.seen, end.kind(), end.bytes());
        assert!(call.response().is_none(), "the client has it");
        match what(call) {
            "wait" => call.wait_for(async { Ok(()) }),
            "panic" => panic!("end burst"),
            _ => Ok(()),
        }
    }
}

/// Has no hook but the one at the end.
struct EndOnly;

#[extension(name = "end-only")]
impl Extension for EndOnly {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(EndOnly)
    }

    fn stream_ended(&self, _call: &mut Invocation<'_>, _state: &mut (), end: &StreamEnd<'_>) -> Result<()> {
        tracing::info!("{:?}", end.kind());
        Ok(())
    }
}

fn host() -> TestHost {
    TestHost::app::<Streams>(json!({})).expect("it starts")
}

fn streamed() -> Returned {
    Returned::streaming(Response::new(200).header("content-type", "text/event-stream"))
}

fn logged(call: &funcdock_extension_api::testing::Call<'_>) -> Vec<String> {
    call.logs().into_iter().map(|record| record.message).collect()
}

#[test]
fn a_test_says_how_the_stream_ends() {
    let host = host();
    let cases = [
        (TestStreamEnd::complete(10), "Complete 10 None"),
        (TestStreamEnd::client_left(3), "ClientLeft 3 None"),
        (
            TestStreamEnd::failed(4, "ValueError", "no"),
            "Failed 4 Some(\"no\")",
        ),
        (TestStreamEnd::timed_out(5), "TimedOut 5 None"),
        (TestStreamEnd::cancelled(0), "Cancelled 0 None"),
    ];
    for (end, expected) in cases {
        let call = host.call(Request::get("/")).returning(streamed());
        assert_eq!(call.response_header("x-streamed"), Some("yes"));
        assert_eq!(guards(), 1, "the state lives as long as the stream");
        assert_eq!(logged(&call), [""; 0]);
        let call = call.stream_ended(end);
        assert_eq!(logged(&call), [format!("[\"streamed\", \"ended\"]: {expected}")]);
        assert_eq!(call.errors(), []);
        assert_eq!(guards(), 0);
    }
}

#[test]
fn a_whole_response_does_not_keep_the_state() {
    let host = host();
    let call = host.call(Request::get("/")).returning("whole");
    assert_eq!(call.response_header("x-streamed"), Some("no"));
    assert_eq!(guards(), 0);
    assert_eq!(logged(&call), [""; 0]);
    let timer = TestFunction::new("tick", "timerTrigger");
    let call = host.call(Request::event().function(&timer)).returning(streamed());
    assert_eq!(guards(), 0, "there is nobody to stream to");
    assert_eq!(logged(&call), [""; 0]);
}

#[test]
fn a_response_that_is_replaced_ends_its_stream() {
    let host = host();
    for (what, status) in [("replace", 200), ("refuse", 500)] {
        let call = host
            .call(Request::get("/").header("x-do", what))
            .returning(streamed());
        assert_eq!(call.response().status, status, "{what}");
        assert_eq!(
            logged(&call),
            ["[\"streamed\", \"ended\"]: Replaced 0 None"],
            "{what}"
        );
        assert_eq!(guards(), 0, "{what}");
    }
}

#[test]
fn the_hook_at_the_end_fails_alone_and_cannot_wait() {
    let host = host();
    for (what, expected) in [
        ("wait", "stream_ended failed: stream_ended cannot wait"),
        ("panic", "stream_ended failed: panicked: end burst"),
    ] {
        let call = host
            .call(Request::get("/").header("x-do", what))
            .returning(streamed());
        let call = call.stream_ended(TestStreamEnd::complete(1));
        let errors = message(call.errors());
        assert!(errors.len() == 1 && errors[0].starts_with(expected), "{errors:?}");
        assert_eq!(call.response().status, 200);
        assert_eq!(guards(), 0);
    }
}

#[test]
fn a_call_that_did_not_continue_has_no_stream() {
    let host = host();
    let call = host
        .call(Request::get("/").header("x-do", "respond"))
        .returning(streamed());
    let call = call.stream_ended(TestStreamEnd::complete(1));
    assert_eq!(call.response().status, 429);
    assert_eq!(logged(&call), [""; 0]);
}

#[test]
fn a_call_may_be_dropped_before_its_stream_ends() {
    let host = host();
    drop(host.call(Request::get("/")).returning(streamed()));
    assert_eq!(guards(), 0);
}

#[test]
fn the_hook_at_the_end_needs_no_other() {
    let host = TestHost::app::<EndOnly>(json!({})).expect("it starts");
    let call = host.call(Request::get("/")).returning(streamed());
    let call = call.stream_ended(TestStreamEnd::client_left(0));
    assert_eq!(logged(&call), ["ClientLeft"]);
}

#[test]
#[should_panic(expected = "the call has no stream to end")]
fn a_whole_response_has_no_end() {
    let _ = host()
        .call(Request::get("/"))
        .returning("whole")
        .stream_ended(TestStreamEnd::complete(5));
}

#[test]
#[should_panic(expected = "the call has no stream to end")]
fn a_stream_ends_once() {
    let host = host();
    let call = host.call(Request::get("/")).returning(streamed());
    let call = call.stream_ended(TestStreamEnd::complete(5));
    let _ = call.stream_ended(TestStreamEnd::complete(5));
}
