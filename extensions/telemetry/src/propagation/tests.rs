//! The formats together: which one wins, what goes out, and headers of random bytes.

use super::testing::{Headers, given};
use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const B3: &str = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1";
const W3C: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

use Propagator::{B3 as Single, B3Multi as Multi, Baggage as Bag, TraceContext as W3c};

fn read(formats: &[Propagator], headers: &[(&str, &str)]) -> (Caller, Vec<Propagator>) {
    let propagators: Propagators = formats.iter().copied().collect();
    let mut malformed = Vec::new();
    let caller = propagators.extract(&Headers::of(headers), |format| malformed.push(format));
    (caller, malformed)
}

#[test]
fn the_first_format_with_a_parent_wins() {
    let (w3c, b3) = (("traceparent", W3C), ("b3", B3));
    let (bad_w3c, bad_b3) = (("traceparent", "00-"), ("b3", "x"));
    let (of_w3c, of_b3) = (Some("4bf9"), Some("80f1"));
    type Case<'a> = (
        &'a [Propagator],
        &'a [(&'a str, &'a str)],
        Option<&'a str>,
        Decision,
        &'a [Propagator],
        &'a str,
    );
    let cases: [Case<'_>; 14] = [
        (
            &[W3c, Single],
            &[w3c, b3],
            of_w3c,
            Decision::Accept,
            &[],
            "the first",
        ),
        (
            &[Single, W3c],
            &[w3c, b3],
            of_b3,
            Decision::Accept,
            &[],
            "the other way round",
        ),
        (
            &[Single, W3c],
            &[w3c],
            of_w3c,
            Decision::Accept,
            &[],
            "the second, where the first has none",
        ),
        (
            &[Single, W3c],
            &[w3c, bad_b3],
            of_w3c,
            Decision::Accept,
            &[Single],
            "the first is malformed",
        ),
        (
            &[W3c, Single],
            &[bad_w3c, bad_b3],
            None,
            Decision::Deferred,
            &[W3c, Single],
            "both are malformed",
        ),
        (
            &[W3c],
            &[b3],
            None,
            Decision::Deferred,
            &[],
            "a format that is not in use",
        ),
        (
            &[Multi],
            &[b3],
            of_b3,
            Decision::Accept,
            &[],
            "either B3 reads both",
        ),
        (
            &[Multi, Single],
            &[bad_b3],
            None,
            Decision::Deferred,
            &[Multi],
            "and reads them once",
        ),
        (
            &[Single, W3c],
            &[w3c, ("b3", "0")],
            of_w3c,
            Decision::Accept,
            &[],
            "a parent counts more than a decision",
        ),
        (
            &[W3c, Single],
            &[("b3", "0")],
            None,
            Decision::Deny,
            &[],
            "a decision alone",
        ),
        (
            &[W3c, Single],
            &[bad_w3c, ("b3", "d")],
            None,
            Decision::Debug,
            &[W3c],
            "which is all that is left",
        ),
        (
            &[Bag],
            &[w3c, b3, ("baggage", "a")],
            None,
            Decision::Deferred,
            &[Bag],
            "baggage names no parent",
        ),
        (
            &[W3c],
            &[bad_w3c, ("baggage", "a")],
            None,
            Decision::Deferred,
            &[W3c],
            "the baggage is not read",
        ),
        (&[], &[w3c, b3], None, Decision::Deferred, &[], "no format at all"),
    ];
    for (formats, headers, trace, decision, malformed, reason) in cases {
        let (caller, found) = read(formats, headers);
        let id = caller.parent.map(|parent| format!("{:032x}", parent.trace_id()));
        assert_eq!(id.as_deref().map(|id| &id[..4]), trace, "{reason}");
        assert_eq!((caller.decision, &found[..]), (decision, malformed), "{reason}");
    }
}

#[test]
fn each_format_once() {
    let formats: Vec<_> = Propagators::from_iter([Single, W3c, Single, Bag, Multi, W3c])
        .iter()
        .collect();
    assert_eq!(formats, [Single, W3c, Bag, Multi]);
    assert_eq!(Propagators::default().iter().collect::<Vec<_>>(), [W3c, Bag]);
}

#[test]
fn the_call_continues_the_callers_trace() {
    let sampled = |caller: &Caller| caller.begin(&Sampler::default());
    let headers = [("traceparent", W3C), ("tracestate", "a=1")];
    let (caller, _) = read(&[W3c], &headers);
    let span = sampled(&caller);
    assert_eq!(format!("{:032x}", span.trace_id()), TRACE);
    assert_ne!(format!("{:016x}", span.span_id()), SPAN);
    assert!(!span.is_remote());
    assert_eq!(
        (span.trace_flags().to_u8(), span.trace_state().header()),
        (1, "a=1")
    );

    let flags = |headers: &[(&str, &str)], formats: &[Propagator]| {
        let span = sampled(&read(formats, headers).0);
        (span.trace_flags().to_u8(), span.is_debug())
    };
    let random = W3C.replace("-01", "-03");
    let cases: [(&[(&str, &str)], _, &str); 8] = [
        (&[], (3, false), "a new trace has a random id, and says so"),
        (
            &[("traceparent", "malformed")],
            (3, false),
            "a trace that replaces a malformed one, too",
        ),
        (
            &[("traceparent", &random)],
            (3, false),
            "the flag of a random id is kept",
        ),
        (&[("traceparent", W3C)], (1, false), "and not made up"),
        (&[("b3", B3)], (1, false), "not of a B3 id either"),
        (
            &[("b3", "0")],
            (2, false),
            "a new trace that is not to be sampled",
        ),
        (&[("b3", "d")], (3, true), "a new trace with emphasis"),
        (&[("b3", &B3[..49])], (1, false), "a deferred decision is ours"),
    ];
    for (headers, expected, reason) in cases {
        assert_eq!(flags(headers, &[W3c, Single]), expected, "{reason}");
    }
}

