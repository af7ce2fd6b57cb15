//! The app settings by which an app sends its telemetry by itself. Under Microsoft's Functions host, that host then leaves it
//! out of its own.

use super::parse_boolean;

/// The app sets OpenTelemetry up in its code.
pub(crate) const OPENTELEMETRY: &str = "PYTHON_ENABLE_OPENTELEMETRY";

/// The worker sends to Application Insights.
const APPLICATION_INSIGHTS: &str = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY";

/// Where Application Insights takes it.
pub(crate) const CONNECTION: &str = "APPLICATIONINSIGHTS_CONNECTION_STRING";

/// OpenTelemetry's own switch. Only "true" is true there.
pub(crate) const DISABLED: &str = "OTEL_SDK_DISABLED";

/// The setting that switches worker extensions on, one of which is what sends.
pub(crate) const EXTENSIONS: &str = "PYTHON_ENABLE_WORKER_EXTENSIONS";

/// Returns the setting by which the worker is to send to Application Insights; `None` if it is not, or cannot. `lookup`
/// finds a setting.
pub(crate) fn to_application_insights(lookup: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let is_true = |name: &str| lookup(name).and_then(|value| parse_boolean(value.trim())) == Some(true);
    let has_connection = lookup(CONNECTION).is_some_and(|value| !value.trim().is_empty());
    let is_disabled = lookup(DISABLED).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
    let sends = is_true(APPLICATION_INSIGHTS) && is_true(EXTENSIONS) && has_connection && !is_disabled;
    sends.then_some(APPLICATION_INSIGHTS)
}

/// Whether the app sends its telemetry by itself. `lookup` finds a setting.
pub(crate) fn is_own(lookup: impl Fn(&str) -> Option<String>) -> bool {
    let opentelemetry = lookup(OPENTELEMETRY).and_then(|value| parse_boolean(value.trim()));
    opentelemetry == Some(true) || to_application_insights(lookup).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_sends_by_itself_if_it_says_so_and_can() {
        let is_own = |settings: &[(&str, &str)]| {
            is_own(|name| {
                let found = settings.iter().find(|(setting, _)| *setting == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        for value in ["1", "true", "TRUE", " t ", "yes", "y"] {
            assert!(is_own(&[(OPENTELEMETRY, value)]), "{value}");
        }
        for value in ["", "0", "false", "on", "2"] {
            assert!(!is_own(&[(OPENTELEMETRY, value)]), "{value}");
        }
        assert!(!is_own(&[]));
        let all = [
            (APPLICATION_INSIGHTS, "true"),
            (EXTENSIONS, "1"),
            (CONNECTION, "InstrumentationKey=x"),
        ];
        assert!(is_own(&all));
        for left_out in 0..all.len() {
            let mut some = all.to_vec();
            some.remove(left_out);
            assert!(!is_own(&some), "{some:?}");
        }
        assert!(!is_own(&[&all[..], &[(DISABLED, "true")]].concat()));
    }
}
