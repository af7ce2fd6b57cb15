//! Tests of `value.rs`.

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
    assert_eq!(bound(1, &["a"]), "got multiple values for argument \"a\"");
    assert_eq!(
        bound(0, &["c"]),
        "got an unexpected keyword argument \"c\" (takes a, b)"
    );
}
