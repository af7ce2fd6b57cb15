//! W3C trace context: the caller's span out of `traceparent` and `tracestate`, and a span as `traceparent`.
//!
//! Stricter than the SDK's propagator, which takes short ids and signs, and without its allocations: this runs
//! on every call.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The length of a `traceparent` of version 00, the only one so far.
const LENGTH: usize = 55;

/// The caller's span; `None` where the header is absent or malformed, which makes the invocation a root.
///
/// A malformed `tracestate` is dropped alone: it does not cost the trace.
pub(crate) fn parse(traceparent: &str, tracestate: &str) -> Option<SpanContext> {
    let text = traceparent.trim_ascii().as_bytes();
    let (head, rest) = text.split_at_checked(LENGTH)?;
    if head[2] != b'-' || head[35] != b'-' || head[52] != b'-' {
        return None;
    }
    let [version] = hex(&head[..2])?;
    // A later version may append fields; 00 has none, and ff is forbidden.
    match (version, rest) {
        (0xff, _) => return None,
        (_, []) => {}
        (0, _) => return None,
        (_, [b'-', ..]) => {}
        _ => return None,
    }
    let trace_id = TraceId::from_bytes(hex(&head[3..35])?);
    let span_id = SpanId::from_bytes(hex(&head[36..52])?);
    let [flags] = hex(&head[53..])?;
    let state = match tracestate {
        "" => TraceState::NONE,
        text => text.parse().unwrap_or(TraceState::NONE),
    };
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    Some(SpanContext::new(trace_id, span_id, flags, true, state)).filter(SpanContext::is_valid)
}

/// A `traceparent` header, without an allocation.
pub(crate) struct TraceParent([u8; LENGTH]);

impl TraceParent {
    pub(crate) fn of(span: &SpanContext) -> Self {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], &span.trace_id().to_bytes());
        write_hex(&mut text[36..52], &span.span_id().to_bytes());
        write_hex(&mut text[53..], &[span.trace_flags().to_u8()]);
        TraceParent(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII was written.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Lower-case hexadecimal digits, exactly two a byte.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn write_hex(digits: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_by_the_rules_of_w3c() {
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        const SPAN: &str = "00f067aa0ba902b7";
        let cases = [
            (format!("00-{TRACE}-{SPAN}-01"), Some(true), "sampled"),
            (format!("00-{TRACE}-{SPAN}-00"), Some(false), "not sampled"),
            (
                format!("00-{TRACE}-{SPAN}-03"),
                Some(true),
                "unknown flags are ignored",
            ),
            (
                format!(" 00-{TRACE}-{SPAN}-01\t"),
                Some(true),
                "white space around",
            ),
            (format!("01-{TRACE}-{SPAN}-01"), Some(true), "a later version"),
            (
                format!("cc-{TRACE}-{SPAN}-01-what"),
                Some(true),
                "a later version with more fields",
            ),
            (String::new(), None, "absent"),
            (format!("ff-{TRACE}-{SPAN}-01"), None, "the forbidden version"),
            (
                format!("00-{TRACE}-{SPAN}-01-what"),
                None,
                "version 00 has no more fields",
            ),
            (format!("cc-{TRACE}-{SPAN}-01what"), None, "a field that runs on"),
            (format!("00-{TRACE}-{SPAN}"), None, "no flags"),
            (format!("00-{TRACE}-{SPAN}-1"), None, "flags too short"),
            (
                format!("00-{}-{SPAN}-01", &TRACE[1..]),
                None,
                "trace id too short",
            ),
            (format!("00-{TRACE}-{SPAN}0-01"), None, "span id too long"),
            (
                format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
                None,
                "upper case",
            ),
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
            ("é".repeat(30), None, "not ASCII"),
        ];
        for (header, sampled, reason) in cases {
            let parsed = parse(&header, "");
            assert_eq!(parsed.as_ref().map(SpanContext::is_sampled), sampled, "{reason}");
            if let Some(parent) = parsed {
                assert_eq!(format!("{:032x}", parent.trace_id()), TRACE, "{reason}");
                assert_eq!(format!("{:016x}", parent.span_id()), SPAN, "{reason}");
                assert!(parent.is_remote(), "{reason}");
            }
        }
    }

    #[test]
    fn a_bad_state_costs_only_itself() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let state = |text| parse(header, text).map(|parent| parent.trace_state().header());
        assert_eq!(
            state("congo=t61, rojo=00f0").as_deref(),
            Some("congo=t61,rojo=00f0")
        );
        assert_eq!(state("congo").as_deref(), Some(""));
    }

    #[test]
    fn what_is_written_reads_back() {
        for header in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000001-0000000000000001-00",
        ] {
            let span = parse(header, "").expect("valid");
            assert_eq!(TraceParent::of(&span).as_str(), header);
        }
    }
}
