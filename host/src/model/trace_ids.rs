//! The trace ids of a call, for its log records.

const TRACE: usize = 32;
const SPAN: usize = 16;

/// The trace and the span of a call, from its `traceparent`; neither if that is absent or malformed. This is a copy, so
/// objects that outlive the call can keep it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TraceIds(Option<([u8; TRACE], [u8; SPAN])>);

impl TraceIds {
    /// Parses a `traceparent` by the rules of W3C Trace Context: also of a later version, sampled or not.
    #[inline]
    pub fn parse(traceparent: &str) -> Self {
        if traceparent.is_empty() {
            return TraceIds(None);
        }
        TraceIds(parse(traceparent.trim_matches([' ', '\t']).as_bytes()))
    }

    /// Returns the trace id: 32 lower-case hex digits.
    pub fn trace_id(&self) -> Option<&str> {
        self.0.as_ref().map(|(trace, _)| text(trace))
    }

    /// Returns the span id: 16 lower-case hex digits.
    pub fn span_id(&self) -> Option<&str> {
        self.0.as_ref().map(|(_, span)| text(span))
    }
}

/// Returns digits as text. The parser has checked that they are hex digits.
fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

fn parse(header: &[u8]) -> Option<([u8; TRACE], [u8; SPAN])> {
    let (version, rest) = header.split_first_chunk::<2>()?;
    let (trace, rest) = field::<TRACE>(rest)?;
    let (span, rest) = field::<SPAN>(rest)?;
    let (_flags, rest) = field::<2>(rest)?;
    let whole = match version {
        b"00" => rest.is_empty(),
        b"ff" => false,
        // A later version may continue after another separator.
        version => version.iter().all(is_hex) && rest.first().is_none_or(|next| *next == b'-'),
    };
    let is_zero = |digits: &[u8]| digits.iter().all(|digit| *digit == b'0');
    (whole && !is_zero(&trace) && !is_zero(&span)).then_some((trace, span))
}

/// Parses `-` and `N` hex digits. Returns the digits and the rest.
fn field<const N: usize>(text: &[u8]) -> Option<([u8; N], &[u8])> {
    let (digits, rest) = text.strip_prefix(b"-")?.split_first_chunk::<N>()?;
    digits.iter().all(is_hex).then_some((*digits, rest))
}

fn is_hex(digit: &u8) -> bool {
    matches!(digit, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN_ID: &str = "00f067aa0ba902b7";

    #[test]
    fn ids_by_the_rules_of_w3c() {
        let zeros = |count| "0".repeat(count);
        let cases = [
            (format!("00-{TRACE_ID}-{SPAN_ID}-01"), true, "sampled"),
            (format!("00-{TRACE_ID}-{SPAN_ID}-00"), true, "not sampled"),
            (format!(" 00-{TRACE_ID}-{SPAN_ID}-01\t"), true, "space around"),
            (format!("cc-{TRACE_ID}-{SPAN_ID}-01"), true, "a later version"),
            (
                format!("cc-{TRACE_ID}-{SPAN_ID}-01-what"),
                true,
                "with more fields",
            ),
            (
                format!("cc-{TRACE_ID}-{SPAN_ID}-01what"),
                false,
                "a field that is too long",
            ),
            (
                format!("00-{TRACE_ID}-{SPAN_ID}-01-what"),
                false,
                "version 00 with more fields",
            ),
            (
                format!("ff-{TRACE_ID}-{SPAN_ID}-01"),
                false,
                "the forbidden version",
            ),
            (
                format!("é-{TRACE_ID}-{SPAN_ID}-01"),
                false,
                "a version that is not a number",
            ),
            (
                format!("00-{}-{SPAN_ID}-01", zeros(32)),
                false,
                "a trace of zeros",
            ),
            (
                format!("00-{TRACE_ID}-{}-01", zeros(16)),
                false,
                "a span of zeros",
            ),
            (
                format!("00-{}-{SPAN_ID}-01", TRACE_ID.to_uppercase()),
                false,
                "upper case",
            ),
            (format!("00-{TRACE_ID}-{SPAN_ID}"), false, "no flags"),
            (format!("00_{TRACE_ID}_{SPAN_ID}_01"), false, "wrong separators"),
            (String::new(), false, "absent"),
        ];
        for (header, good, reason) in cases {
            let ids = TraceIds::parse(&header);
            let expected = (good.then_some(TRACE_ID), good.then_some(SPAN_ID));
            assert_eq!((ids.trace_id(), ids.span_id()), expected, "{reason}");
        }
    }
}
