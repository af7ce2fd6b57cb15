//! `sampler`, `rate` and `functions`, and OpenTelemetry's variables for sampling.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as NameError;
use thiserror::Error;

use super::Settings;
use crate::sampling::{Choice, Measure, SamplerName, Sampling};

/// Sampling of one function; the other functions' setting applies to what is left out.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct FunctionSettings {
    /// As `sampler`.
    sampler: Option<SamplerName>,
    /// As `rate`.
    rate: Option<f64>,
}

/// Sampling settings that are not valid.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum SamplingError {
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

/// Returns a rate that the sampler takes.
fn check(sampler: SamplerName, key: impl Into<String>, rate: f64) -> Result<f64, SamplingError> {
    let (key, given) = (key.into(), rate.to_string());
    match sampler.measure() {
        Measure::All | Measure::Nothing => Err(SamplingError::NoRate { key, sampler }),
        Measure::Share if (0.0..=1.0).contains(&rate) => Ok(rate),
        Measure::Share => Err(SamplingError::NoShare { key, sampler, given }),
        Measure::PerSecond if rate > 0.0 && rate.is_finite() => Ok(rate),
        Measure::PerSecond => Err(SamplingError::NotPerSecond { key, sampler, given }),
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
        Some(rate) => check(sampler, "rate", rate)?,
        None => by_variable.unwrap_or_else(|| sampler.default_rate()),
    };
    let all = Choice { sampler, rate };
    let choice = |(name, own): (&String, &FunctionSettings)| {
        let sampler = own.sampler.unwrap_or(all.sampler);
        let rate = match own.rate {
            Some(rate) => check(sampler, format!("functions.{name}.rate"), rate)?,
            None if sampler == all.sampler => all.rate,
            None => sampler.default_rate(),
        };
        Ok((name.clone(), Choice { sampler, rate }))
    };
    let functions = settings.functions.iter().map(choice).collect::<Result<_, _>>()?;
    Ok(Sampling { all, functions })
}

/// Reads `OTEL_TRACES_SAMPLER` and its argument. Reports and ignores bad values.
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
        // It means nothing there.
        Measure::All | Measure::Nothing => None,
        Measure::Share | Measure::PerSecond => env(key),
    };
    let rate = argument.and_then(|given| {
        let rate = given.trim().parse().unwrap_or(f64::NAN);
        let checked = check(sampler, key, rate);
        if checked.is_err() {
            let default = sampler.default_rate();
            let number = match sampler.measure() {
                Measure::PerSecond => "traces a second, above 0",
                _ => "a share of traces from 0 to 1",
            };
            tracing::warn!("{key}: expected {number}, found {given:?}; {default}, the default, applies");
        }
        checked.ok()
    });
    (sampler, rate)
}

#[cfg(test)]
mod tests;
