//! How much one span may hold.

use super::variables::size;
use super::{Settings, SettingsError, positive};

/// What a span leaves out beyond these, it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub attributes: usize,
    /// Of a text, in characters; what is longer is cut.
    pub value_length: usize,
    pub events: usize,
}

impl Default for Limits {
    /// As OpenTelemetry's SDKs have it.
    fn default() -> Self {
        Limits {
            attributes: 128,
            value_length: usize::MAX,
            events: 128,
        }
    }
}

impl Limits {
    pub(super) fn resolve(
        settings: &Settings,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
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

    /// A text's beginning that is within the limit.
    #[inline]
    pub(crate) fn cut<'a>(&self, text: &'a str) -> &'a str {
        // No character takes less than a byte.
        if text.len() <= self.value_length {
            return text;
        }
        let end = text.char_indices().nth(self.value_length);
        end.map_or(text, |(at, _)| &text[..at])
    }
}
