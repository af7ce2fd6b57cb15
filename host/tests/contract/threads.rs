//! Which hooks are called, and on which threads.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};

use funcdock::model::Attribute;
use funcdock_extension_api::{
    AppInfo, ContextObject, Extension, Flow, Invocation, Outcome, Result, abi, extension,
};

use crate::support::{DEADLINE, Settings, call, config, docked, invocation, note, noted};

/// Meets another call of itself in each hook.
struct Meets(Barrier, Settings);

#[extension(name = "meets")]
impl Extension for Meets {
    type Settings = Settings;
    type State = ();

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Meets(Barrier::new(2), settings))
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        self.0.wait();
        Ok(Flow::Continue(()))
    }

    fn post_invocation(
        &self,
        _call: &mut Invocation<'_>,
        _state: &mut (),
        _outcome: &Outcome<'_>,
    ) -> Result<()> {
        self.0.wait();
        note(&self.1.label, "met");
        Ok(())
    }
}

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

/// Checked by the compiler: the traits require `Send` and `Sync`.
#[test]
fn what_the_host_shares_between_threads_may_be_shared() {
    fn shared<T: Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    fn of_extensions<E: Extension>() {
        shared::<E>();
        sent::<E::State>();
    }
    fn of_objects<O: ContextObject>() {
        shared::<O>();
    }
    let _ = (of_extensions::<Meets>, of_objects::<Nothing>);
}

struct Nothing;

impl ContextObject for Nothing {
    fn class_name(&self) -> &str {
        "Nothing"
    }
}

/// An extension has the hooks that its impl block has.
#[test]
fn hooks_that_are_left_out_are_never_called() {
    struct Silent;
    #[extension(name = "silent")]
    impl Extension for Silent {
        type Settings = Settings;
        fn init(_settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
            Ok(Silent)
        }
    }

    let (mut extensions, function) = docked(&[config("silent", "silent", "")]);
    assert!(function.chain.is_empty());
    call(&function);
    extensions.shutdown(DEADLINE);
    assert!(extensions.report()[0].hooks.is_empty());
}

/// Attributes do not need hooks around calls.
#[test]
fn an_extension_without_hooks_makes_attributes() {
    struct Maker;
    #[extension(name = "maker")]
    impl Extension for Maker {
        type Settings = Settings;
        fn init(_settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
            Ok(Maker)
        }
        #[attribute]
        fn made(&self, call: &Invocation<'_>) -> String {
            format!("made for {}", call.function().name())
        }
    }

    let (_extensions, function) = docked(&[config("maker", "maker", "")]);
    assert!(function.chain.is_empty(), "no hooks around calls");
    let invocation = invocation(&function);
    assert_eq!(function.chain.attribute_names(&invocation), ["made"]);
    let made = function.chain.attribute(&invocation, "made");
    let Some(Attribute::Value(value)) = made else {
        panic!("it makes the attribute")
    };
    assert!(matches!(&*value, abi::Value::Str(text) if text == "made for one"));
    assert!(function.chain.attribute(&invocation, "other").is_none());
}
