//! A state is dropped exactly once: by the post hook that takes it, or else by the host.

use std::marker::PhantomData;
use std::sync::Arc;

use funcdock_extension_api::{
    AppExtension, AppInfo, Error, Flow, Hooks, Invocation, Outcome, Response, Result, export_extension,
};

use crate::support::{Settings, call, config, counts, docked, enter, invocation, note, noted};
use funcdock::extensions::HookProgress;

/// A state with so many words behind its label: up to three words are carried in place.
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

/// Makes states, and does what its settings say: with `HAS_POST`, in a post hook.
struct Stateful<const WORDS: usize, const HAS_POST: bool> {
    settings: Settings,
    _state: PhantomData<State<WORDS>>,
}

impl<const WORDS: usize, const HAS_POST: bool> AppExtension for Stateful<WORDS, HAS_POST> {
    type Settings = Settings;
    type State = State<WORDS>;
    const HOOKS: Hooks = if HAS_POST {
        Hooks::POST_INVOCATION
    } else {
        Hooks::PRE_INVOCATION
    };

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stateful {
            settings,
            _state: PhantomData,
        })
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<State<WORDS>>> {
        note(&self.settings.label, "made");
        Ok(Flow::Continue(State {
            label: self.settings.label.as_str().into(),
            words: [7; WORDS],
            faulty: self.settings.what == "faulty",
        }))
    }

    fn post_invocation(
        &self,
        _call: &mut Invocation<'_>,
        state: State<WORDS>,
        _: &Outcome<'_>,
    ) -> Result<()> {
        note(&self.settings.label, "taken");
        match self.settings.what.as_str() {
            "panic" => panic!("on purpose"),
            "error" => Err(Error::msg("on purpose")),
            "forget" => {
                std::mem::forget(state);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

export_extension!(Stateful<0, true>, name = "in-place");
export_extension!(Stateful<8, true>, name = "boxed");
export_extension!(Stateful<0, false>, name = "in-place-without-post");
export_extension!(Stateful<8, false>, name = "boxed-without-post");

/// Ends calls before the function does.
struct Ends(Settings);

impl AppExtension for Ends {
    type Settings = Settings;
    type State = ();
    const HOOKS: Hooks = Hooks::PRE_INVOCATION;

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

export_extension!(Ends, name = "ends");

#[test]
fn states_that_are_taken() {
    for extension in ["in-place", "boxed"] {
        for what in ["well", "error", "panic", "faulty"] {
            let label = format!("{extension} {what}");
            let (extensions, function) = docked(&[config(extension, &label, what)]);
            call(&function);
            assert_eq!(noted(&label), ["made", "taken", "dropped"], "{label}");
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
        // The host leaves alone what the extension has taken.
        let label = format!("{extension} forget");
        let (_extensions, function) = docked(&[config(extension, &label, "forget")]);
        call(&function);
        assert_eq!(noted(&label), ["made", "taken"]);
    }
}

#[test]
fn states_that_nobody_takes() {
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
            let mut expected = vec!["made", "taken", "dropped"];
            expected.retain(|what| *what != "taken" || !extension.ends_with("without-post"));
            assert_eq!(noted(&label), expected, "{label}");
        }
    }
}
