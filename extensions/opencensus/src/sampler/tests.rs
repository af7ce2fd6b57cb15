//! Decisions.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

use super::*;

const ID: TraceId = TraceId::from_bytes([7; 16]);

#[test]
fn what_the_callers_decision_counts_for() {
    let (yes, no) = (Rule::Always(true), Rule::Always(false));
    // By the caller: nothing, denied, accepted.
    let cases = [
        (yes, Regard::None, [true, true, true], "always_on"),
        (no, Regard::None, [false, false, false], "always_off"),
        (
            Rule::Always(true),
            Regard::Follow,
            [true, false, true],
            "parentbased_always_on",
        ),
        (
            Rule::Always(false),
            Regard::Follow,
            [false, false, true],
            "parentbased_always_off",
        ),
        (
            Rule::Ratio(0.0),
            Regard::None,
            [false, false, false],
            "traceidratio of 0",
        ),
        (
            Rule::Ratio(1.0),
            Regard::None,
            [true, true, true],
            "traceidratio of 1",
        ),
        (
            Rule::Ratio(0.0),
            Regard::Follow,
            [false, false, true],
            "parentbased_traceidratio of 0",
        ),
        (
            Rule::Ratio(1.0),
            Regard::Follow,
            [true, false, true],
            "parentbased_traceidratio of 1",
        ),
        (
            Rule::Ratio(0.0),
            Regard::FollowSampled,
            [false, false, true],
            "probability of 0",
        ),
        (
            Rule::Ratio(1.0),
            Regard::FollowSampled,
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
    let half = Sampler::new(Rule::Ratio(0.5), Regard::None);
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
    let [some, more] = [0.25, 0.5].map(|ratio| Sampler::new(Rule::Ratio(ratio), Regard::None));
    let ids: Vec<_> = (0..20_000).map(|_| ids.new_trace_id()).collect();
    let sampled: Vec<_> = ids.iter().filter(|id| some.samples(**id, None)).collect();
    // Five standard deviations are 306.
    assert!((4_694..=5_306).contains(&sampled.len()), "{}", sampled.len());
    let kept = sampled.into_iter().all(|id| more.samples(*id, None));
    assert!(kept, "a larger share holds the smaller one");
}

#[test]
fn so_many_a_second() {
    let start = Instant::now();
    let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
    let burst = |limit: &RateLimit, now| (0..1000).filter(|_| limit.take(now)).count();
    let limit = RateLimit::new(20.0, start);
    assert_eq!(burst(&limit, at(0.0)), 20, "a second's worth at once");
    assert_eq!(burst(&limit, at(0.049)), 0);
    assert_eq!(burst(&limit, at(0.051)), 1, "then one each twentieth of a second");
    assert_eq!(burst(&limit, at(0.5)), 9);
    assert_eq!(
        burst(&limit, at(60.0)),
        20,
        "no more than a second's worth is saved up"
    );

    let slow = RateLimit::new(0.1, start);
    assert_eq!(burst(&slow, at(0.0)), 1, "one at once, however few");
    assert_eq!(burst(&slow, at(9.9)), 0);
    assert_eq!(burst(&slow, at(10.0)), 1);

    for (rate, expected) in [(f64::MIN_POSITIVE, 1), (f64::MAX, 1000), (1e12, 1000)] {
        assert_eq!(burst(&RateLimit::new(rate, start), at(1.0)), expected, "{rate}");
    }
    let earlier = RateLimit::new(1.0, at(5.0));
    assert_eq!(
        burst(&earlier, at(1.0)),
        1,
        "a clock before the start does no harm"
    );
}

#[test]
fn threads_share_the_limit() {
    let start = Instant::now();
    let limit = RateLimit::new(500.0, start);
    let sampled = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let taken = (0..200).filter(|_| limit.take(start)).count();
                sampled.fetch_add(taken, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(sampled.into_inner(), 500);
}

#[test]
fn a_limit_counts_the_traces_that_begin_here() {
    let limit = || Rule::RateLimited(RateLimit::new(0.001, Instant::now()));
    let sampler = Sampler::new(limit(), Regard::Follow);
    let decisions =
        [Some(true), Some(true), None, None, Some(false)].map(|by_caller| sampler.samples(ID, by_caller));
    assert_eq!(decisions, [true, true, true, false, false]);
    let sampler = Sampler::new(limit(), Regard::None);
    assert_eq!(
        [Some(false), Some(true)].map(|by_caller| sampler.samples(ID, by_caller)),
        [true, false]
    );
}
