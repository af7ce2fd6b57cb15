//! The objects as the companion calls them, without Python.

use super::*;
use crate::attributes::TracedFunction;

fn invocation() -> SpanObject {
    let pipeline = Arc::new(Pipeline::off());
    let function = TracedFunction {
        name: "hello",
        trigger: "http",
        route: None,
    };
    SpanObject::Invocation(Arc::new(Call::start(pipeline, function, false, None)))
}

fn arguments<const P: usize>(positional: [Value; P]) -> Arguments {
    Arguments {
        positional: positional.into(),
        keyword: Vec::new(),
    }
}

fn object(value: Result<Value>) -> Box<dyn ContextObject> {
    match value {
        Ok(Value::Object(object)) => object,
        other => panic!("expected an object, found {other:?}"),
    }
}

/// Trace id, span id, flags, tracestate, name.
fn identity(object: &dyn ContextObject) -> (String, String, i64, String, String) {
    match object.call("identity", Arguments::default()) {
        Ok(Value::List(values)) => match <[Value; 6]>::try_from(values) {
            Ok(
                [
                    Value::Str(trace),
                    Value::Str(span),
                    Value::Int(flags),
                    Value::Str(state),
                    Value::Bool(false),
                    Value::Str(name),
                ],
            ) => (trace, span, flags, state, name),
            other => panic!("{other:?}"),
        },
        other => panic!("expected a list, found {other:?}"),
    }
}

#[test]
fn children_are_of_the_same_trace() {
    let invocation = invocation();
    let (trace, id, flags, state, name) = identity(&invocation);
    assert_eq!((flags, state.as_str(), name.as_str()), (1, "", "hello"));
    let child = object(invocation.call("span", arguments(["child".into()])));
    let grandchild = object(child.call("span", arguments(["grandchild".into(), 2.into()])));
    let (childs_trace, childs_id, ..) = identity(&*child);
    let (grandchilds_trace, grandchilds_id, .., name) = identity(&*grandchild);
    assert_eq!(
        (&childs_trace, &grandchilds_trace, name.as_str()),
        (&trace, &trace, "grandchild")
    );
    assert!(id != childs_id && childs_id != grandchilds_id);
    let headers = format!(
        "{:?}",
        child.call("headers", Arguments::default()).expect("headers")
    );
    assert!(
        headers.contains(&format!("00-{trace}-{childs_id}-01")),
        "{headers}"
    );
}

#[test]
fn spans_outside_of_invocations() {
    let root = Root(Arc::new(Pipeline::off()));
    let start = |parent: &str, state: &str| {
        let arguments = arguments(["work".into(), 0.into(), 5.into(), parent.into(), state.into()]);
        object(root.call("span", arguments))
    };
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let (trace, _, _, state, name) = identity(&*start(parent, "a=b"));
    assert_eq!(
        (trace.as_str(), state.as_str(), name.as_str()),
        ("4bf92f3577b34da6a3ce929d0e0e4736", "a=b", "work")
    );
    let (first, ..) = identity(&*start("", ""));
    let alone = start("", "");
    let (second, ..) = identity(&*alone);
    assert_ne!(first, second, "a trace each");
    let child = object(alone.call("span", Arguments::default()));
    assert_eq!(identity(&*child).0, second);
    child.call("end", Arguments::default()).expect("it is open");
}

#[test]
fn wrong_calls_raise_and_odd_values_do_not() {
    let span = object(invocation().call("span", Arguments::default()));
    let call = |method: &str, arguments| match span.call(method, arguments) {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}: {error}", error.kind()),
    };
    let map = || {
        Value::Map(vec![
            ("hit".to_owned(), true.into()),
            ("x".to_owned(), Value::None),
        ])
    };
    let cases = [
        ("attribute", arguments(["k".into(), "v".into()]), "None"),
        ("attribute", arguments(["k".into(), Value::None]), "None"),
        (
            "attribute",
            arguments([1.into(), 1.into()]),
            "Type: expected str, found int",
        ),
        ("event", arguments(["cache".into(), map()]), "None"),
        ("event", arguments(["cache".into(), map(), 7.into()]), "None"),
        (
            "event",
            arguments(["cache".into(), 7.into()]),
            "Type: expected dict, found int",
        ),
        ("status", arguments(["error".into(), "why".into()]), "None"),
        (
            "status",
            arguments(["bad".into()]),
            "Value: expected \"ok\", \"error\" or \"unset\", found \"bad\"",
        ),
        (
            "kind",
            arguments([5.into()]),
            "Value: expected a kind of span from 0 to 4, found 5",
        ),
        ("end", arguments(["now".into()]), "Type: expected int, found str"),
        ("restart", Arguments::default(), "None"),
        ("swim", Arguments::default(), "Attribute: Span has no method swim"),
    ];
    for (method, arguments, expected) in cases {
        let what = format!("{method} {arguments:?}");
        assert_eq!(call(method, arguments), expected, "{what}");
    }
}
