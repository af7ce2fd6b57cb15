use serde_json::json;

use super::*;

fn text<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}: {error}", error.kind()),
    }
}

#[test]
fn values_become_types_of_rust() {
    assert_eq!(text(Value::Int(7).to::<i64>()), "7");
    assert_eq!(text(Value::Int(7).to::<f64>()), "7.0");
    assert_eq!(text(Value::Bytes(vec![1]).to::<Vec<u8>>()), "[1]");
    assert_eq!(text(Value::None.to::<Option<String>>()), "None");
    let list = Value::List(vec![1.into(), 2.into()]);
    assert_eq!(text(list.to::<Vec<u32>>()), "[1, 2]");
    let map = Value::Map(vec![("a".to_owned(), true.into())]);
    assert_eq!(text(map.to::<BTreeMap<String, bool>>()), "{\"a\": true}");
    for (found, expected) in [
        (
            text(Value::Str("x".to_owned()).to::<i64>()),
            "Type: expected int, found str",
        ),
        // As in Python's typing, and not as in its arithmetic.
        (
            text(Value::Bool(true).to::<i64>()),
            "Type: expected int, found bool",
        ),
        (
            text(Value::Int(-1).to::<u32>()),
            "Value: expected a number from 0 to 4294967295, found -1",
        ),
        (text(Value::None.to::<String>()), "Type: expected str, found None"),
        (
            text(Value::List(vec![Value::None]).to::<Vec<String>>()),
            "Type: expected str, found None",
        ),
        (
            text(Value::Int(1).to::<Vec<i64>>()),
            "Type: expected list, found int",
        ),
        (
            text(Value::Float(f64::NAN).to::<serde_json::Value>()),
            "Value: NaN has no form in JSON",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn json_goes_both_ways() {
    let json = json!({ "a": [1, 1.5, "text", null, true], "b": { "c": [] } });
    assert_eq!(
        text(Value::from(json.clone()).to::<serde_json::Value>()),
        format!("{json:?}")
    );
    assert_eq!(text(Ok(Value::from(json!(u64::MAX)))), "1.8446744073709552e19");
    assert_eq!(text(Ok(Value::from(vec![Some("a"), None]))), "[\"a\", None]");
}

#[test]
fn arguments_are_typed() {
    type Two = (i64, Option<String>);
    let parse = |positional: Vec<Value>, keyword: Vec<(String, Value)>| {
        text(Arguments::new(positional, keyword).parse::<Two, 2>(["by", "label"]))
    };
    let label = |value: Value| vec![("label".to_owned(), value)];
    assert_eq!(parse(vec![1.into()], vec![]), "(1, None)");
    assert_eq!(parse(vec![1.into()], label("a".into())), "(1, Some(\"a\"))");
    assert_eq!(parse(vec![1.into(), Value::None], vec![]), "(1, None)");
    assert_eq!(parse(vec![], vec![]), "Type: missing a required argument: \"by\"");
    assert_eq!(
        parse(vec!["x".into()], vec![]),
        "Type: by: expected int, found str"
    );
    assert_eq!(
        parse(vec![1.into()], label(2.into())),
        "Type: label: expected str, found int"
    );
    assert_eq!(
        parse(vec![1.into(), "a".into(), 3.into()], vec![]),
        "Type: takes 2 arguments but 3 were given"
    );
    assert_eq!(text(Arguments::default().parse::<(), 0>([])), "()");
}
