//! Which hooks are called, and on which threads.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use funcdock_extension_api::{
    AppExtension, AppInfo, ContextObject, Flow, Function, FunctionExtension, Hooks, Invocation, Outcome,
    Result, export_extension,
};

use crate::support::{DEADLINE, Settings, call, config, docked, note, noted};

/// Meets another call of itself in each hook.
struct Meets(Barrier, Settings);

impl AppExtension for Meets {
    type Settings = Settings;
    type State = ();

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Meets(Barrier::new(2), settings))
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        self.0.wait();
        Ok(Flow::Continue(()))
    }

    fn post_invocation(&self, _call: &mut Invocation<'_>, (): (), _outcome: &Outcome<'_>) -> Result<()> {
        self.0.wait();
        note(&self.1.label, "met");
        Ok(())
    }
}

export_extension!(Meets, name = "meets");

/// Nothing in the host makes one call's hooks wait for another's.
#[test]
fn hooks_run_on_several_threads_at_once() {
    let (_extensions, function) = docked(&[config("meets", "meets", "")]);
    let (done, both) = channel();
    for _ in 0..2 {
        let (function, done) = (Arc::clone(&function), done.clone());
        std::thread::spawn(move || {
            call(&function);
            let _ = done.send(());
        });
    }
    for _ in 0..2 {
        both.recv_timeout(DEADLINE)
            .expect("both calls are in the hook at once");
    }
    assert_eq!(noted("meets"), ["met", "met"]);
}

/// The type system keeps authors to it: this compiles as each trait asks for it.
#[test]
fn what_the_host_shares_between_threads_may_be_shared() {
    fn shared<T: Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    fn of_app_level<E: AppExtension>() {
        shared::<E>();
        sent::<E::State>();
    }
    fn of_function_level<E: FunctionExtension>() {
        shared::<E>();
        sent::<E::State>();
    }
    fn of_objects<O: ContextObject>() {
        shared::<O>();
    }
    let _ = (
        of_app_level::<Meets>,
        of_function_level::<Nowhere>,
        of_objects::<Nothing>,
    );
}

struct Nowhere;

impl FunctionExtension for Nowhere {
    type Settings = ();
    type State = ();

    fn init(_settings: (), _app: &AppInfo<'_>, _function: &Function<'_>) -> Result<Self> {
        Ok(Nowhere)
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        Ok(Flow::Continue(()))
    }
}

struct Nothing;

impl ContextObject for Nothing {
    fn class_name(&self) -> &str {
        "Nothing"
    }
}

/// A hook that is not in the set is never called.
#[test]
fn hooks_that_are_not_declared_are_never_called() {
    struct Silent;
    impl AppExtension for Silent {
        type Settings = Settings;
        type State = ();
        const HOOKS: Hooks = Hooks::NONE;
        fn init(_settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
            Ok(Silent)
        }
        fn post_function_load(&self, _function: &Function<'_>) -> Result<()> {
            unreachable!("it is not declared")
        }
        fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
            unreachable!("it is not declared")
        }
        fn shutdown(&self, _deadline: Duration) -> Result<()> {
            unreachable!("it is not declared")
        }
    }
    export_extension!(Silent, name = "silent");

    let (mut extensions, function) = docked(&[config("silent", "silent", "")]);
    assert!(function.chain.is_empty());
    call(&function);
    extensions.shutdown(DEADLINE);
    assert!(extensions.report()[0].hooks.is_empty());
}
