//! Headers and baggage as Python sees them, without Python.

use super::*;
use crate::attributes::TracedFunction;
use crate::export::Pipeline;
use crate::propagation::testing;
use crate::sampler::{Regard, Rule, Sampler};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn tracer(headers: &[(&str, &str)], sampler: &Sampler) -> Tracer {
    let caller = testing::caller(headers);
    let function = TracedFunction {
        name: "hello",
        trigger: "http",
        route: None,
    };
    let pipeline = Arc::new(Pipeline::off());
    Tracer(Arc::new(Call::start(pipeline, function, false, caller, sampler)))
}

fn get(object: &dyn ContextObject, name: &str) -> Value {
    match object.get(name) {
        Ok(Some(value)) => value,
        other => panic!("{name}: expected a value, found {other:?}"),
    }
}

fn object(value: Value) -> Box<dyn ContextObject> {
    match value {
        Value::Object(object) => object,
        other => panic!("expected an object, found {other:?}"),
    }
}

/// A call with one positional argument, or none.
fn call(tracer: &Tracer, method: &str, argument: Option<Value>) -> Result<Value> {
    let propagator = object(get(tracer, "propagator"));
    let positional = argument.into_iter().collect();
    propagator.call(
        method,
        Arguments {
            positional,
            ..Arguments::default()
        },
    )
}

fn headers(tracer: &Tracer, argument: Option<Value>) -> Vec<(String, String)> {
    match call(tracer, "to_headers", argument) {
        Ok(Value::Map(entries)) => {
            let text = |(name, value): (String, Value)| (name, value.into_string().expect("text"));
            entries.into_iter().map(text).collect()
        }
        other => panic!("expected a dict, found {other:?}"),
    }
}

fn traceparent(tracer: &Tracer) -> String {
    let context = object(get(tracer, "span_context"));
    get(&*context, "traceparent").into_string().expect("text")
}

#[test]
fn headers_of_the_current_span() {
    let sent = [
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("baggage", "k=v%20w"),
    ];
    let tracer = tracer(&sent, &Sampler::default());
    let before = traceparent(&tracer);
    let owned = |traceparent: &str| {
        let headers = [("traceparent", traceparent), sent[1], sent[2]];
        headers.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    assert_eq!(headers(&tracer, None), owned(&before));
    tracer.call("span", Arguments::default()).expect("a span");
    let within = traceparent(&tracer);
    assert_ne!(within, before);
    assert!(within.contains(TRACE) && within.ends_with("-01"), "{within}");
    assert_eq!(headers(&tracer, Some(Value::None)), owned(&within));
    assert_eq!(
        headers(&tracer, Some(before.as_str().into())),
        owned(&before),
        "of another span"
    );

    let other = "00-00000000000000000000000000000001-0000000000000001-00";
    let of_other = [("traceparent", other), sent[2]];
    let of_other = of_other.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(
        headers(&tracer, Some(other.into())),
        of_other,
        "another trace has no state of ours"
    );
}

#[test]
fn what_is_not_sampled_is_passed_on() {
    let off = Sampler::new(Rule::Always(false), Regard::None);
    let tracer = tracer(&[("traceparent", PARENT), ("tracestate", "a=1")], &off);
    let span = object(tracer.call("span", Arguments::default()).expect("a span"));
    span.call(
        "add_attribute",
        Arguments {
            positional: vec!["k".into(), 1.into()],
            ..Arguments::default()
        },
    )
    .expect("ignored");
    let id = get(&*span, "span_id").into_string().expect("text");
    let expected = [
        ("traceparent".to_owned(), format!("00-{TRACE}-{id}-00")),
        ("tracestate".to_owned(), "a=1".to_owned()),
    ];
    assert_eq!(headers(&tracer, None), expected);
    span.call("end", Arguments::default()).expect("it is open");
    assert_ne!(
        headers(&tracer, None),
        expected,
        "the invocation's is current again"
    );
}

#[test]
fn contexts_out_of_headers() {
    let tracer = tracer(&[], &Sampler::default());
    let dict = |value: Value| Some(Value::Map(vec![("Traceparent".to_owned(), value)]));
    let found = object(call(&tracer, "from_headers", dict(PARENT.into())).expect("valid"));
    assert_eq!(
        get(&*found, "trace_id").into_string().ok().as_deref(),
        Some(TRACE)
    );
    for nobody in [
        dict("00-".into()),
        dict(Value::Int(1)),
        Some(Value::Map(Vec::new())),
    ] {
        assert!(matches!(call(&tracer, "from_headers", nobody), Ok(Value::None)));
    }
}

#[test]
fn wrong_calls_raise() {
    let tracer = tracer(&[], &Sampler::default());
    let cases = [
        (
            "to_headers",
            Some("00-".into()),
            "Value: span_context: \"00-\" is no traceparent",
        ),
        (
            "to_headers",
            Some(1.into()),
            "Type: span_context: expected a traceparent (str) or None, found int",
        ),
        ("from_headers", None, "Type: missing argument \"headers\""),
        (
            "from_headers",
            Some(1.into()),
            "Type: headers: expected dict, found int",
        ),
        ("inject", None, "Attribute: Propagator has no method inject"),
    ];
    for (method, argument, expected) in cases {
        let error = call(&tracer, method, argument).expect_err(expected);
        assert_eq!(format!("{:?}: {error}", error.kind()), expected);
    }
}

#[test]
fn baggage_as_a_dict() {
    let tracer = tracer(&[("baggage", "user=Am%C3%A9lie;p, n=1")], &Sampler::default());
    let expected = r#"[("user", "Amélie"), ("n", "1")]"#;
    assert_eq!(format!("{:?}", get(&tracer, "baggage")), expected);
}
