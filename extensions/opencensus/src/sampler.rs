//! Which traces are recorded.
//!
//! Decided once a call, before anything is recorded; the spans of function code follow their call. Nothing
//! here locks or allocates.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{Sampler as OpenTelemetry, SamplingDecision, ShouldSample};

/// Decides for the calls of a function.
#[derive(Debug)]
pub(crate) struct Sampler {
    rule: Rule,
    regard: Regard,
}

/// What is decided where the caller's decision does not count.
#[derive(Debug)]
pub(crate) enum Rule {
    Always(bool),
    /// This share of all traces, by their ids.
    Ratio(f64),
    /// This many a second.
    RateLimited(RateLimit),
}

/// What the caller's decision counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regard {
    /// Nothing.
    None,
    /// It is followed: the samplers called parentbased.
    Follow,
    /// A trace that the caller samples is sampled, and for others it counts for nothing: OpenCensus'
    /// probability sampler.
    FollowSampled,
}

impl Default for Sampler {
    /// OpenTelemetry's default.
    fn default() -> Self {
        Sampler::new(Rule::Always(true), Regard::Follow)
    }
}

impl Sampler {
    pub(crate) fn new(rule: Rule, regard: Regard) -> Self {
        Sampler { rule, regard }
    }

    /// Whether to sample a call that belongs to this trace. `by_caller` is the caller's decision where it
    /// made one.
    pub(crate) fn samples(&self, trace_id: TraceId, by_caller: Option<bool>) -> bool {
        match (self.regard, by_caller) {
            (Regard::Follow, Some(decision)) => decision,
            (Regard::FollowSampled, Some(true)) => true,
            _ => match &self.rule {
                Rule::Always(decision) => *decision,
                Rule::Ratio(ratio) => by_ratio(*ratio, trace_id),
                Rule::RateLimited(limit) => limit.take(Instant::now()),
            },
        }
    }
}

/// As OpenTelemetry's SDK decides, so that all services with the same ratio keep the same traces. Without a
/// parent to look at, it does not allocate.
fn by_ratio(ratio: f64, trace_id: TraceId) -> bool {
    let sampler = OpenTelemetry::TraceIdRatioBased(ratio);
    let result = sampler.should_sample(None, trace_id, "", &SpanKind::Server, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}

/// A token bucket that holds what comes in a second, at least one token.
///
/// It is one number, the time at which the bucket is full again: a trace moves that on by what a token takes
/// to come back. Times are nanoseconds since the bucket was made.
#[derive(Debug)]
pub(crate) struct RateLimit {
    start: Instant,
    /// In which a token comes back.
    interval: u64,
    /// In which an empty bucket is full again.
    window: u64,
    full_at: AtomicU64,
}

const SECOND: u64 = 1_000_000_000;

/// A century: far from what 64 bits hold.
const LONGEST: u64 = 100 * 365 * 86_400 * SECOND;

impl RateLimit {
    /// `per_second` is above 0. The first traces are those after `start`.
    pub(crate) fn new(per_second: f64, start: Instant) -> Self {
        // A cast from float stops at the ends of 64 bits.
        let interval = ((SECOND as f64 / per_second) as u64).min(LONGEST);
        RateLimit {
            start,
            interval,
            window: interval.max(SECOND),
            full_at: AtomicU64::new(0),
        }
    }

    /// Takes a token, if there is one.
    fn take(&self, now: Instant) -> bool {
        // 64 bits of nanoseconds last for 584 years.
        let now = now.saturating_duration_since(self.start).as_nanos() as u64;
        let take = |full_at: u64| {
            let next = full_at.max(now) + self.interval;
            (next - now <= self.window).then_some(next)
        };
        // Nothing else is published with it, so the order of other memory does not matter.
        self.full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

#[cfg(test)]
mod tests;
