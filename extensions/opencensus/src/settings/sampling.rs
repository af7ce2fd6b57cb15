//! `sampler`, `rate` and `functions`, and OpenTelemetry's variables for sampling.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::IntoDeserializer;
use serde::de::value::Error as NameError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Settings;
use crate::sampler::Regard;

/// What `rate` is where nothing says so: all traces.
const ALL: f64 = 1.0;

/// And of the samplers that count: as many items as the Functions host sends to Application Insights by
/// default.
const PER_SECOND: f64 = 20.0;

/// The samplers, as OpenTelemetry's variables call them, and `probability` after OpenCensus' class.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerName {
    AlwaysOn,
    AlwaysOff,
    Traceidratio,
    Probability,
    RateLimited,
    #[default]
    ParentbasedAlwaysOn,
    ParentbasedAlwaysOff,
    ParentbasedTraceidratio,
    ParentbasedProbability,
    ParentbasedRateLimited,
}

/// Sampling of one function: what is left out is as for the others.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct FunctionSettings {
    /// As `sampler`.
    sampler: Option<SamplerName>,
    /// As `rate`.
    rate: Option<f64>,
}

/// Sampling settings that make no sense.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SamplingError {
    #[error(
        "{key}: the sampler {sampler} takes none; leave it out, or choose a \"sampler\" that does, such as \
         \"probability\" or \"rate_limited\""
    )]
    NoRate { key: String, sampler: SamplerName },
    #[error("{key}: expected a share of traces from 0 to 1 for the sampler {sampler}, found {given}")]
    NoShare {
        key: String,
        sampler: SamplerName,
        given: String,
    },
    #[error("{key}: expected traces a second, above 0, for the sampler {sampler}, found {given}")]
    NotPerSecond {
        key: String,
        sampler: SamplerName,
        given: String,
    },
}

/// What is to be sampled.
#[derive(Debug, Default, PartialEq)]
pub struct Sampling {
    /// For functions that are not named.
    pub all: Choice,
    /// By function.
    pub functions: BTreeMap<String, Choice>,
}

/// A sampler and its rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    pub sampler: SamplerName,
    /// A share, or traces a second; 1 for samplers that have neither.
    pub rate: f64,
}

/// What a sampler decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    All,
    Nothing,
    Share,
    PerSecond,
}

impl SamplerName {
    pub fn measure(self) -> Measure {
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

    pub fn regard(self) -> Regard {
        match self {
            SamplerName::AlwaysOn
            | SamplerName::AlwaysOff
            | SamplerName::Traceidratio
            | SamplerName::RateLimited => Regard::None,
            SamplerName::Probability => Regard::FollowSampled,
            SamplerName::ParentbasedAlwaysOn
            | SamplerName::ParentbasedAlwaysOff
            | SamplerName::ParentbasedTraceidratio
            | SamplerName::ParentbasedProbability
            | SamplerName::ParentbasedRateLimited => Regard::Follow,
        }
    }

    fn default_rate(self) -> f64 {
        match self.measure() {
            Measure::PerSecond => PER_SECOND,
            Measure::All | Measure::Nothing | Measure::Share => ALL,
        }
    }

    /// A rate that the sampler takes.
    fn check(self, key: impl Into<String>, rate: f64) -> Result<f64, SamplingError> {
        let (key, sampler, given) = (key.into(), self, rate.to_string());
        match self.measure() {
            Measure::All | Measure::Nothing => Err(SamplingError::NoRate { key, sampler }),
            Measure::Share if (0.0..=1.0).contains(&rate) => Ok(rate),
            Measure::Share => Err(SamplingError::NoShare { key, sampler, given }),
            Measure::PerSecond if rate > 0.0 && rate.is_finite() => Ok(rate),
            Measure::PerSecond => Err(SamplingError::NotPerSecond { key, sampler, given }),
        }
    }
}

impl fmt::Display for SamplerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
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

/// Checks the settings and fills in what was left out.
pub(super) fn resolve(
    settings: &Settings,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Sampling, SamplingError> {
    let (sampler, by_variable) = match settings.sampler {
        Some(sampler) => (sampler, None),
        None => variables(env),
    };
    let rate = match settings.rate {
        Some(rate) => sampler.check("rate", rate)?,
        None => by_variable.unwrap_or_else(|| sampler.default_rate()),
    };
    let all = Choice { sampler, rate };
    let choice = |(name, own): (&String, &FunctionSettings)| {
        let sampler = own.sampler.unwrap_or(all.sampler);
        let rate = match own.rate {
            Some(rate) => sampler.check(format!("functions.{name}.rate"), rate)?,
            None if sampler == all.sampler => all.rate,
            None => sampler.default_rate(),
        };
        Ok((name.clone(), Choice { sampler, rate }))
    };
    let functions = settings.functions.iter().map(choice).collect::<Result<_, _>>()?;
    Ok(Sampling { all, functions })
}

/// The sampler of `OTEL_TRACES_SAMPLER`, and its argument. As OpenTelemetry asks, bad values are reported and
/// then ignored.
fn variables(env: impl Fn(&str) -> Option<String>) -> (SamplerName, Option<f64>) {
    let Some(given) = env("OTEL_TRACES_SAMPLER") else {
        return Default::default();
    };
    let name = given.trim().to_ascii_lowercase();
    let name: serde::de::value::StrDeserializer<'_, NameError> = name.as_str().into_deserializer();
    let sampler = match SamplerName::deserialize(name) {
        Ok(sampler) => sampler,
        Err(error) => {
            let default = SamplerName::default();
            tracing::warn!("OTEL_TRACES_SAMPLER: {error}; {default}, the default, applies");
            return (default, None);
        }
    };
    let key = "OTEL_TRACES_SAMPLER_ARG";
    let argument = match sampler.measure() {
        // OpenTelemetry gives it no meaning there.
        Measure::All | Measure::Nothing => None,
        Measure::Share | Measure::PerSecond => env(key),
    };
    let rate = argument.and_then(|given| {
        let rate = given.trim().parse().unwrap_or(f64::NAN);
        let checked = sampler.check(key, rate);
        if checked.is_err() {
            let (number, default) = match sampler.measure() {
                Measure::PerSecond => ("traces a second, above 0", PER_SECOND),
                _ => ("a share of traces from 0 to 1", ALL),
            };
            tracing::warn!("{key}: expected {number}, found {given:?}; {default}, the default, applies");
        }
        checked.ok()
    });
    (sampler, rate)
}

#[cfg(test)]
mod tests;
