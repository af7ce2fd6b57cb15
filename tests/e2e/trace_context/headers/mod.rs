//! W3C's `traceparent` and `tracestate`: a table of headers and their expected effect, from the specification's rules.

mod parents;
mod states;

use std::collections::BTreeMap;

use funcdock_tests::openmetrics::Samples;
use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Raw};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;

use super::{CALLER, Seen, TRACE, ask, hex, ids, probe, traced};

/// Header lines and their expected effect.
struct Case {
    lines: Vec<Vec<u8>>,
    expected: Expected,
    /// Whether the host counts them as malformed.
    malformed: bool,
    rule: &'static str,
}

#[derive(Debug)]
enum Expected {
    /// The caller's trace continues, with these flags and this `tracestate`.
    Continued { flags: &'static str, state: String },
    /// A new trace begins, sampled and with a random id.
    New,
}

fn lines<const N: usize>(lines: [&str; N]) -> Vec<Vec<u8>> {
    lines.map(|line| line.as_bytes().to_vec()).into()
}

/// Returns a valid `traceparent` line of a sampled caller.
fn parent() -> String {
    format!("traceparent: 00-{TRACE}-{CALLER}-01")
}

/// A case with `traceparent` alone, which is continued.
fn continued(traceparent: &str, flags: &'static str, rule: &'static str) -> Case {
    Case {
        lines: lines([&format!("traceparent: {traceparent}")]),
        expected: Expected::Continued {
            flags,
            state: String::new(),
        },
        malformed: false,
        rule,
    }
}

/// A case with `traceparent` alone, which is malformed.
fn malformed(traceparent: &str, rule: &'static str) -> Case {
    Case {
        lines: lines([&format!("traceparent: {traceparent}")]),
        expected: Expected::New,
        malformed: true,
        rule,
    }
}

/// A case with lines that begin a new trace, malformed or not.
fn new<const N: usize>(given: [&str; N], malformed: bool, rule: &'static str) -> Case {
    Case {
        lines: lines(given),
        expected: Expected::New,
        malformed,
        rule,
    }
}

/// A case with a valid `traceparent` and these `tracestate` values; `state` is passed on.
fn state<const N: usize>(given: [&str; N], state: &str, rule: &'static str) -> Case {
    let mut all = lines([&parent()]);
    all.extend(lines(
        given
            .map(|value| format!("tracestate: {value}"))
            .each_ref()
            .map(String::as_str),
    ));
    Case {
        lines: all,
        expected: Expected::Continued {
            flags: "01",
            state: state.to_owned(),
        },
        malformed: false,
        rule,
    }
}

/// A case whose `tracestate` is dropped while the trace continues.
fn dropped<const N: usize>(given: [&str; N], rule: &'static str) -> Case {
    Case {
        malformed: true,
        ..state(given, "", rule)
    }
}

/// A case with any lines, a valid `traceparent` among them.
fn with_state<const N: usize>(given: [&str; N], passed_on: &str, rule: &'static str) -> Case {
    Case {
        lines: lines(given),
        ..state([], passed_on, rule)
    }
}

#[test]
fn headers_have_the_specified_effect() {
    let receiver = Receiver::start();
    let host = traced(&receiver, json!({})).start();
    let mut raw = Raw::connect(&host);
    let cases: Vec<_> = parents::cases().into_iter().chain(states::cases()).collect();
    let seen: Vec<_> = cases
        .iter()
        .map(|case| ask(&mut raw, "/api/probe", &case.lines))
        .collect();

    let metrics = Samples::parse(&host.get("/metrics").text());
    let counted = metrics.sum(
        "opencensus_malformed_headers_total",
        &[("propagator", "tracecontext")],
    );
    let expected = cases.iter().filter(|case| case.malformed).count();
    assert_eq!(
        counted, expected as f64,
        "calls with headers that break the rules"
    );
    assert_eq!(metrics.sum("opencensus_malformed_headers_total", &[]), counted);
    assert!(cases.len() >= 50, "{}", cases.len());

    // The host exports waiting spans before it stops.
    host.stop().assert_clean();
    let spans = receiver.spans();
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (hex(&span.span_id), span)).collect();
    for (case, seen) in cases.iter().zip(&seen) {
        case.check(seen, by_id.get(seen.ids().1).copied());
    }
    // Each sampled call has two spans: its own, and one that the function makes.
    let is_sampled = |seen: &&Seen| matches!(seen.ids().2, "01" | "03");
    assert_eq!(spans.len(), 2 * seen.iter().filter(is_sampled).count());
}

impl Case {
    fn check(&self, seen: &Seen, span: Option<&Span>) {
        let rule = self.rule;
        let (trace, id, flags) = seen.ids();
        let (expected_flags, state, parent) = match &self.expected {
            Expected::New => {
                assert_ne!(trace, TRACE, "{rule}");
                ("03", "", String::new())
            }
            Expected::Continued { flags, state } => {
                assert_eq!(trace, TRACE, "{rule}");
                assert_ne!(id, CALLER, "{rule}");
                (*flags, state.as_str(), CALLER.to_owned())
            }
        };
        assert_eq!(
            (flags, seen.tracestate.as_str()),
            (expected_flags, state),
            "{rule}"
        );
        assert_eq!(seen.span_context, seen.traceparent, "{rule}");

        let mut headers = BTreeMap::from([("traceparent".to_owned(), seen.traceparent.clone())]);
        if !state.is_empty() {
            headers.insert("tracestate".to_owned(), state.to_owned());
        }
        assert_eq!(seen.headers, headers, "{rule}");
        let (inner_trace, inner_id, inner_flags) = ids(&seen.inner["traceparent"]);
        assert_eq!((inner_trace, inner_flags), (trace, flags), "{rule}");
        assert_ne!(inner_id, id, "{rule}");

        let is_sampled = matches!(flags, "01" | "03");
        assert_eq!(span.is_some(), is_sampled, "{rule}");
        if let Some(span) = span {
            assert_eq!(hex(&span.trace_id), trace, "{rule}");
            assert_eq!(hex(&span.parent_span_id), parent, "{rule}");
            assert_eq!(span.trace_state, state, "{rule}");
            assert_eq!(format!("{:02x}", span.flags & 0xff), flags, "{rule}");
        }
    }
}

#[test]
fn without_an_extension_functions_see_what_the_caller_sent() {
    let host = App::case("trace_context").start();
    let good = &parent()[13..];
    let parent = parent();
    let cases: [(&[&str], (&str, &str), &str); 8] = [
        (&[], ("", ""), "nothing"),
        (&[&parent, "tracestate: a=1"], (good, "a=1"), "both"),
        (
            &[&parent, "tracestate: a=1, b=2", "tracestate: c=3"],
            (good, "a=1, b=2,c=3"),
            "several states",
        ),
        (
            &[&parent, "tracestate: ", "tracestate: c=3"],
            (good, "c=3"),
            "an empty state and another one",
        ),
        (
            &[&parent, &parent, "tracestate: a=1"],
            ("", ""),
            "several parents",
        ),
        (&["tracestate: a=1"], ("", ""), "no parent"),
        (
            &[&parent, "tracestate: a=é"],
            (good, ""),
            "a state that is not ASCII",
        ),
        (&["traceparent: what"], ("what", ""), "a parent is not parsed"),
    ];
    for (lines, expected, reason) in cases {
        let seen = probe(&host, lines);
        assert_eq!(
            (seen.traceparent.as_str(), seen.tracestate.as_str()),
            expected,
            "{reason}"
        );
        assert!(seen.headers.is_empty(), "there is no tracer");
    }
}
