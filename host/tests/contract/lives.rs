//! An instance lives from `init` until after `shutdown`; it ends once, whatever happens to others.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use funcdock::extensions::{ExtensionState, HookProgress};
use funcdock_extension_api::{AppInfo, Error, Extension, Flow, FunctionInfo, Invocation, Result, extension};

use crate::support::{DEADLINE, Settings, config, docked, enter, invocation, loaded, note, noted, started};

/// Notes its `init`, `shutdown` and drop.
struct Life {
    settings: Settings,
    of: String,
}

impl Life {
    fn note(&self, what: &str) {
        note(&self.settings.label, format!("{what} {}", self.of));
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.note("drop");
    }
}

#[extension(name = "life")]
impl Extension for Life {
    type Settings = Settings;
    type State = ();

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        let of = "app".to_owned();
        let life = Life { settings, of };
        life.note("init");
        Ok(life)
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        Ok(Flow::Continue(()))
    }

    fn shutdown(&self, _deadline: Duration) -> Result<()> {
        self.note("shutdown");
        Ok(())
    }
}

/// The same for functions: `init` for the function that `what` names fails.
struct FunctionLife(Life);

#[extension(scope = function, name = "function-life")]
impl Extension for FunctionLife {
    type Settings = Settings;
    type State = ();

    fn init(settings: Settings, info: &FunctionInfo<'_>) -> Result<Self> {
        let of = info.function().name().to_owned();
        if settings.what == of {
            return Err(Error::msg(format!("not for {of}")));
        }
        assert!(settings.what != format!("panic {of}"), "on purpose");
        let life = Life { settings, of };
        life.note("init");
        Ok(FunctionLife(life))
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        Ok(Flow::Continue(()))
    }

    fn shutdown(&self, _deadline: Duration) -> Result<()> {
        self.0.note("shutdown");
        Ok(())
    }
}

#[test]
fn instances_end_in_reverse_order_each_dropped_after_its_shutdown() {
    let label = "reverse";
    let mut extensions =
        loaded(&[config("life", label, ""), config("function-life", label, "")]).expect("linked");
    let chains = started(&mut extensions, &["a", "b"]).expect("they start");
    assert_eq!(noted(label), ["init app", "init a", "init b"]);
    drop(chains);
    extensions.shutdown(DEADLINE);
    let ends = [
        "shutdown b",
        "drop b",
        "shutdown a",
        "drop a",
        "shutdown app",
        "drop app",
    ];
    assert_eq!(noted(label)[3..], ends);
    extensions.shutdown(DEADLINE);
    drop(extensions);
    assert_eq!(noted(label).len(), 3 + ends.len(), "once");
}

/// A call that was given up may still use the instance.
#[test]
fn an_instance_outlives_its_shutdown_as_long_as_calls_use_it() {
    let label = "outlives";
    let (mut extensions, function) = docked(&[config("life", label, "")]);
    let invocation = invocation(&function);
    let mut progress = HookProgress::default();
    enter(&function, &invocation, &mut progress).expect("it goes on");
    extensions.shutdown(DEADLINE);
    drop(extensions);
    assert_eq!(noted(label), ["init app", "shutdown app"]);
    drop(progress);
    drop(function);
    drop(invocation);
    assert_eq!(noted(label), ["init app", "shutdown app", "drop app"]);
}

/// The instances for the functions before the failing one exist by then.
#[test]
fn a_start_that_fails_ends_what_it_has_made() {
    for (what, found) in [("c", "not for c"), ("panic c", "panicked: on purpose")] {
        for required in [true, false] {
            let label = format!("fails {what} {required}");
            let mut failing = config("function-life", &label, what);
            failing.required = Some(required);
            let configs = [config("life", &label, ""), failing];
            let mut extensions = loaded(&configs).expect("linked");
            let chains = started(&mut extensions, &["a", "b", "c", "d"]);
            let ended = [
                "init app",
                "init a",
                "init b",
                "shutdown b",
                "drop b",
                "shutdown a",
                "drop a",
            ];
            assert_eq!(noted(&label), ended, "{label}");
            match chains {
                Err(error) => assert!(required && error.to_string().contains(found), "{error}"),
                Ok(chains) => {
                    assert!(!required, "{label}");
                    let hooks: Vec<_> = chains.iter().map(funcdock::extensions::HookChain::len).collect();
                    assert_eq!(hooks, [1; 4], "the other one is around all functions");
                    assert_eq!(extensions.report()[1].state, ExtensionState::Failed);
                }
            }
            extensions.shutdown(DEADLINE);
            assert_eq!(
                noted(&label)[ended.len()..],
                ["shutdown app", "drop app"],
                "{label}"
            );
        }
    }
}

/// In its shutdown or its destructor, notes that it is there, and blocks until the test releases it.
struct Slow(Settings);

type Gate = (Sender<()>, Receiver<()>);
static SLOW: Mutex<Vec<(String, Gate)>> = Mutex::new(Vec::new());

impl Slow {
    fn wait(&self, place: &str) {
        if self.0.what == place {
            note(&self.0.label, place);
            let mut gates = SLOW.lock().unwrap_or_else(PoisonError::into_inner);
            let at = gates.iter().position(|(label, _)| *label == self.0.label);
            let (_, (done, gate)) = gates.remove(at.expect("the test has made it"));
            drop(gates);
            let _ = gate.recv_timeout(DEADLINE);
            let _ = done.send(());
        }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.wait("drop");
    }
}

#[extension(name = "slow")]
impl Extension for Slow {
    type Settings = Settings;
    type State = ();

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Slow(settings))
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        Ok(Flow::Continue(()))
    }

    fn shutdown(&self, _deadline: Duration) -> Result<()> {
        self.wait("shutdown");
        Ok(())
    }
}

#[test]
fn what_does_not_end_in_time_is_left_behind() {
    for place in ["shutdown", "drop"] {
        let label = format!("slow {place}");
        let (let_go, gate) = channel();
        let (done, ended) = channel();
        SLOW.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((label.clone(), (done, gate)));
        let (mut extensions, function) = docked(&[config("life", &label, ""), config("slow", &label, place)]);
        drop(function);
        let start = Instant::now();
        extensions.shutdown(Duration::from_millis(50));
        assert!(start.elapsed() < DEADLINE, "{label}");
        assert_eq!(noted(&label)[..2], ["init app", place], "{label}");
        assert_eq!(
            noted(&label)[2..],
            ["shutdown app", "drop app"],
            "{label}: the others end all the same"
        );
        let_go.send(()).expect("it waits");
        ended.recv_timeout(DEADLINE).expect("it goes on where it was");
    }
}
