//! The mock host, driven with an extension that does all that an extension can.
#![cfg(feature = "testing")]

use std::time::Duration;

use funcdock_extension_api::testing::{Decision, Request, TestFunction, TestHost};
use funcdock_extension_api::{
    AppExtension, AppInfo, Arguments, ContextObject, Counter, Error, ErrorKind, Exception, Flow, Function,
    FunctionExtension, Histogram, Hooks, Invocation, Outcome, OutcomeKind, Response, Result, Value,
};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    greeting: String,
    most: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            greeting: "hello".to_owned(),
            most: 3,
        }
    }
}

struct Everything {
    greeting: String,
    calls: Counter,
    sizes: Histogram,
}

struct Greeter(String);

impl ContextObject for Greeter {
    fn class_name(&self) -> &str {
        "Greeter"
    }
    fn methods(&self) -> &'static [&'static str] {
        &["greet", "other"]
    }
    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        if method == "other" {
            return Ok(Value::object(Greeter("bye".to_owned())));
        }
        let [name] = arguments.bind(["name"])?;
        let name = name.map_or(Ok("you".to_owned()), Value::into_string)?;
        Ok(format!("{} {name}", self.0).into())
    }
    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok((name == "greeting").then(|| self.0.as_str().into()))
    }
    fn enter(&self) -> Result<Option<Value>> {
        Ok(None)
    }
    fn exit(&self, exception: Option<Exception<'_>>) -> Result<bool> {
        Ok(exception.is_some_and(|exception| exception.type_name == "ValueError"))
    }
}