#[test]
fn headers_of_every_format_in_use() {
    let (caller, _) = read(
        &[W3c, Bag, Single, Multi],
        &[("traceparent", W3C), ("tracestate", "a=1"), ("baggage", "k=v;p")],
    );
    let parent = caller.parent.as_ref().expect("valid");
    let headers = caller.propagators.inject(parent, &caller.baggage);
    let b3 = format!("{TRACE}-{SPAN}-1");
    let expected = [
        ("traceparent", W3C),
        ("tracestate", "a=1"),
        ("baggage", "k=v;p"),
        ("b3", &b3),
        ("x-b3-traceid", TRACE),
        ("x-b3-spanid", SPAN),
        ("x-b3-sampled", "1"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));

    let bare = Propagators::default().inject(&SpanContext::root(), &Baggage::default());
    let names: Vec<_> = bare.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["traceparent"], "nothing that is empty");
    assert_eq!(Propagators::from_iter([]).inject(parent, &caller.baggage), []);
}

#[test]
fn headers_from_function_code() {
    let headers = given(&[("TraceParent", W3C), ("TRACESTATE", "a=1")]);
    let caller = Propagators::default().extract(&headers, |format| panic!("{format:?}"));
    let parent = caller.parent.expect("names compare without case");
    assert_eq!(TraceParent::of(&parent).as_str(), W3C);
    assert_eq!(parent.trace_state().header(), "a=1");
}

/// Neither panics nor hangs, and what is passed on is what a second reader would pass on.
#[test]
fn random_headers() {
    let mut random = Random(0x5eed_5eed_5eed_5eed);
    let all = Propagators::from_iter(Propagator::ALL);
    let (mut parents, mut malformed_count, mut states, mut baggage) = (0, 0, 0, 0);
    for _ in 0..30_000 {
        let headers: Vec<_> = (0..random.below(6)).map(|_| random.header()).collect();
        let mut malformed = 0;
        let caller = all.extract(&Headers::of_bytes(headers), |_| malformed += 1);
        assert!(malformed <= Propagator::ALL.len());
        malformed_count += malformed;
        let span = caller.begin(&Sampler::default());
        let sent = all.inject(&span, &caller.baggage);
        let sent: Vec<_> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let again = all.extract(&Headers::of(&sent), |format| panic!("{format:?} of {sent:?}"));
        assert_eq!(again.baggage, caller.baggage);
        let received = again.parent.expect("a span was sent");
        assert_eq!(
            TraceParent::of(&received).as_str(),
            TraceParent::of(&span).as_str()
        );
        assert_eq!(received.trace_state(), span.trace_state());
        parents += usize::from(caller.parent.is_some());
        states += usize::from(!span.trace_state().header().is_empty());
        baggage += usize::from(!caller.baggage.header().is_empty());
    }
    // The bytes are of a kind that gets past the first check.
    assert!(
        parents > 1000 && malformed_count > 1000 && states > 100 && baggage > 1000,
        "{parents} {malformed_count} {states} {baggage}"
    );
}

/// Xorshift: the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A header of bytes of any kind, of those that the formats are made of, or of a valid value with some
    /// changed.
    fn header(&mut self) -> (&'static str, Vec<u8>) {
        const VALID: [(&str, &str); 10] = [
            ("traceparent", W3C),
            ("tracestate", "a=1,b@c=2"),
            ("tracestate", " d=4 5\t,,"),
            ("baggage", "k=v;p=q,x=%20"),
            ("b3", B3),
            ("x-b3-traceid", TRACE),
            ("x-b3-spanid", SPAN),
            ("x-b3-parentspanid", SPAN),
            ("x-b3-sampled", "1"),
            ("x-b3-flags", "1"),
        ];
        let (name, valid) = VALID[self.below(VALID.len())];
        let mut bytes = match self.below(8) {
            0 => (0..self.below(300)).map(|_| self.next() as u8).collect(),
            1 => {
                let alphabet = b"00112233aabbff--==,,;; \t@%/kd";
                (0..self.below(120))
                    .map(|_| alphabet[self.below(alphabet.len())])
                    .collect()
            }
            2 => VALID[self.below(VALID.len())].1.as_bytes().to_vec(),
            _ => valid.as_bytes().to_vec(),
        };
        for _ in 0..self.below(6).saturating_sub(3) {
            if !bytes.is_empty() {
                let at = self.below(bytes.len());
                bytes[at] = self.next() as u8;
            }
        }
        (name, bytes)
    }
}
