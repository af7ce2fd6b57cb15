//! B3, baggage, and the choice of formats.

use std::collections::BTreeMap;

use funcdock_tests::openmetrics::Samples;
use funcdock_tests::otlp::Receiver;
use serde_json::json;

use super::{CALLER, TRACE, hex, ids, probe, traced, wait_for_span};

fn map<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[test]
fn b3_in_and_out() {
    let receiver = Receiver::start();
    let host = traced(&receiver, json!({ "propagators": "b3, b3multi, tracecontext" })).start();
    let short = &TRACE[16..];
    let padded = format!("0000000000000000{short}");
    let w3c = format!("traceparent: 00-{TRACE}-{CALLER}-01");
    let multi = [
        format!("X-B3-TraceId: {TRACE}"),
        format!("X-B3-SpanId: {CALLER}"),
        "X-B3-Flags: 1".to_owned(),
    ];
    let other = format!("b3: {TRACE}-1111111111111111-1");
    let shorter = format!("b3: {short}-{CALLER}-1");
    let deferred = format!("b3: {TRACE}-{CALLER}");
    // Trace, parent, and the sampling decision in B3's form.
    type Ids<'a> = (&'a str, &'a str, &'a str);
    let cases: [(Vec<&str>, Ids<'_>, &str, &str); 6] = [
        (vec![&shorter], (&padded, CALLER, "01"), "1", "64 bits"),
        (
            multi.iter().map(String::as_str).collect(),
            (TRACE, CALLER, "01"),
            "d",
            "the debug flag is passed on",
        ),
        (
            vec![&w3c, &other],
            (TRACE, "1111111111111111", "01"),
            "1",
            "the first format wins",
        ),
        (
            vec![&w3c, "b3: nonsense"],
            (TRACE, CALLER, "01"),
            "1",
            "malformed: the next format applies",
        ),
        (
            vec![&deferred],
            (TRACE, CALLER, "01"),
            "1",
            "deferred: this host decides",
        ),
        (
            vec!["b3: d"],
            ("", "", "03"),
            "d",
            "a decision without ids: a new trace",
        ),
    ];
    for (lines, (trace, parent, flags), decision, reason) in cases {
        let seen = probe(&host, &lines);
        let (own_trace, id, own_flags) = seen.ids();
        if trace.is_empty() {
            assert_ne!(own_trace, TRACE, "{reason}");
        } else {
            assert_eq!(own_trace, trace, "{reason}");
        }
        assert_eq!(own_flags, flags, "the function sees W3C's flags: {reason}");
        let state = match decision {
            "d" => ("x-b3-flags", "1"),
            other => ("x-b3-sampled", other),
        };
        let single = format!("{own_trace}-{id}-{decision}");
        let expected = map([
            ("b3", &single),
            ("x-b3-traceid", own_trace),
            ("x-b3-spanid", id),
            state,
            ("traceparent", &seen.traceparent),
        ]);
        assert_eq!(seen.headers, expected, "{reason}");
        let span = wait_for_span(&receiver, id);
        assert_eq!(hex(&span.trace_id), own_trace, "{reason}");
        assert_eq!(hex(&span.parent_span_id), parent, "{reason}");
    }

    let denied = probe(&host, &["b3: 0"]);
    assert_eq!(denied.ids().2, "02", "a new trace that is not sampled");
    assert!(denied.headers["b3"].ends_with("-0"), "{denied:?}");
    assert_eq!(denied.headers["x-b3-sampled"], "0");

    let metrics = Samples::parse(&host.get("/metrics").text());
    let count = |format| metrics.sum("opencensus_malformed_headers_total", &[("propagator", format)]);
    assert_eq!(
        [count("b3"), count("b3multi"), count("tracecontext")],
        [1.0, 0.0, 0.0]
    );
}

#[test]
fn baggage_is_read_and_passed_on() {
    let receiver = Receiver::start();
    let host = traced(&receiver, json!({})).start();
    let seen = probe(
        &host,
        &[
            "baggage: user=Am%C3%A9lie;p=1 ,bad",
            "other: x",
            "Baggage: node=DF%2028",
        ],
    );
    assert_eq!(seen.baggage, map([("user", "Amélie"), ("node", "DF 28")]));
    assert_eq!(seen.headers["baggage"], "user=Am%C3%A9lie;p=1,node=DF%2028");
    assert_eq!(seen.inner["baggage"], seen.headers["baggage"]);
    assert_eq!(seen.ids().2, "03", "baggage does not name a caller");
    let metrics = Samples::parse(&host.get("/metrics").text());
    let labels = [("propagator", "baggage")];
    assert_eq!(
        metrics.one("opencensus_malformed_headers_total", &labels).value,
        1.0
    );
}

#[test]
fn no_format() {
    let receiver = Receiver::start();
    let host = traced(&receiver, json!({}))
        .env("OTEL_PROPAGATORS", "none")
        .start();
    let seen = probe(&host, &[format!("traceparent: 00-{TRACE}-{CALLER}-00")]);
    assert_ne!(seen.ids().0, TRACE, "the header is not read");
    assert_eq!(seen.headers, map([]));
    assert_ne!(ids(&seen.span_context).1, CALLER);
    wait_for_span(&receiver, seen.ids().1);

    let host = traced(&receiver, json!({}))
        .env("OTEL_PROPAGATORS", "jaeger,b3")
        .start();
    host.wait_for_log(
        "OTEL_PROPAGATORS: \"jaeger\" is ignored; expected some of tracecontext, baggage, b3, b3multi",
    );
    let seen = probe(&host, &[format!("b3: {TRACE}-{CALLER}-1")]);
    assert_eq!(seen.ids().0, TRACE);
}
