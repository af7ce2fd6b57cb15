//! Decisions.

use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

use super::*;

const ID: TraceId = TraceId::from_bytes([7; 16]);

#[test]
fn what_the_callers_decision_counts_for() {
    let (yes, no) = (Rule::Always(true), Rule::Always(false));
    // By the caller: nothing, denied, accepted.
    let cases = [
        (yes, ParentPolicy::Ignore, [true, true, true], "always_on"),
        (no, ParentPolicy::Ignore, [false, false, false], "always_off"),
        (
            Rule::Always(true),
            ParentPolicy::Follow,
            [true, false, true],
            "parentbased_always_on",
        ),
        (
            Rule::Always(false),
            ParentPolicy::Follow,
            [false, false, true],
            "parentbased_always_off",
        ),
        (
            Rule::Ratio(0.0),
            ParentPolicy::Ignore,
            [false, false, false],
            "traceidratio of 0",
        ),
        (
            Rule::Ratio(1.0),
            ParentPolicy::Ignore,
            [true, true, true],
            "traceidratio of 1",
        ),
        (
            Rule::Ratio(0.0),
            ParentPolicy::Follow,
            [false, false, true],
            "parentbased_traceidratio of 0",
        ),
        (
            Rule::Ratio(1.0),
            ParentPolicy::Follow,
            [true, false, true],
            "parentbased_traceidratio of 1",
        ),
        (
            Rule::Ratio(0.0),
            ParentPolicy::FollowSampled,
            [false, false, true],
            "probability of 0",
        ),
        (
            Rule::Ratio(1.0),
            ParentPolicy::FollowSampled,
            [true, true, true],
            "probability of 1",
        ),
    ];
    for (rule, regard, expected, reason) in cases {
        let sampler = Sampler::new(rule, regard);
        let found = [None, Some(false), Some(true)].map(|by_caller| sampler.samples(ID, by_caller));
        assert_eq!(found, expected, "{reason}");
    }
    assert!(Sampler::default().samples(ID, None));
    assert!(!Sampler::default().samples(ID, Some(false)));
}

#[test]
fn the_ratio_is_that_of_the_ids() {
    let low = |half: u64| {
        let mut id = [0xff; 16];
        id[8..].copy_from_slice(&half.to_be_bytes());
        TraceId::from_bytes(id)
    };
    let half = Sampler::new(Rule::Ratio(0.5), ParentPolicy::Ignore);
    assert!(half.samples(low(0), None));
    assert!(
        half.samples(low(u64::MAX / 2), None),
        "the last of the lower half"
    );
    assert!(
        !half.samples(low(u64::MAX / 2 + 1), None),
        "the first of the upper half"
    );

    let ids = RandomIdGenerator::default();
    let [some, more] = [0.25, 0.5].map(|ratio| Sampler::new(Rule::Ratio(ratio), ParentPolicy::Ignore));
    let ids: Vec<_> = (0..20_000).map(|_| ids.new_trace_id()).collect();
    let sampled: Vec<_> = ids.iter().filter(|id| some.samples(**id, None)).collect();
    // Five standard deviations are 306.
    assert!((4_694..=5_306).contains(&sampled.len()), "{}", sampled.len());
    let kept = sampled.into_iter().all(|id| more.samples(*id, None));
    assert!(kept, "a larger share holds the smaller one");
}

#[test]
fn a_limit_counts_the_traces_that_begin_here() {
    let limit = || Rule::RateLimited(RateLimit::new(0.001, Instant::now()));
    let sampler = Sampler::new(limit(), ParentPolicy::Follow);
    let decisions =
        [Some(true), Some(true), None, None, Some(false)].map(|by_caller| sampler.samples(ID, by_caller));
    assert_eq!(decisions, [true, true, true, false, false]);
    let sampler = Sampler::new(limit(), ParentPolicy::Ignore);
    assert_eq!(
        [Some(false), Some(true)].map(|by_caller| sampler.samples(ID, by_caller)),
        [true, false]
    );
}
