//! The objects as Python calls them, without Python.

use super::*;
use crate::attributes::TracedFunction;
use crate::export::Pipeline;

fn tracer() -> Tracer {
    let pipeline = Arc::new(Pipeline::off());
    let function = TracedFunction {
        name: "hello",
        trigger: "http",
        ..TracedFunction::default()
    };
    Tracer(Arc::new(Call::start(pipeline, function, false, None)))
}

fn arguments<const P: usize, const K: usize>(
    positional: [Value; P],
    keyword: [(&str, Value); K],
) -> Arguments {
    Arguments {
        positional: positional.into(),
        keyword: keyword.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

fn object(value: Result<Value>) -> Box<dyn ContextObject> {
    match value {
        Ok(Value::Object(object)) => object,
        other => panic!("expected an object, found {other:?}"),
    }
}

fn text(object: &dyn ContextObject, name: &str) -> String {
    match object.get(name) {
        Ok(Some(Value::Str(text))) => text,
        other => panic!("{name}: expected str, found {other:?}"),
    }
}

#[test]
fn spans_by_every_way_in() {
    let tracer = tracer();
    let current = || {
        text(
            &*object(tracer.call("current_span", Arguments::default())),
            "name",
        )
    };
    assert_eq!(current(), "hello", "the invocation's own");
    let outer = object(tracer.call("span", arguments([], [("name", "outer".into())])));
    assert_eq!(current(), "outer", "a span is current from the start");
    assert!(matches!(outer.enter(), Ok(None)), "`as` binds the span itself");
    let unnamed = object(tracer.call("start_span", Arguments::default()));
    assert_eq!(text(&*unnamed, "name"), "span");
    let child = object(outer.call("span", arguments(["child".into()], [])));
    assert_eq!(text(&*child, "trace_id"), text(&*outer, "trace_id"));
    assert_ne!(text(&*child, "span_id"), text(&*outer, "span_id"));
    assert_eq!(current(), "child");
    assert!(matches!(child.exit(None), Ok(false)), "nothing is swallowed");
    assert_eq!(current(), "span");
    tracer
        .call("end_span", Arguments::default())
        .expect("a span is open");
    assert_eq!(current(), "outer");
    outer.call("finish", Arguments::default()).expect("it is open");
    tracer
        .call("end_span", Arguments::default())
        .expect("ending the invocation's is ignored");
    assert_eq!(current(), "hello");
}

#[test]
fn the_context_follows_the_current_span() {
    let tracer = tracer();
    let context = || match tracer.get("span_context") {
        Ok(Some(Value::Object(context))) => context,
        other => panic!("expected an object, found {other:?}"),
    };
    let before = text(&*context(), "traceparent");
    let span = object(tracer.call("span", Arguments::default()));
    let within = context();
    assert_eq!(text(&*within, "span_id"), text(&*span, "span_id"));
    let (trace, id) = (text(&*within, "trace_id"), text(&*within, "span_id"));
    assert_eq!(text(&*within, "traceparent"), format!("00-{trace}-{id}-01"));
    assert_ne!(text(&*within, "traceparent"), before);
    assert_eq!(text(&*within, "tracestate"), "");
    assert!(
        matches!(within.get("nothing"), Ok(None)),
        "an AttributeError in Python"
    );
}

#[test]
fn wrong_calls_raise_and_odd_values_do_not() {
    let tracer = tracer();
    let span = object(tracer.call("span", Arguments::default()));
    let call = |method: &str, arguments| match span.call(method, arguments) {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}: {error}", error.kind()),
    };
    let cases = [
        ("add_attribute", arguments(["k".into(), "v".into()], []), "None"),
        ("add_attribute", arguments(["k".into(), Value::None], []), "None"),
        (
            "add_attribute",
            arguments(["k".into()], []),
            "Type: missing argument \"attribute_value\"",
        ),
        (
            "add_attribute",
            arguments([1.into(), 1.into()], []),
            "Type: expected str, found int",
        ),
        (
            "add_annotation",
            arguments(["cache".into()], [("hit", true.into())]),
            "None",
        ),
        (
            "add_annotation",
            arguments(["a".into(), "b".into()], []),
            "Type: takes one positional argument, the description; give attributes by keyword",
        ),
        (
            "set_status",
            arguments(["error".into(), "why".into()], []),
            "None",
        ),
        ("set_status", arguments([0.into()], []), "None"),
        (
            "set_status",
            arguments(["bad".into()], []),
            "Value: code: expected \"ok\", \"error\" or \"unset\", found \"bad\"",
        ),
        (
            "set_status",
            arguments([Value::None], []),
            "Type: code: expected str or int, found None",
        ),
        (
            "end",
            arguments([1.into()], []),
            "Type: takes 0 arguments but 1 were given",
        ),
        ("start", Arguments::default(), "None"),
        ("swim", Arguments::default(), "Attribute: Span has no method swim"),
    ];
    for (method, arguments, expected) in cases {
        let what = format!("{method} {arguments:?}");
        assert_eq!(call(method, arguments), expected, "{what}");
    }
}
