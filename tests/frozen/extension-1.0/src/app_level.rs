//! An app-level extension: every hook, every value, a state that is boxed.

use std::time::Duration;

use funcdock_extension_api::{AppInfo, Error, Extension, Flow, Function, Invocation, Outcome, Response, Result, StreamEnd, Value, extension};
use serde_json::{Value as Json, json};

use crate::record::{Record, Settings, States, Token};
use crate::tool::Tool;

static STATES: States = States::NONE;

struct Everything(Record);

/// More than the three words that are carried in place.
struct State {
    invocation: String,
    numbers: [u64; 4],
    _token: Token,
}

/// What the host says about a function.
pub(crate) fn describe(function: &Function<'_>) -> Json {
    json!({
        "function": function.name(),
        "directory": function.directory(),
        "trigger": function.trigger(),
        "route": function.route(),
    })
}

fn request(call: &Invocation<'_>) -> Option<Json> {
    let request = call.http_request()?;
    Some(json!({
        "method": request.method(),
        "path": request.path(),
        "query": request.query(),
        "version": request.version(),
        "headers": request.headers().map(|(name, _)| name).collect::<Vec<_>>(),
        "accept": request.header("Accept"),
        "bytes": request.header_bytes("x-bytes"),
        "not text": request.header("x-bytes"),
        "body": request.body(),
        "client": request.client_address(),
    }))
}

fn set_attributes(call: &mut Invocation<'_>) -> Result<()> {
    call.set_attribute("nothing", ())?;
    call.set_attribute("truth", true)?;
    call.set_attribute("whole", i64::MIN)?;
    call.set_attribute("fraction", 0.5)?;
    call.set_attribute("text", "\u{20ac} text")?;
    call.set_attribute("owned", String::from("owned"))?;
    call.set_attribute("bytes", Value::Bytes(vec![0, 255]))?;
    call.set_attribute(
        "items",
        Value::List(vec![Value::Int(1), Value::List(vec![Value::None])]),
    )?;
    call.set_attribute(
        "entries",
        Value::Map(vec![("z".into(), 1.into()), ("a".into(), "b".into())]),
    )?;
    call.set_attribute("tool", Value::object(Tool::new("first")))?;
    Ok(())
}

#[extension(name = "everything")]
impl Extension for Everything {
    type Settings = Settings;
    type State = State;

    fn configure(settings: &Settings) -> Result<()> {
        settings.check()
    }

    fn init(settings: Settings, app: &AppInfo<'_>) -> Result<Self> {
        let record = Record::open(settings)?;
        record.write(
            "init",
            json!({ "root": app.root(), "worker": app.worker_index(), "workers": app.worker_count() }),
        )?;
        Ok(Everything(record))
    }

    fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
        self.0.write("post_function_load", describe(function))
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<State>> {
        let trace = call.trace_context();
        self.0.write(
            "pre_invocation",
            json!({
                "invocation": call.id(),
                "function": describe(&call.function()),
                "traceparent": trace.traceparent,
                "tracestate": trace.tracestate,
                "retry": call.retry(),
                "request": request(call),
            }),
        )?;
        tracing::error!("a line of level error");
        tracing::warn!("a line of level warn");
        tracing::info!(answer = 42, name = "value", "a line of level {}", "info");
        tracing::debug!("a line of level debug");
        tracing::trace!("a line of level trace");
        call.set_trace_context(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "frozen=1",
        );
        set_attributes(call)?;
        let trace = call.trace_context();
        let read = ["nothing", "truth", "whole", "bytes", "entries", "tool", "missing"];
        let reserved = call.set_attribute("invocation_id", "mine").err();
        self.0.write(
            "set",
            json!({
                "trace": [trace.trace_id(), trace.span_id()],
                "attributes": read.map(|name| format!("{:?}", call.attribute(name))),
                "reserved": reserved.map(|error| error.message().to_owned()),
                "elapsed": call.elapsed() < Duration::from_secs(60),
            }),
        )?;
        Ok(Flow::Continue(State {
            invocation: call.id().to_owned(),
            numbers: [1, 2, 3, 4],
            _token: STATES.make(),
        }))
    }

    fn post_invocation(&self, call: &mut Invocation<'_>, state: &mut State, outcome: &Outcome<'_>) -> Result<()> {
        let exception = outcome.exception().map(|exception| {
            json!({
                "type": exception.type_name,
                "message": exception.message,
                "traceback": exception.traceback,
            })
        });
        self.0.write(
            "post_invocation",
            json!({
                "invocation": call.id(),
                "state": state.invocation,
                "numbers": state.numbers,
                "outcome": format!("{:?}", outcome.kind()),
                "status": outcome.status(),
                "streamed": outcome.is_streamed(),
                "called": outcome.function_time().is_some(),
                "extension": outcome.extension(),
                "exception": exception,
            }),
        )
    }

    fn stream_ended(&self, call: &mut Invocation<'_>, state: &mut State, end: &StreamEnd<'_>) -> Result<()> {
        let exception = end.exception().map(|exception| {
            json!({
                "type": exception.type_name,
                "message": exception.message,
                "traceback": exception.traceback,
            })
        });
        self.0.write(
            "stream_ended",
            json!({
                "invocation": call.id(),
                "state": state.invocation,
                "numbers": state.numbers,
                "end": format!("{:?}", end.kind()),
                "bytes": end.bytes(),
                "exception": exception,
            }),
        )
    }

    fn shutdown(&self, deadline: Duration) -> Result<()> {
        let deadline = deadline.as_millis() as u64;
        self.0.write(
            "shutdown",
            json!({ "deadline_ms": deadline, "states": STATES.counts() }),
        )
    }
}

/// Does what the header `x-do` requests.
pub(crate) fn do_as_requested<S>(call: &Invocation<'_>, go_on: impl FnOnce() -> S) -> Result<Flow<S>> {
    let request = call.http_request();
    match request.and_then(|request| request.header("x-do")) {
        Some("respond") => Ok(Flow::Respond(
            Response::new(418)
                .header("x-made-by", "the extension")
                .header("x-twice", "one")
                .header("x-twice", "two")
                .body("instead"),
        )),
        Some("refuse") => Ok(Flow::Fail(Error::msg("refused as requested"))),
        Some("fail") => Ok(Flow::Continue({
            let _: u16 = "not a number".parse()?;
            go_on()
        })),
        Some("panic") => panic!("as requested"),
        _ => Ok(Flow::Continue(go_on())),
    }
}
