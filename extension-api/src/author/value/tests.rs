//! Tests of `object.rs`.

use super::*;

#[test]
fn arguments_bind_as_in_python() {
    let bound = |positional: usize, keyword: &[&str]| {
        let arguments = Arguments {
            positional: (0..positional).map(|i| Value::Int(i as i64)).collect(),
            keyword: keyword
                .iter()
                .map(|name| ((*name).to_owned(), Value::Bool(true)))
                .collect(),
        };
        match arguments.bind(["a", "b"]) {
            Ok(values) => format!("{values:?}"),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(bound(0, &[]), "[None, None]");
    assert_eq!(bound(1, &["b"]), "[Some(0), Some(true)]");
    assert_eq!(bound(3, &[]), "takes 2 arguments but 3 were given");
    let one = Arguments {
        positional: vec![Value::None, Value::None],
        keyword: Vec::new(),
    };
    let error = one.bind(["a"]).expect_err("too many");
    assert_eq!(error.message(), "takes 1 argument but 2 were given");
    assert_eq!(bound(1, &["a"]), "multiple values for argument \"a\"");
    assert_eq!(bound(0, &["c"]), "unexpected keyword argument \"c\" (takes a, b)");
}

struct Faulty;

impl ContextObject for Faulty {
    fn class_name(&self) -> &str {
        "Faulty"
    }
    fn methods(&self) -> &'static [&'static str] {
        &["burst"]
    }
    fn call(&self, _method: &str, _arguments: Arguments) -> Result<Value> {
        panic!("on purpose")
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        panic!("on purpose, in a destructor")
    }
}

#[test]
fn a_panicking_method_and_destructor_stay_inside() {
    crate::guard::install_panic_hook();
    let object = into_abi(Box::new(Faulty));
    // SAFETY: the object is alive, and the arguments are owned.
    let result =
        unsafe { (object.functions.call())(object.this, RStr::from_str("burst"), RVec::new(), RVec::new()) };
    let error = result.into_result().err().expect("a panic is an error");
    assert_eq!(error.kind, abi::ERROR_PANIC);
    assert!(
        error.message.starts_with("panicked: on purpose (at "),
        "{}",
        error.message
    );
    drop(object);
}
