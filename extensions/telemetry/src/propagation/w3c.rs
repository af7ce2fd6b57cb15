//! W3C trace context: `traceparent` and `tracestate` as the caller's span, and a span as `traceparent`.
//!
//! Level 2, which adds the flag of random ids. It runs on every call: stricter than the SDK's propagator, which takes
//! short ids and signs, and without its allocations.

use opentelemetry::trace::TraceFlags;

use super::{Carrier, Decision, Extracted, hex};
use crate::context::{SpanContext, TraceState};

/// The length of a `traceparent` of version 00, the only one so far.
const LENGTH: usize = 55;

/// The flags that version 00 has, "sampled" and "random". Others are not passed on.
const FLAGS: TraceFlags = TraceFlags::new(0x03);

/// Reads the caller's span. A malformed `tracestate` is dropped alone; the trace goes on.
pub(super) fn extract(carrier: &impl Carrier) -> Extracted {
    let (traceparent, tracestate) = carrier.trace_context();
    if traceparent.is_empty() {
        return Extracted {
            // The header is empty, not ASCII, or there are several.
            malformed: carrier.get("traceparent").is_some(),
            ..Extracted::default()
        };
    }
    let Some(parent) = parse(traceparent) else {
        return Extracted::MALFORMED;
    };
    let state = tracestate.parse::<TraceState>();
    let is_not_text = || {
        let first = carrier.get("tracestate");
        tracestate.is_empty() && first.is_some_and(|first| !first.trim_ascii().is_empty())
    };
    Extracted {
        decision: Decision::of(parent.is_sampled()),
        malformed: state.is_err() || is_not_text(),
        parent: Some(parent.with_trace_state(state.unwrap_or_default())),
    }
}

/// Returns the span that a `traceparent` names; `None` if it is malformed.
pub fn parse(traceparent: &str) -> Option<SpanContext> {
    let text = traceparent.trim_matches([' ', '\t']).as_bytes();
    let (head, rest) = text.split_at_checked(LENGTH)?;
    if head[2] != b'-' || head[35] != b'-' || head[52] != b'-' {
        return None;
    }
    let [version] = hex::read(&head[..2])?;
    // A later version may append fields; 00 has none, and ff is forbidden.
    match (version, rest) {
        (0xff, _) => return None,
        (_, []) => {}
        (0, _) => return None,
        (_, [b'-', ..]) => {}
        _ => return None,
    }
    let trace_id = hex::trace_id(&head[3..35])?;
    let span_id = hex::span_id(&head[36..52])?;
    let [flags] = hex::read(&head[53..])?;
    let flags = TraceFlags::new(flags) & FLAGS;
    Some(SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE))
}

/// A `traceparent` header, made without an allocation.
pub struct TraceParent([u8; LENGTH]);

impl TraceParent {
    /// The header that names this span.
    pub fn of(span: &SpanContext) -> Self {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex::write(&mut text[3..35], &span.trace_id().to_bytes());
        hex::write(&mut text[36..52], &span.span_id().to_bytes());
        hex::write(&mut text[53..], &[span.trace_flags().to_u8()]);
        TraceParent(text)
    }

