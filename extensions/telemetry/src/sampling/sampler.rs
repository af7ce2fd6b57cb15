//! The decision whether a trace is recorded.

use std::time::Instant;

use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{Sampler as OpenTelemetry, SamplingDecision, ShouldSample};

use super::rate_limit::RateLimit;

/// Decides for the calls of a function.
#[derive(Debug)]
pub struct Sampler {
    rule: Rule,
    parent: ParentPolicy,
}

/// What decides if the caller's decision does not count.
#[derive(Debug)]
pub(super) enum Rule {
    Always(bool),
    /// This share of all traces, by their ids.
    Ratio(f64),
    /// This many a second.
    RateLimited(RateLimit),
}

/// What the caller's decision counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParentPolicy {
    /// Nothing.
    Ignore,
    /// It is followed: the samplers called parentbased.
    Follow,
    /// It is followed where the caller samples, and ignored otherwise: OpenCensus' probability sampler.
    FollowSampled,
}

impl Default for Sampler {
    /// OpenTelemetry's default.
    fn default() -> Self {
        Sampler::new(Rule::Always(true), ParentPolicy::Follow)
    }
}

impl Sampler {
    pub(super) fn new(rule: Rule, parent: ParentPolicy) -> Self {
        Sampler { rule, parent }
    }

    /// Whether to sample a call of this trace. `by_caller` is the caller's decision, if it made one.
    pub fn samples(&self, trace_id: TraceId, by_caller: Option<bool>) -> bool {
        match (self.parent, by_caller) {
            (ParentPolicy::Follow, Some(decision)) => decision,
            (ParentPolicy::FollowSampled, Some(true)) => true,
            _ => match &self.rule {
                Rule::Always(decision) => *decision,
                Rule::Ratio(ratio) => by_ratio(*ratio, trace_id),
                Rule::RateLimited(limit) => limit.take(Instant::now()),
            },
        }
    }
}

/// Asks OpenTelemetry's sampler, so that all services with the same ratio keep the same traces. It does not allocate
/// as it gets no parent.
fn by_ratio(ratio: f64, trace_id: TraceId) -> bool {
    let sampler = OpenTelemetry::TraceIdRatioBased(ratio);
    let result = sampler.should_sample(None, trace_id, "", &SpanKind::Server, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}

#[cfg(test)]
mod tests;
