//! The objects as the companion calls them, without Python.

use std::sync::Arc;

use funcdock_extension_api::{Arguments, ContextObject, Result, Value};
use funcdock_telemetry::export::Pipeline;
use funcdock_telemetry::logs::Logs;
use funcdock_telemetry::propagation::Propagators;
use funcdock_telemetry::sampling::{Choice, Sampler, SamplerName, Samplers, Sampling};

use super::*;
use crate::call::Call;
use crate::log_exports::LogExports;
use crate::testing::{HELLO, caller};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn called(headers: &[(&str, &str)], sampler: &Sampler) -> SpanObject {
    let caller = caller(headers);
    let pipeline = Arc::new(Pipeline::off());
    let context = caller.begin(sampler);
    SpanObject::Invocation(Arc::new(Call::start(pipeline, &HELLO, context, caller)))
}

fn invocation() -> SpanObject {
    called(&[], &Sampler::default())
}

fn root() -> Root {
    Root {
        pipeline: Arc::new(Pipeline::off()),
        samplers: Arc::new(Samplers::new(&Sampling::default())),
        propagators: Propagators::default(),
        logs: LogExports {
            collector: Arc::new(Logs::to(Pipeline::off())),
            insights: Arc::new(Logs::to(Pipeline::off())),
        },
        instrument: true,
    }
}

/// What a method returns, as text.
fn result_of(object: &dyn ContextObject, method: &str, arguments: Arguments) -> String {
    match object.call(method, arguments) {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}: {error}", error.kind()),
    }
}

fn arguments<const P: usize>(positional: [Value; P]) -> Arguments {
    Arguments::new(positional, [])
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
        Ok(Value::List(values)) => match <[Value; 7]>::try_from(values) {
            Ok(
                [
                    Value::Str(trace),
                    Value::Str(span),
                    Value::Int(flags),
                    Value::Str(state),
                    Value::Bool(false),
                    Value::Str(name),
                    Value::Int(0),
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
    assert_eq!((flags, state.as_str(), name.as_str()), (3, "", "hello"));
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
        headers.contains(&format!("00-{trace}-{childs_id}-03")),
        "{headers}"
    );
}

#[test]
fn spans_outside_of_invocations() {
    let root = root();
    let start = |parent: &str, state: &str| {
        let arguments = arguments(["work".into(), 0.into(), 5.into(), parent.into(), state.into()]);
        object(root.call("span", arguments))
    };
    let (trace, _, _, state, name) = identity(&*start(PARENT, "a=b"));
    assert_eq!(
        (trace.as_str(), state.as_str(), name.as_str()),
        (TRACE, "a=b", "work")
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
    let call = |method: &str, arguments| result_of(&*span, method, arguments);
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

#[test]
fn headers_of_outgoing_calls() {
    let sent = [
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("baggage", "user=Am%C3%A9lie;p, n=1"),
    ];
    let span = called(&sent, &Sampler::default());
    let (_, id, ..) = identity(&span);
    assert_eq!(
        result_of(&span, "headers", Arguments::default()),
        format!(
            r#"[("traceparent", "00-{TRACE}-{id}-01"), ("tracestate", "a=1"), ("baggage", "user=Am%C3%A9lie;p,n=1")]"#
        )
    );
    let baggage = span.get("baggage").expect("baggage").expect("a dict");
    assert_eq!(format!("{baggage:?}"), r#"[("user", "Amélie"), ("n", "1")]"#);

    let off = Samplers::new(&Sampling {
        all: Choice {
            sampler: SamplerName::AlwaysOff,
            rate: 1.0,
        },
        ..Sampling::default()
    });
    let span = called(&sent[..2], off.of(""));
    let child = object(span.call("span", arguments(["child".into()])));
    let (_, id, flags, ..) = identity(&*child);
    assert_eq!(flags, 0);
    assert_eq!(
        result_of(&*child, "headers", Arguments::default()),
        format!(r#"[("traceparent", "00-{TRACE}-{id}-00"), ("tracestate", "a=1")]"#),
        "what is not sampled is passed on"
    );
}

#[test]
fn contexts_in_and_out_of_headers() {
    let root = root();
    let extract = |value: Value| {
        let headers = Value::Map(vec![("Traceparent".to_owned(), value)]);
        result_of(&root, "extract", arguments([headers]))
    };
    assert_eq!(
        extract(PARENT.into()),
        format!(r#"["{TRACE}", "00f067aa0ba902b7", 1, ""]"#)
    );
    for nothing in ["00-".into(), Value::Int(1)] {
        assert_eq!(extract(nothing), "None");
    }
    assert_eq!(
        result_of(&root, "extract", arguments([1.into()])),
        "Type: expected dict, found int"
    );
    assert_eq!(
        result_of(&root, "inject", arguments([PARENT.into(), "a=1".into()])),
        format!(r#"[("traceparent", "{PARENT}"), ("tracestate", "a=1")]"#)
    );
    assert_eq!(
        result_of(&root, "inject", arguments(["00-".into()])),
        "Value: \"00-\" is not a valid traceparent"
    );
}
