//! A state is dropped exactly once: after the last hook of its call, whatever that hook does.

use std::sync::Arc;

use funcdock_extension_api::{
    AppInfo, Error, Extension, Flow, Invocation, Outcome, Response, Result, StreamEnd, extension,
};

use crate::support::{Settings, call, config, counts, docked, enter, invocation, note, noted};
use funcdock::extensions::HookProgress;

/// A state with `WORDS` words behind its label: up to three words are stored in place.
pub(crate) struct State<const WORDS: usize> {
    label: Arc<str>,
    words: [usize; WORDS],
    /// Whether its destructor panics.
    faulty: bool,
}

impl<const WORDS: usize> Drop for State<WORDS> {
    fn drop(&mut self) {
        assert_eq!(self.words, [7; WORDS], "what came is not what went");
        note(&self.label, "dropped");
        assert!(!self.faulty, "on purpose, in a state's destructor");
    }
}

/// Makes states, and does what its settings say in its post hook, if it has one.
struct Stateful<const WORDS: usize, const HAS_POST: bool>(Settings);

impl<const WORDS: usize, const HAS_POST: bool> Stateful<WORDS, HAS_POST> {
    fn make(&self) -> Flow<State<WORDS>> {
        note(&self.0.label, "made");
        Flow::Continue(State {
            label: self.0.label.as_str().into(),
            words: [7; WORDS],
            faulty: self.0.what == "faulty",
        })
    }

    fn see(&self, state: &State<WORDS>, hook: &str) -> Result<()> {
        assert_eq!(state.words, [7; WORDS], "what came is not what went");
        note(&self.0.label, hook);
        match self.0.what.as_str() {
            "panic" => panic!("on purpose"),
            "error" => Err(Error::msg("on purpose")),
            _ => Ok(()),
        }
    }
}

/// The attribute is on a type without parameters.
macro_rules! stateful {
    ($words:literal, $name:literal) => {
        #[extension(name = $name)]
        impl Extension for Stateful<$words, true> {
            type Settings = Settings;
            type State = State<$words>;

            fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
                Ok(Stateful(settings))
            }

            fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<State<$words>>> {
                Ok(self.make())
            }

            fn post_invocation(
                &self,
                _call: &mut Invocation<'_>,
                state: &mut State<$words>,
                _: &Outcome<'_>,
            ) -> Result<()> {
                self.see(state, "post")
            }

            fn stream_ended(
                &self,
                _call: &mut Invocation<'_>,
                state: &mut State<$words>,
                _: &StreamEnd<'_>,
            ) -> Result<()> {
                self.see(state, "ended")
            }
        }
    };
    ($words:literal, $name:literal without post) => {
        #[extension(name = $name)]
        impl Extension for Stateful<$words, false> {
            type Settings = Settings;
            type State = State<$words>;

            fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
                Ok(Stateful(settings))
            }

            fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<State<$words>>> {
                Ok(self.make())
            }
        }
    };
}

stateful!(0, "in-place");
stateful!(8, "boxed");
stateful!(0, "in-place-without-post" without post);
stateful!(8, "boxed-without-post" without post);

/// Ends calls before the function does.
struct Ends(Settings);

#[extension(name = "ends")]
impl Extension for Ends {
    type Settings = Settings;
    type State = ();

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Ends(settings))
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        match self.0.what.as_str() {
            "answer" => Ok(Flow::Respond(Response::new(204))),
            _ => Ok(Flow::Fail(Error::msg("on purpose"))),
        }
    }
}

#[test]
fn states_that_the_post_hook_gets() {
    for extension in ["in-place", "boxed"] {
        for what in ["well", "error", "panic", "faulty"] {
            let label = format!("{extension} {what}");
            let (extensions, function) = docked(&[config(extension, &label, what)]);
            call(&function);
            assert_eq!(noted(&label), ["made", "post", "dropped"], "{label}");
            let failed = match what {
                "well" => [1, 0, 0],
                "error" => [1, 1, 0],
                _ => [1, 0, 1],
            };
            assert_eq!(
                counts(&extensions, extension, "post_invocation"),
                failed,
                "{label}"
            );
        }
    }
}

#[test]
fn states_that_no_hook_gets() {
    for extension in ["in-place-without-post", "boxed-without-post"] {
        for what in ["well", "faulty"] {
            let label = format!("{extension} {what}");
            let (_extensions, function) = docked(&[config(extension, &label, what)]);
            call(&function);
            assert_eq!(noted(&label), ["made", "dropped"], "{label}");
        }
    }
}

#[test]
fn states_of_a_call_that_is_given_up() {
    for extension in ["in-place", "boxed"] {
        let label = format!("{extension} given up");
        let (_extensions, function) = docked(&[config(extension, &label, "well")]);
        let invocation = invocation(&function);
        let mut progress = HookProgress::default();
        enter(&function, &invocation, &mut progress).expect("it goes on");
        assert_eq!(noted(&label), ["made"]);
        drop(progress);
        assert_eq!(noted(&label), ["made", "dropped"], "{label}");
    }
}

#[test]
fn states_of_a_call_that_a_later_extension_ends() {
    for extension in ["in-place", "boxed", "in-place-without-post"] {
        for what in ["answer", "refuse"] {
            let label = format!("{extension} before {what}");
            let configs = [config(extension, &label, "well"), config("ends", &label, what)];
            let (_extensions, function) = docked(&configs);
            call(&function);
            let mut expected = vec!["made", "post", "dropped"];
            expected.retain(|what| *what != "post" || !extension.ends_with("without-post"));
            assert_eq!(noted(&label), expected, "{label}");
        }
    }
}
