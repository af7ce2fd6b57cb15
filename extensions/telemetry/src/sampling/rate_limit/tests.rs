//! Tokens, and how they come back.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::*;

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
