//! Extensions that note what happens to a streamed response.

use funcdock_extension_api::{
    AppInfo, Error, Extension, Flow, Invocation, Outcome, Result, StreamEnd, extension,
};

use crate::support::{Settings, note};

/// What is alive until the last hook of a call.
pub(super) struct State {
    label: String,
    name: &'static str,
}

impl Drop for State {
    fn drop(&mut self) {
        note(&self.label, format!("state {} dropped", self.name));
    }
}

/// Notes its hooks, and does what its settings say.
struct Watcher(Settings);

impl Watcher {
    fn pre(&self, name: &'static str) -> Flow<State> {
        note(&self.0.label, format!("pre {name}"));
        Flow::Continue(State {
            label: self.0.label.clone(),
            name,
        })
    }

    fn post(&self, call: &mut Invocation<'_>, state: &State, outcome: &Outcome<'_>) -> Result<()> {
        let how = if outcome.is_streamed() {
            "streamed"
        } else {
            "whole"
        };
        note(&self.0.label, format!("post {} {how}", state.name));
        let mut response = call.response().ok_or_else(|| Error::msg("it is HTTP"))?;
        assert_eq!(response.is_streamed(), outcome.is_streamed());
        response.set_header("x-seen", "yes")?;
        match self.0.what.as_str() {
            "replace" => response.set_body("replaced"),
            "post error" => return Err(Error::msg("on purpose")),
            _ => {}
        }
        Ok(())
    }

    fn ended(&self, call: &mut Invocation<'_>, state: &State, end: &StreamEnd<'_>) -> Result<()> {
        let exception = end.exception().map_or_else(
            || "-".to_owned(),
            |exception| format!("{}: {}", exception.type_name, exception.message),
        );
        let text = format!(
            "ended {} {:?} {} {exception}",
            state.name,
            end.kind(),
            end.bytes()
        );
        note(&self.0.label, text);
        assert!(call.response().is_none(), "it has been sent");
        let waits = call
            .wait_for(async { Ok(()) })
            .expect_err("nothing comes after it");
        assert!(waits.message().starts_with("stream_ended cannot wait"), "{waits}");
        match self.0.what.as_str() {
            "panic" => panic!("on purpose"),
            "error" => Err(Error::msg("on purpose")),
            _ => Ok(()),
        }
    }
}

/// The attribute is on a type of its own for each name.
macro_rules! watcher {
    ($type:ident, $name:literal, $short:literal) => {
        struct $type(Watcher);

        #[extension(name = $name)]
        impl Extension for $type {
            type Settings = Settings;
            type State = State;

            fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
                Ok($type(Watcher(settings)))
            }

            fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<State>> {
                Ok(self.0.pre($short))
            }

            fn post_invocation(
                &self,
                call: &mut Invocation<'_>,
                state: &mut State,
                outcome: &Outcome<'_>,
            ) -> Result<()> {
                self.0.post(call, state, outcome)
            }

            fn stream_ended(
                &self,
                call: &mut Invocation<'_>,
                state: &mut State,
                end: &StreamEnd<'_>,
            ) -> Result<()> {
                self.0.ended(call, state, end)
            }
        }
    };
}

watcher!(A, "stream-a", "a");
watcher!(B, "stream-b", "b");
watcher!(C, "stream-c", "c");

/// Has no other hook around calls.
struct Only(Settings);

#[extension(name = "stream-only")]
impl Extension for Only {
    type Settings = Settings;

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Only(settings))
    }

    fn stream_ended(&self, _call: &mut Invocation<'_>, _state: &mut (), end: &StreamEnd<'_>) -> Result<()> {
        note(
            &self.0.label,
            format!("ended only {:?} {}", end.kind(), end.bytes()),
        );
        Ok(())
    }
}
