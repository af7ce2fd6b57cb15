//! How much one span may hold, by settings and variables.

use super::variables::size;
use super::{Settings, SettingsError, positive};
use crate::encode::Limits;

/// Checks the settings and fills in what was left out.
pub(super) fn resolve(
    settings: &Settings,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Limits, SettingsError> {
    let limit = |key, setting, variables: &[&'static str]| {
        let variable = || variables.iter().find_map(|name| size(&env, name));
        Ok::<_, SettingsError>(positive(key, setting)?.or_else(variable))
    };
    let default = Limits::default();
    Ok(Limits {
        attributes: limit(
            "attribute_count_limit",
            settings.attribute_count_limit,
            &["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"],
        )?
        .unwrap_or(default.attributes),
        value_length: limit(
            "attribute_value_length_limit",
            settings.attribute_value_length_limit,
            &[
                "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            ],
        )?
        .unwrap_or(default.value_length),
        events: limit(
            "event_count_limit",
            settings.event_count_limit,
            &["OTEL_SPAN_EVENT_COUNT_LIMIT"],
        )?
        .unwrap_or(default.events),
    })
}