    /// The header as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII was written.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::testing::Headers;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn traceparents_by_the_rules_of_w3c() {
        let upper = TRACE.to_uppercase();
        let cases = [
            (format!("00-{TRACE}-{SPAN}-01"), Some(1), "sampled"),
            (format!("00-{TRACE}-{SPAN}-00"), Some(0), "not sampled"),
            (format!("00-{TRACE}-{SPAN}-03"), Some(3), "a random id, sampled"),
            (
                format!("00-{TRACE}-{SPAN}-02"),
                Some(2),
                "a random id, not sampled",
            ),
            (
                format!("00-{TRACE}-{SPAN}-ff"),
                Some(3),
                "unknown flags are not passed on",
            ),
            (
                format!("00-{TRACE}-{SPAN}-fc"),
                Some(0),
                "nothing but unknown flags",
            ),
            (format!(" 00-{TRACE}-{SPAN}-01\t"), Some(1), "white space around"),
            (format!("01-{TRACE}-{SPAN}-01"), Some(1), "a later version"),
            (
                format!("cc-{TRACE}-{SPAN}-01-what"),
                Some(1),
                "a later version with more fields",
            ),
            (
                format!("cc-{TRACE}-{SPAN}-01-"),
                Some(1),
                "a later version with an empty field",
            ),
            (String::new(), None, "absent"),
            (format!("ff-{TRACE}-{SPAN}-01"), None, "the forbidden version"),
            (
                format!("00-{TRACE}-{SPAN}-01-what"),
                None,
                "version 00 has no more fields",
            ),
            (format!("00-{TRACE}-{SPAN}-01-"), None, "nor an empty one"),
            (format!("cc-{TRACE}-{SPAN}-01what"), None, "a field that runs on"),
            (format!("00-{TRACE}-{SPAN}"), None, "no flags"),
            (format!("00-{TRACE}-{SPAN}-1"), None, "flags too short"),
            (
                format!("00-{}-{SPAN}-01", &TRACE[1..]),
                None,
                "trace id too short",
            ),
            (format!("00-{TRACE}-{SPAN}0-01"), None, "span id too long"),
            (format!("00-{upper}-{SPAN}-01"), None, "upper case"),
            (
                format!("00-{TRACE}-{}-01", SPAN.replace('f', "g")),
                None,
                "not hexadecimal",
            ),
            (format!("00-{TRACE}-+{}-01", &SPAN[1..]), None, "a sign"),
            (
                format!("00-{}-{SPAN}-01", "0".repeat(32)),
                None,
                "trace id of zeros",
            ),
            (
                format!("00-{TRACE}-{}-01", "0".repeat(16)),
                None,
                "span id of zeros",
            ),
            (format!("00_{TRACE}_{SPAN}_01"), None, "wrong separators"),
            (
                format!("00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01"),
                None,
                "two in one header",
            ),
            ("é".repeat(30), None, "not ASCII"),
        ];
        for (header, flags, reason) in cases {
            let parsed = parse(&header);
            let found = parsed.as_ref().map(|parent| parent.trace_flags().to_u8());
            assert_eq!(found, flags, "{reason}");
            if let Some(parent) = parsed {
                assert_eq!(format!("{:032x}", parent.trace_id()), TRACE, "{reason}");
                assert_eq!(format!("{:016x}", parent.span_id()), SPAN, "{reason}");
                assert!(parent.is_remote(), "{reason}");
            }
        }
    }

    #[test]
    fn a_bad_state_costs_only_itself() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let found = |headers: &[(&str, &str)]| {
            let found = extract(&Headers::of(headers));
            let state = found
                .parent
                .map(|parent| parent.trace_state().header().to_owned());
            (state, found.malformed)
        };
        let traceparent = ("traceparent", parent.as_str());
        let cases: [(&[(&str, &str)], _, &str); 5] = [
            (
                &[traceparent, ("tracestate", "congo=t61, rojo=00f0")],
                (Some("congo=t61,rojo=00f0"), false),
                "both",
            ),
            (
                &[traceparent, ("tracestate", "congo")],
                (Some(""), true),
                "a bad state",
            ),
            (
                &[("traceparent", "00-"), ("tracestate", "a=1")],
                (None, true),
                "a bad parent",
            ),
            (&[("tracestate", "a=1")], (None, false), "no parent"),
            (&[traceparent, traceparent], (None, true), "two parents"),
        ];
        for (headers, (state, malformed), reason) in cases {
            assert_eq!(found(headers), (state.map(str::to_owned), malformed), "{reason}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for header in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000001-0000000000000001-02",
        ] {
            let span = parse(header).expect("valid");
            assert_eq!(TraceParent::of(&span).as_str(), header);
        }
    }
}
