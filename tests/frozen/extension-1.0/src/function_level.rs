//! A function-level extension: every hook, a state that is carried in place, early answers, errors and panics.

use std::time::Duration;

use funcdock_extension_api::{Extension, Flow, Function, FunctionInfo, Invocation, Outcome, Result, StreamEnd, extension};
use serde_json::json;

use crate::app_level::{describe, do_as_requested};
use crate::record::{Record, Settings, States, Token};

static STATES: States = States::NONE;

struct EverythingFunction {
    record: Record,
    function: String,
}

/// Three words: carried in place.
struct State {
    number: u64,
    flag: bool,
    _token: Token,
}

#[extension(scope = function, name = "everything-function")]
impl Extension for EverythingFunction {
    type Settings = Settings;
    type State = State;

    fn configure(settings: &Settings) -> Result<()> {
        settings.check()
    }

    fn init(settings: Settings, info: &FunctionInfo<'_>) -> Result<Self> {
        let function = info.function();
        let record = Record::open(settings)?;
        let mut described = describe(&function);
        described["root"] = json!(info.root());
        described["worker"] = info.worker_index().into();
        record.write("init", described)?;
        Ok(EverythingFunction {
            record,
            function: function.name().to_owned(),
        })
    }

    fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
        self.record.write("post_function_load", describe(function))
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<State>> {
        self.record
            .write("pre_invocation", json!({ "function": self.function }))?;
        do_as_requested(call, || State {
            number: u64::MAX,
            flag: true,
            _token: STATES.make(),
        })
    }

    fn post_invocation(&self, _call: &mut Invocation<'_>, state: &mut State, outcome: &Outcome<'_>) -> Result<()> {
        self.record.write(
            "post_invocation",
            json!({
                "number": state.number,
                "flag": state.flag,
                "outcome": format!("{:?}", outcome.kind()),
            }),
        )
    }

    fn stream_ended(&self, _call: &mut Invocation<'_>, state: &mut State, end: &StreamEnd<'_>) -> Result<()> {
        self.record.write(
            "stream_ended",
            json!({
                "number": state.number,
                "flag": state.flag,
                "end": format!("{:?}", end.kind()),
            }),
        )
    }

    fn shutdown(&self, deadline: Duration) -> Result<()> {
        let deadline = deadline.as_millis() as u64;
        let states = STATES.counts();
        self.record
            .write("shutdown", json!({ "deadline_ms": deadline, "states": states }))
    }
}
