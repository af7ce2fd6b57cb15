//! The samplers by their names, and what settings choose of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::sampler::ParentPolicy;

/// The default rate of samplers that keep a share: all traces.
const ALL: f64 = 1.0;

/// The default rate of samplers that count: as many items as the Functions host sends to Application Insights by
/// default.
const PER_SECOND: f64 = 20.0;

/// The samplers, as OpenTelemetry's variables call them, and `probability` after OpenCensus' class. `parentbased_` in
/// front means that the caller's decision is followed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerName {
    /// All traces.
    AlwaysOn,
    /// No traces.
    AlwaysOff,
    /// A share of traces, by their ids.
    Traceidratio,
    /// A share of traces, and those that the caller samples.
    Probability,
    /// So many traces a second.
    RateLimited,
    /// All traces that begin here.
    #[default]
    ParentbasedAlwaysOn,
    /// No traces that begin here.
    ParentbasedAlwaysOff,
    /// A share of the traces that begin here.
    ParentbasedTraceidratio,
    /// The same.
    ParentbasedProbability,
    /// So many of the traces that begin here a second.
    ParentbasedRateLimited,
}

/// What a sampler decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    All,
    Nothing,
    Share,
    PerSecond,
}

impl SamplerName {
    pub(crate) fn measure(self) -> Measure {
        match self {
            SamplerName::AlwaysOn | SamplerName::ParentbasedAlwaysOn => Measure::All,
            SamplerName::AlwaysOff | SamplerName::ParentbasedAlwaysOff => Measure::Nothing,
            SamplerName::Traceidratio
            | SamplerName::Probability
            | SamplerName::ParentbasedTraceidratio
            | SamplerName::ParentbasedProbability => Measure::Share,
            SamplerName::RateLimited | SamplerName::ParentbasedRateLimited => Measure::PerSecond,
        }
    }

    pub(super) fn parent_policy(self) -> ParentPolicy {
        match self {
            SamplerName::AlwaysOn
            | SamplerName::AlwaysOff
            | SamplerName::Traceidratio
            | SamplerName::RateLimited => ParentPolicy::Ignore,
            SamplerName::Probability => ParentPolicy::FollowSampled,
            SamplerName::ParentbasedAlwaysOn
            | SamplerName::ParentbasedAlwaysOff
            | SamplerName::ParentbasedTraceidratio
            | SamplerName::ParentbasedProbability
            | SamplerName::ParentbasedRateLimited => ParentPolicy::Follow,
        }
    }

    pub(crate) fn default_rate(self) -> f64 {
        match self.measure() {
            Measure::PerSecond => PER_SECOND,
            Measure::All | Measure::Nothing | Measure::Share => ALL,
        }
    }
}

impl fmt::Display for SamplerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A sampler and its rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The sampler.
    pub sampler: SamplerName,
    /// A share, or traces a second; 1 for samplers that have neither.
    pub rate: f64,
}

impl Default for Choice {
    fn default() -> Self {
        let sampler = SamplerName::default();
        Choice {
            sampler,
            rate: sampler.default_rate(),
        }
    }
}

/// The samplers of an app.
#[derive(Debug, Default, PartialEq)]
pub struct Sampling {
    /// For functions that have no sampler of their own.
    pub all: Choice,
    /// By function.
    pub functions: BTreeMap<String, Choice>,
}
