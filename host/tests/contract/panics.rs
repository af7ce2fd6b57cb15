//! The host catches panics of extensions everywhere, also in destructors.

use std::sync::Arc;
use std::time::Duration;

use abi_stable::std_types::{ROption, RStr, RVec};
use funcdock::extensions::HookProgress;
use funcdock::model::Attribute;
use funcdock_extension_api::{
    AppInfo, Arguments, ContextObject, Exception, Extension, Flow, Function, Invocation, Outcome, Result,
    Value, abi, extension,
};

use crate::support::{
    DEADLINE, Settings, call, config, counts, docked, enter, invocation, loaded, note, noted, started,
};

/// Panics in the place that its settings name.
struct Panics(Settings);

/// A panic value that panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose, in the destructor of a panic's value");
    }
}

fn panic_in(place: &str, here: &str) {
    match place.strip_prefix(here) {
        Some("") => panic!("on purpose in {here}"),
        Some(" with a number") => std::panic::panic_any(7_u8),
        Some(" with a bomb") => std::panic::panic_any(Bomb),
        _ => {}
    }
}

#[extension(name = "panics")]
impl Extension for Panics {
    type Settings = Settings;
    type State = ();

    fn configure(settings: &Settings) -> Result<()> {
        panic_in(&settings.what, "configure");
        Ok(())
    }

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        panic_in(&settings.what, "init");
        Ok(Panics(settings))
    }

    fn post_function_load(&self, _function: &Function<'_>) -> Result<()> {
        panic_in(&self.0.what, "post_function_load");
        Ok(())
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<()>> {
        call.set_attribute("faulty", Value::object(Faulty(self.0.label.clone())))?;
        panic_in(&self.0.what, "pre_invocation");
        Ok(Flow::Continue(()))
    }

    fn post_invocation(
        &self,
        _call: &mut Invocation<'_>,
        _state: &mut (),
        _outcome: &Outcome<'_>,
    ) -> Result<()> {
        panic_in(&self.0.what, "post_invocation");
        Ok(())
    }

    fn shutdown(&self, _deadline: Duration) -> Result<()> {
        panic_in(&self.0.what, "shutdown");
        Ok(())
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        note(&self.0.label, "drop");
        panic_in(&self.0.what, "drop");
    }
}

#[test]
fn panics_of_configure_and_init_are_errors_with_their_message() {
    for (place, message) in [
        ("configure", "panicked: on purpose in configure (at "),
        ("init", "panicked: on purpose in init (at "),
        ("init with a number", "panicked: a value that is not text (at "),
        ("init with a bomb", "panicked: a value that is not text (at "),
    ] {
        let mut extensions = match loaded(&[config("panics", place, place)]) {
            Err(error) => {
                assert!(
                    place == "configure" && error.to_string().contains(message),
                    "{place}: {error}"
                );
                continue;
            }
            Ok(extensions) => extensions,
        };
        let error = started(&mut extensions, &["one"]).err().expect("it panics");
        assert!(error.to_string().contains(message), "{place}: {error}");
    }
}

#[test]
fn panics_of_hooks_are_counted() {
    for hook in [
        "post_function_load",
        "pre_invocation",
        "post_invocation",
        "shutdown",
    ] {
        for how in ["", " with a number", " with a bomb"] {
            let what = format!("{hook}{how}");
            let (mut extensions, function) = docked(&[config("panics", &what, &what)]);
            call(&function);
            drop(function);
            extensions.shutdown(DEADLINE);
            assert_eq!(counts(&extensions, "panics", hook), [1, 0, 1], "{what}");
            let all = [
                "post_function_load",
                "pre_invocation",
                "post_invocation",
                "shutdown",
            ];
            for other in all.into_iter().filter(|other| *other != hook) {
                // A pre hook that panicked has no post hook.
                let calls = u64::from((hook, other) != ("pre_invocation", "post_invocation"));
                assert_eq!(
                    counts(&extensions, "panics", other),
                    [calls, 0, 0],
                    "{other} after {what}"
                );
            }
            assert_eq!(noted(&what), ["an object is dropped", "drop"], "{what}");
        }
    }
}

#[test]
fn a_panic_in_the_destructor_of_an_instance_stays_in_it() {
    for what in ["drop", "drop with a bomb"] {
        let (mut extensions, function) = docked(&[config("panics", what, what)]);
        drop(function);
        extensions.shutdown(DEADLINE);
        assert_eq!(noted(what), ["drop"]);
        assert_eq!(
            counts(&extensions, "panics", "shutdown"),
            [1, 0, 0],
            "its shutdown went well"
        );
    }
}

/// An object that panics in everything.
struct Faulty(String);

impl ContextObject for Faulty {
    fn class_name(&self) -> &str {
        panic!("on purpose")
    }
    fn methods(&self) -> &'static [&'static str] {
        panic!("on purpose")
    }
    fn call(&self, _method: &str, _arguments: Arguments) -> Result<Value> {
        panic!("on purpose")
    }
    fn get(&self, _name: &str) -> Result<Option<Value>> {
        panic!("on purpose")
    }
    fn set(&self, _name: &str, _value: Value) -> Result<()> {
        panic!("on purpose")
    }
    fn enter(&self) -> Result<Option<Value>> {
        panic!("on purpose")
    }
    fn exit(&self, _exception: Option<Exception<'_>>) -> Result<bool> {
        panic!("on purpose")
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        note(&self.0, "an object is dropped");
        panic!("on purpose, in a destructor")
    }
}

#[test]
fn panics_of_objects_are_errors_for_python() {
    let label = "objects";
    let (_extensions, function) = docked(&[config("panics", label, "")]);
    let invocation = invocation(&function);
    let mut progress = HookProgress::default();
    enter(&function, &invocation, &mut progress).expect("it goes on");
    let Some(Attribute::Object(object)) = invocation.attributes().get("faulty") else {
        panic!("the pre hook has set it")
    };
    let name = RStr::from_str("name");
    let errors = [
        object.get(name).into_result().err(),
        object.set(name, abi::Value::None).into_result().err(),
        object.call(name, RVec::new(), RVec::new()).into_result().err(),
        object.enter().into_result().err(),
        object.exit(ROption::RNone).into_result().err(),
    ];
    let (class, methods) = (object.class_name(), object.methods());
    assert_eq!(
        (class.as_str(), methods.len()),
        ("object", 0),
        "the defaults of an object that panics"
    );
    for error in errors {
        let error = error.expect("a panic");
        assert_eq!(error.kind, abi::ERROR_PANIC);
        assert!(
            error.message.starts_with("panicked: on purpose (at "),
            "{}",
            error.message
        );
    }
    drop(progress);
    drop(invocation);
    assert!(
        noted(label).is_empty(),
        "Python may hold it longer than the call lasts"
    );
    assert_eq!(Arc::strong_count(&object), 1);
    drop(object);
    assert_eq!(noted(label), ["an object is dropped"]);
}
