//! `propagators`, and OpenTelemetry's variable for them.

use thiserror::Error;

use super::Settings;
use super::names::Names;
use crate::propagation::{Propagator, Propagators};

/// No format at all; it stands alone.
const NONE: &str = "none";

/// Propagators that are not supported.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum PropagationError {
    #[error(
        "propagators: {given:?} is not supported; expected some of {}, or none",
        known()
    )]
    Unknown { given: String },
    #[error("propagators: \"none\" goes with no other")]
    NoneWithOthers,
}

fn known() -> String {
    Propagator::ALL.map(Propagator::name).join(", ")
}

fn propagator(name: &str) -> Option<Propagator> {
    Propagator::ALL.into_iter().find(|known| known.name() == name)
}

/// Checks the setting, and fills it in where it was left out.
pub(super) fn resolve(
    settings: &Settings,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Propagators, PropagationError> {
    let Some(Names(names)) = &settings.propagators else {
        return Ok(variable(env));
    };
    if names.iter().any(|name| name == NONE) {
        return match names.len() {
            1 => Ok(Propagators::from_iter([])),
            _ => Err(PropagationError::NoneWithOthers),
        };
    }
    let found =
        |name: &String| propagator(name).ok_or_else(|| PropagationError::Unknown { given: name.clone() });
    names.iter().map(found).collect()
}

/// Reads `OTEL_PROPAGATORS`. Reports and ignores what is not supported; the default applies if nothing is left.
fn variable(env: impl Fn(&str) -> Option<String>) -> Propagators {
    let key = "OTEL_PROPAGATORS";
    let Some(given) = env(key) else {
        return Propagators::default();
    };
    let given = given.to_ascii_lowercase();
    let names: Vec<_> = given
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if names == [NONE] {
        return Propagators::from_iter([]);
    }
    let mut found = Vec::new();
    for name in names {
        match propagator(name) {
            Some(propagator) => found.push(propagator),
            None => tracing::warn!(
                "{key}: {name:?} is ignored; expected some of {}, or none alone",
                known()
            ),
        }
    }
    if found.is_empty() {
        tracing::warn!("{key}: nothing of it is supported; the default applies, tracecontext and baggage");
        return Propagators::default();
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests;
