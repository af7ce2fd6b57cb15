//! Both encodings of B3: what is read, and what is written.

use super::*;
use crate::propagation::testing;

const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
const SPAN: &str = "e457b5a2e4d86bd1";

/// (trace id, decision), or the decision alone, or "malformed".
fn read(headers: &[(&str, &str)]) -> String {
    let found = extract(&testing::Headers::of(headers));
    let parent = found.parent.map(|parent| {
        assert_eq!(format!("{:016x}", parent.span_id()), SPAN);
        assert!(parent.is_remote());
        assert_eq!(
            parent.is_sampled(),
            matches!(found.decision, Decision::Accept | Decision::Debug)
        );
        assert_eq!(parent.is_debug(), found.decision == Decision::Debug);
        format!("{:032x} ", parent.trace_id())
    });
    let malformed = if found.malformed { " malformed" } else { "" };
    format!("{}{:?}{malformed}", parent.unwrap_or_default(), found.decision)
}

#[test]
fn the_single_header() {
    let short = &TRACE[16..];
    let accepted = format!("{TRACE} Accept");
    let malformed = "Deferred malformed";
    let cases = [
        (format!("{TRACE}-{SPAN}-1"), accepted.clone(), "accepted"),
        (format!("{TRACE}-{SPAN}-0"), format!("{TRACE} Deny"), "denied"),
        (format!("{TRACE}-{SPAN}-d"), format!("{TRACE} Debug"), "debug"),
        (
            format!("{TRACE}-{SPAN}"),
            format!("{TRACE} Deferred"),
            "no decision: ours",
        ),
        (
            format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90"),
            accepted.clone(),
            "with the parent's parent",
        ),
        (format!(" {TRACE}-{SPAN}-1 "), accepted, "white space around"),
        (
            format!("{short}-{SPAN}-1"),
            format!("0000000000000000{short} Accept"),
            "64 bits are padded",
        ),
        ("0".into(), "Deny".into(), "a decision alone: denied"),
        ("1".into(), "Accept".into(), "a decision alone: accepted"),
        ("d".into(), "Debug".into(), "a decision alone: debug"),
        (String::new(), malformed.into(), "empty"),
        ("2".into(), malformed.into(), "no decision that there is"),
        (format!("{TRACE}-{SPAN}-"), malformed.into(), "an empty decision"),
        (format!("{TRACE}-{SPAN}-true"), malformed.into(), "a word"),
        (format!("{TRACE}-{SPAN}-D"), malformed.into(), "upper case"),
        (TRACE.into(), malformed.into(), "no span id"),
        (format!("{TRACE}-"), malformed.into(), "an empty span id"),
        (
            format!("{}-{SPAN}-1", &TRACE[1..]),
            malformed.into(),
            "a trace id of 31 digits",
        ),
        (
            format!("{TRACE}-{}-1", &SPAN[1..]),
            malformed.into(),
            "a span id of 15 digits",
        ),
        (
            format!("{}-{SPAN}-1", TRACE.to_uppercase()),
            malformed.into(),
            "digits in upper case",
        ),
        (
            format!("{}-{SPAN}-1", "0".repeat(32)),
            malformed.into(),
            "a trace id of zeros",
        ),
        (
            format!("{}-{SPAN}-1", "0".repeat(16)),
            malformed.into(),
            "a short trace id of zeros",
        ),
        (
            format!("{TRACE}-{}-1", "0".repeat(16)),
            malformed.into(),
            "a span id of zeros",
        ),
        (format!("{TRACE}-{SPAN}-1--"), malformed.into(), "an empty parent"),
        (
            format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90-1"),
            malformed.into(),
            "a field too many",
        ),
    ];
    for (value, expected, reason) in cases {
        assert_eq!(read(&[("b3", &value)]), expected, "{reason}");
    }
}

#[test]
fn several_headers() {
    const T: (&str, &str) = ("X-B3-TraceId", TRACE);
    const S: (&str, &str) = ("X-B3-SpanId", SPAN);
    let short = ("X-B3-TraceId", &TRACE[16..]);
    let padded = format!("0000000000000000{} Deferred", &TRACE[16..]);
    let with = |rest: &str| format!("{TRACE} {rest}");
    let malformed = || "Deferred malformed".to_owned();
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Headers<'_>, String, &str); 23] = [
        (&[], "Deferred".into(), "nothing"),
        (&[T, S, ("X-B3-Sampled", "1")], with("Accept"), "accepted"),
        (&[T, S, ("X-B3-Sampled", "0")], with("Deny"), "denied"),
        (&[T, S], with("Deferred"), "no decision: ours"),
        (&[T, S, ("X-B3-Flags", "1")], with("Debug"), "debug"),
        (
            &[T, S, ("X-B3-Flags", "1"), ("X-B3-Sampled", "0")],
            with("Debug"),
            "debug implies accepted",
        ),
        (
            &[T, S, ("X-B3-Flags", "0"), ("X-B3-Sampled", "0")],
            with("Deny"),
            "other flags say nothing",
        ),
        (&[T, S, ("X-B3-Sampled", "true")], with("Accept"), "a word of old"),
        (&[T, S, ("X-B3-Sampled", "false")], with("Deny"), "another one"),
        (
            &[T, S, ("X-B3-ParentSpanId", "05e3ac9a4f6e3b90")],
            with("Deferred"),
            "with the parent's parent",
        ),
        (
            &[T, S, ("X-B3-Sampled", "1"), ("X-B3-Sampled", "0")],
            with("Accept"),
            "the first value wins",
        ),
        (&[short, S], padded, "64 bits are padded"),
        (
            &[("X-B3-Sampled", "0")],
            "Deny".into(),
            "a decision alone: denied",
        ),
        (&[("X-B3-Flags", "1")], "Debug".into(), "a decision alone: debug"),
        (&[T], malformed(), "no span id"),
        (&[S], malformed(), "no trace id"),
        (&[T, S, ("X-B3-Sampled", "")], malformed(), "an empty decision"),
        (
            &[T, S, ("X-B3-Sampled", "d")],
            malformed(),
            "the single header's word for debug",
        ),
        (
            &[T, S, ("X-B3-ParentSpanId", "-")],
            malformed(),
            "a parent that is none",
        ),
        (&[("X-B3-TraceId", "0"), S], malformed(), "a short trace id"),
        (
            &[T, S, ("b3", "0")],
            "Deny".into(),
            "the single header comes first",
        ),
        (
            &[T, S, ("X-B3-Sampled", "1"), ("b3", "nonsense")],
            with("Accept malformed"),
            "unless it is malformed",
        ),
        (&[T, ("b3", "nonsense")], malformed(), "both are malformed"),
    ];
    for (headers, expected, reason) in cases {
        assert_eq!(read(headers), expected, "{reason}");
    }
}

#[test]
fn what_is_written_reads_back() {
    for decision in [Decision::Accept, Decision::Deny, Decision::Debug] {
        let span = found(TraceId::from(7), SpanId::from(0xe457_b5a2_e4d8_6bd1), decision);
        let span = span.parent.expect("it was made");
        let expected = format!("{:032x} {decision:?}", 7);
        assert_eq!(read(&[("b3", &single(&span))]), expected);
        let headers = multi(&span);
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(read(&headers), expected);
    }
}