/// Pending once, and woken at once: what waits has to be polled again.
async fn one_turn() {
    let mut turned = false;
    std::future::poll_fn(|context| {
        if turned {
            return std::task::Poll::Ready(());
        }
        turned = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

impl AppExtension for Everything {
    type Settings = Settings;
    type State = String;

    fn configure(settings: &Settings) -> Result<()> {
        match settings.most {
            0 => Err(Error::new(ErrorKind::Value, "most: expected at least 1")),
            _ => Ok(()),
        }
    }

    fn init(settings: Settings, app: &AppInfo<'_>) -> Result<Self> {
        tracing::info!(most = settings.most, "begins");
        Ok(Everything {
            greeting: settings.greeting,
            calls: app.counter("calls_total", "Calls.", &[("kind", "all")])?,
            sizes: app.histogram("size_bytes", "Sizes of bodies.", &[], &[10.0, 100.0])?,
        })
    }

    fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
        tracing::info!("{} at {:?}", function.name(), function.route());
        Ok(())
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<String>> {
        self.calls.add(1);
        call.set_attribute("greeter", Value::object(Greeter(self.greeting.clone())));
        call.set_attribute("plain", 7);
        let Some(request) = call.http_request() else {
            return Ok(Flow::Continue(String::new()));
        };
        self.sizes.record(request.body().len() as f64);
        let state = request.header("x-state").unwrap_or_default().to_owned();
        Ok(match request.query() {
            "answer" => Flow::Respond(Response::new(429).header("Retry-After", "7")),
            "refuse" => Flow::Fail(Error::msg("not you")),
            "fail" => return Err(Error::msg("went wrong")),
            "panic" => panic!("on purpose"),
            "trace" => {
                call.set_trace_context("00-1-2-01", "a=b");
                Flow::Continue(state)
            }
            "blocks" => {
                call.count_allocations();
                Flow::Continue(state)
            }
            wait @ ("wait" | "wait-answer" | "wait-panic") => {
                let (wait, handle) = (wait.to_owned(), call.handle()?);
                Flow::wait(async move {
                    one_turn().await;
                    tracing::info!("waited");
                    handle.invocation().set_attribute("late", true);
                    match wait.as_str() {
                        "wait" => Ok(Flow::Continue(state)),
                        "wait-answer" => Ok(Flow::Respond(Response::new(418))),
                        _ => panic!("while it waits"),
                    }
                })
            }
            _ => Flow::Continue(state),
        })
    }

    fn post_invocation(&self, call: &mut Invocation<'_>, state: String, outcome: &Outcome<'_>) -> Result<()> {
        tracing::debug!("{:?}", outcome.kind());
        if state == "post-fails" {
            return Err(Error::msg("post went wrong"));
        }
        if state == "post-waits" {
            call.wait_for(async { Err(Error::msg("too late")) })?;
            assert!(call.wait_for(async { Ok(()) }).is_err(), "once a hook");
        }
        let (returned, blocks) = (outcome.return_value(), outcome.allocated_blocks());
        if let Some(mut response) = call.response() {
            response.set_header("X-State", &state)?;
            response.append_header("x-state", "again")?;
            response.set_header("x-returned", &format!("{returned:?}"))?;
            response.set_header("x-blocks", &format!("{blocks:?}"))?;
            response.remove_header("x-remove");
            assert!(response.set_header("no name", "").is_err());
            assert!(response.set_status(99).is_err());
            if outcome.kind() == OutcomeKind::Raised {
                response.set_status(502)?;
                response.set_body("sorry");
            }
        }
        Ok(())
    }

    fn on_exception(&self, call: &mut Invocation<'_>, exception: &Exception<'_>) -> Result<()> {
        call.set_attribute("raised", exception.type_name);
        Ok(())
    }

    fn shutdown(&self, deadline: Duration) -> Result<()> {
        tracing::info!("ends");
        if deadline.is_zero() {
            return Err(Error::msg("no time"));
        }
        Ok(())
    }
}

fn host() -> TestHost {
    TestHost::app::<Everything>(json!({})).expect("its defaults are good")
}

#[test]
fn settings_are_read_as_in_a_host() {
    for (settings, expected) in [
        (json!({ "most": 0 }), "most: expected at least 1"),
        (
            json!({ "mots": 1 }),
            "unknown key \"mots\": the keys are greeting, most",
        ),
        (
            json!({ "most": "x" }),
            "most: invalid type: string \"x\", expected u32",
        ),
    ] {
        let error = TestHost::app::<Everything>(settings).err().expect("refused");
        assert_eq!(error.message(), expected);
    }
}

#[test]
fn decisions_of_a_pre_hook() {
    let host = host();
    for (query, expected, status) in [
        ("", "Continued", 200),
        ("answer", "Responded(429)", 429),
        ("refuse", "Refused(not you)", 500),
        ("fail", "Failed(went wrong)", 200),
        ("panic", "Failed(panicked: on purpose", 200),
        ("wait", "Continued", 200),
        ("wait-answer", "Responded(418)", 418),
        ("wait-panic", "Failed(panicked: while it waits", 200),
    ] {
        let call = host.call(Request::get(&format!("/api/test?{query}")));
        let found = match call.decision() {
            Decision::Responded(response) => format!("Responded({})", response.status),
            Decision::Refused(error) => format!("Refused({error})"),
            Decision::Failed(error) => format!("Failed({error})"),
            _ => "Continued".to_owned(),
        };
        assert!(found.starts_with(expected), "{query}: {found}");
        assert_eq!(call.returns_text("well").response().status, status, "{query}");
    }
    assert_eq!(host.counter("calls_total", &[("kind", "all")]), Some(8));
    assert_eq!(host.counter("calls_total", &[]), None, "other labels");
}

#[test]
fn responses_and_states() {
    let host = host();
    let request = || Request::get("/api/test").header("X-State", "mine");
    let ended = host.call(request()).returns_text("hi");
    ended.assert_no_error();
    let response = ended.response();
    assert_eq!(response.header_value("x-state"), Some("mine"));
    assert_eq!(response.header_value("x-returned"), Some("Some(Text(\"hi\"))"));
    assert_eq!(response.header_value("x-blocks"), Some("None"));

    let ended = host
        .call(request())
        .returns(Response::new(201).header("x-remove", "1").body("b"));
    assert_eq!(ended.response().status, 201);
    assert_eq!(ended.response().header_value("x-remove"), None);
    assert_eq!(
        ended.response().header_value("x-returned"),
        Some("Some(Http([98]))")
    );

    let ended = host.call(request()).raises("KeyError", "'x'");
    assert_eq!(
        (ended.response().status, &*ended.response().body),
        (502, &b"sorry"[..])
    );
    assert!(matches!(ended.attribute("raised"), Some(Value::Str(name)) if name == "KeyError"));

    for (ended, status) in [
        (host.call(request()).times_out(), 504),
        (host.call(request()).is_cancelled(), 503),
        (
            host.call(request()).is_answered_by("cache", Response::new(304)),
            304,
        ),
    ] {
        assert_eq!(ended.response().status, status);
        assert_eq!(ended.response().header_value("x-returned"), Some("None"));
    }
    let counted = host.call(Request::get("/api/test?blocks")).returns_text("");
    assert_eq!(
        counted.response().header_value("x-blocks"),
        Some("Some((1000, 1100))")
    );
    host.call_without_request().returns_text("").assert_no_error();
}

#[test]
fn errors_of_post_hooks() {
    let host = host();
    for (state, expected) in [
        ("post-fails", Some("post went wrong")),
        ("post-waits", Some("too late")),
        ("", None),
    ] {
        let ended = host
            .call(Request::get("/").header("x-state", state))
            .returns_text("");
        assert_eq!(ended.error().map(Error::message), expected, "{state}");
    }
}

#[test]
fn attributes_and_objects() {
    let host = TestHost::app::<Everything>(json!({ "greeting": "ahoy" })).expect("good settings");
    let call = host.call(Request::get("/?wait").header("traceparent", "00-9-9-00"));
    assert!(matches!(call.attribute("plain"), Some(Value::Int(7))));
    assert!(matches!(call.attribute("late"), Some(Value::Bool(true))));
    assert!(call.attribute("none").is_none());
    assert_eq!(call.trace_context(), ("00-9-9-00".to_owned(), String::new()));

    let greeter = call.object("greeter").expect("an object");
    let name = |name: &str| Arguments {
        positional: vec![name.into()],
        ..Arguments::default()
    };
    assert!(matches!(greeter.call("greet", name("Ada")), Ok(Value::Str(text)) if text == "ahoy Ada"));
    let other = greeter
        .call_object("other", Arguments::default())
        .expect("another");
    assert!(matches!(other.get("greeting"), Ok(Some(Value::Str(text))) if text == "bye"));
    assert!(greeter.call_object("greet", name("x")).is_err(), "no object");
    let refused = greeter.set("greeting", "x").expect_err("it has none to set");
    assert_eq!(refused.kind(), ErrorKind::Attribute);
    greeter.enter().expect("a context manager");
    let swallows = |name| greeter.exit(Some(Exception::new(name, ""))).expect("it ends");
    assert!(swallows("ValueError") && !swallows("KeyError"));

    let call = host.call(Request::get("/?trace"));
    assert_eq!(call.trace_context(), ("00-1-2-01".to_owned(), "a=b".to_owned()));
}

#[test]
fn logs_and_metrics_are_a_hosts_own() {
    let host = host();
    let other = TestHost::app::<Everything>(json!({ "most": 9 })).expect("good settings");
    let texts = |host: &TestHost| -> Vec<String> {
        let logs = host.logs().into_iter();
        logs.map(|record| format!("{} {}", record.level, record.message))
            .collect()
    };
    assert_eq!(
        texts(&host),
        ["INFO begins most=3", "INFO test at Some(\"api/test\")"]
    );
    assert_eq!(texts(&other)[0], "INFO begins most=9");
    let ended = host
        .call(Request::post("/?wait").body("x".repeat(50)))
        .returns_text("");
    let of_call: Vec<String> = ended.logs().into_iter().map(|record| record.message).collect();
    assert_eq!(of_call, ["waited", "Returned"]);
    assert_eq!(host.histogram("size_bytes", &[]), Some(vec![50.0]));
    assert_eq!(other.histogram("size_bytes", &[]), Some(vec![]));
    assert!(other.flush(Duration::from_secs(1)).is_ok());
    assert!(host.shutdown(Duration::from_secs(1)).is_ok());
    assert!(other.shutdown(Duration::ZERO).is_err());
}

struct PerFunction(String);

impl FunctionExtension for PerFunction {
    type Settings = ();
    type State = ();
    const HOOKS: Hooks = Hooks::PRE_INVOCATION;

    fn init(_settings: (), _app: &AppInfo<'_>, function: &Function<'_>) -> Result<Self> {
        Ok(PerFunction(format!("{} {}", function.name(), function.trigger())))
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<()>> {
        call.set_attribute("function", self.0.as_str());
        Ok(Flow::Continue(()))
    }
}

#[test]
fn function_level_extensions() {
    let host = TestHost::function::<PerFunction>(json!({})).expect("made");
    assert!(matches!(
        host.call(Request::get("/")).attribute("function"),
        Some(Value::Str(text)) if text == "test httpTrigger"
    ));
    let timer = TestFunction::with_trigger("clock", "timerTrigger");
    let host = TestHost::function_with::<PerFunction>(json!({}), timer).expect("made");
    let call = host.call_without_request();
    assert!(matches!(call.attribute("function"), Some(Value::Str(text)) if text == "clock timerTrigger"));
}
