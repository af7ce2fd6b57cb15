//! A caller's headers of traces, in all formats. What is sent on is valid, and means the same.

#![no_main]

use funcdock_telemetry::propagation::{HeaderList, Propagator, Propagators};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 9] = [
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-b3-parentspanid",
];

fuzz_target!(|text: &str| {
    // Each line is one of these headers, by the digit that it begins with.
    let header = |line: &str| {
        let mut line = line.chars();
        let name = NAMES.get(line.next()?.to_digit(10)? as usize)?;
        Some(((*name).to_owned(), line.as_str().to_owned()))
    };
    let headers: Vec<_> = text.lines().filter_map(header).collect();
    for propagator in Propagator::ALL {
        let only = Propagators::from_iter([propagator]);
        let caller = only.extract(&HeaderList::new(headers.clone()), |_| {});
        let entries = |baggage: &funcdock_telemetry::propagation::Baggage| -> Vec<(String, String)> {
            let owned =
                |(name, value): (&str, std::borrow::Cow<'_, str>)| (name.to_owned(), value.into_owned());
            baggage.entries().map(owned).collect()
        };
        let Some(parent) = &caller.parent else {
            if propagator != Propagator::Baggage {
                continue;
            }
            let sent = HeaderList::new([("baggage".to_owned(), caller.baggage.header().to_owned())]);
            let again = only.extract(&sent, |format| panic!("{format:?}: we sent {:?}", caller.baggage));
            assert_eq!(entries(&caller.baggage), entries(&again.baggage));
            continue;
        };
        let sent = only.inject(parent, &caller.baggage);
        let sent_on = HeaderList::new(
            sent.iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let again = only.extract(&sent_on, |format| panic!("{format:?}: we sent {sent:?}"));
        let again = again.parent.expect("the span that was sent");
        assert_eq!(parent.trace_id(), again.trace_id(), "{sent:?}");
        assert_eq!(parent.span_id(), again.span_id(), "{sent:?}");
        assert_eq!(
            parent.trace_state().header(),
            again.trace_state().header(),
            "{sent:?}"
        );
    }
});
