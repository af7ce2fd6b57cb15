//! Traces without a line of code: docks the tracing extension when `telemetryMode` of host.json, a variable of OpenTelemetry
//! or one of Azure requests traces and `workerExtensions` does not name it.

use super::settings;
use crate::app::own_telemetry::{self, CONNECTION, DISABLED};
use crate::app::{App, AppSetting, AppSettings, ExtensionConfig, TelemetryMode};

/// The extension that traces calls: the one name of an extension that the host knows, because a request for traces does
/// not name it.
const EXTENSION: &str = "opencensus";

/// The settings that request traces when they are set.
const VARIABLES: [&str; 3] = [
    EXPORTER,
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];
/// With the value "none", it turns off what the others request.
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";

/// What to do.
#[derive(Debug, PartialEq)]
enum Plan {
    /// Nothing: nothing requests traces, or `workerExtensions` names the extension.
    Nothing,
    /// Dock this extension.
    Dock(Box<ExtensionConfig>),
    /// Nothing: this requests traces, but OpenTelemetry is off.
    Disabled(String),
    /// Nothing: `telemetryMode` requests traces, but worker extensions are off.
    ExtensionsOff,
}

/// Docks the extension if something requests traces.
pub(super) fn dock(app: &mut App, settings: &AppSettings) {
    match Plan::of(app, settings) {
        Plan::Nothing => {}
        Plan::Dock(config) => {
            if let Some(by) = &config.implied_by {
                tracing::info!("{by}: the extension {EXTENSION} is docked");
            }
            // The first one: its span includes the hooks of the other extensions.
            app.host.worker_extensions.insert(0, *config);
        }
        Plan::Disabled(by) => {
            tracing::info!("{by}, but {DISABLED} is true: the extension {EXTENSION} is not docked");
        }
        Plan::ExtensionsOff => tracing::warn!(
            "telemetryMode is \"OpenTelemetry\", but worker extensions are off, and without them there are no \
             traces: set PYTHON_ENABLE_WORKER_EXTENSIONS=1"
        ),
    }
}

/// Returns a warning about a connection string of Application Insights, for an app in which no extension uses it.
pub(super) fn unused_connection(settings: &AppSettings) -> Option<String> {
    let setting = settings.get(CONNECTION)?;
    Some(format!(
        "{CONNECTION} is set in {}, but the host sends nothing there: that does the extension {EXTENSION}, which \
         \"workerExtensions\": {{ \"{EXTENSION}\": {{}} }} in host.json and PYTHON_ENABLE_WORKER_EXTENSIONS=1 dock",
        setting.source
    ))
}

/// Whether an extension uses it: ours, or one in Python that is made for it.
pub(super) fn uses_connection(extension: &str) -> bool {
    extension.to_ascii_lowercase().contains(EXTENSION)
}

impl Plan {
    fn of(app: &App, settings: &AppSettings) -> Self {
        let by_mode = app.host.telemetry_mode == TelemetryMode::OpenTelemetry;
        let Some(by) = requested_by(by_mode, settings) else {
            return Plan::Nothing;
        };
        let extensions = app.host.worker_extensions.iter();
        let is_named = extensions
            .map(|extension| &extension.name)
            .any(|name| name == EXTENSION);
        let is_disabled = settings
            .get(DISABLED)
            .is_some_and(|setting| setting.value.eq_ignore_ascii_case("true"));
        match (settings::extensions_enabled(settings), is_named, is_disabled) {
            (false, _, false) if by_mode => Plan::ExtensionsOff,
            // A variable without extensions may be for the app.
            (false, _, _) | (true, true, _) => Plan::Nothing,
            (true, false, true) => Plan::Disabled(by),
            (true, false, false) => {
                let mut config = ExtensionConfig::new(EXTENSION);
                // A variable must not stop a host that worked without the extension before.
                config.required = Some(by_mode);
                config.implied_by = Some(by);
                Plan::Dock(Box::new(config))
            }
        }
    }
}

/// Returns what requests traces, as the start of a sentence.
fn requested_by(by_mode: bool, settings: &AppSettings) -> Option<String> {
    if by_mode {
        return Some("telemetryMode is \"OpenTelemetry\"".to_owned());
    }
    let exporter = settings.get(EXPORTER);
    if exporter.is_some_and(|exporter| exporter.value.eq_ignore_ascii_case("none")) {
        return None;
    }
    let lookup = |name: &str| settings.get(name).map(|setting| setting.value);
    let to_insights = own_telemetry::to_application_insights(lookup);
    VARIABLES.into_iter().chain(to_insights).find_map(|name| {
        let AppSetting { source, .. } = settings.get(name)?;
        Some(format!("{name} is set in {source}"))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::app::testing::app;

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    const ON: (&str, &str) = ("PYTHON_ENABLE_WORKER_EXTENSIONS", "1");

    /// Returns the settings with these variables, and `ENDPOINT` in local.settings.json if `file`.
    fn settings(file: bool, variables: &[(&str, &str)]) -> AppSettings {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let map = |entries: &[(&str, &str)]| entries.iter().map(owned).collect::<BTreeMap<_, _>>();
        let values = if file { &[ENDPOINT][..] } else { &[] };
        AppSettings::new(&map(values), &map(variables))
    }

    /// Returns the plan for an app with these settings.
    fn plan(mode: TelemetryMode, named: &[&str], file: bool, variables: &[(&str, &str)]) -> Plan {
        let mut app = app("/srv/app");
        app.host.telemetry_mode = mode;
        app.host.worker_extensions = named.iter().copied().map(ExtensionConfig::new).collect();
        Plan::of(&app, &settings(file, variables))
    }

    /// Returns the plan to dock the extension, required or not, for this reason.
    fn docked(required: bool, by: &str) -> Plan {
        let mut config = ExtensionConfig::new(EXTENSION);
        config.required = Some(required);
        config.implied_by = Some(by.to_owned());
        Plan::Dock(Box::new(config))
    }

    #[test]
    fn the_plan_follows_what_requests_traces() {
        use TelemetryMode::{ApplicationInsights, OpenTelemetry};
        const MODE: &str = "telemetryMode is \"OpenTelemetry\"";
        let by = |name: &str| docked(false, &format!("{name} is set in the environment"));
        let none = ("OTEL_TRACES_EXPORTER", "None");
        let off = ("OTEL_SDK_DISABLED", "TRUE");
        let insights = ("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "True");
        let traces = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://localhost:4318/v1/traces",
        );
        let cases: &[(_, &[&str], &[_], _, _)] = &[
            (
                ApplicationInsights,
                &[],
                &[ON],
                Plan::Nothing,
                "nothing requests traces",
            ),
            (
                OpenTelemetry,
                &[],
                &[ON],
                docked(true, MODE),
                "the mode requests traces",
            ),
            (
                OpenTelemetry,
                &["other"],
                &[ON],
                docked(true, MODE),
                "beside another one",
            ),
            (
                OpenTelemetry,
                &[EXTENSION],
                &[ON],
                Plan::Nothing,
                "it is named already",
            ),
            (OpenTelemetry, &[], &[], Plan::ExtensionsOff, "extensions are off"),
            (
                OpenTelemetry,
                &[EXTENSION],
                &[],
                Plan::ExtensionsOff,
                "off, though named",
            ),
            (
                OpenTelemetry,
                &[],
                &[ON, off],
                Plan::Disabled(MODE.into()),
                "OpenTelemetry is off",
            ),
            (
                OpenTelemetry,
                &[EXTENSION],
                &[ON, off],
                Plan::Nothing,
                "named: the extension decides",
            ),
            (OpenTelemetry, &[], &[off], Plan::Nothing, "both are off"),
            (
                OpenTelemetry,
                &[],
                &[ON, none],
                docked(true, MODE),
                "the extension exports nothing",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, ENDPOINT],
                by(ENDPOINT.0),
                "an endpoint requests traces",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, traces],
                by(traces.0),
                "the endpoint for traces too",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, (none.0, "otlp")],
                by(none.0),
                "an exporter requests traces",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, none],
                Plan::Nothing,
                "no exporter",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, insights, (CONNECTION, "InstrumentationKey=x")],
                by(insights.0),
                "Application Insights, by its own setting",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, insights],
                Plan::Nothing,
                "that leads nowhere",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, none, ENDPOINT],
                Plan::Nothing,
                "for an endpoint",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, (ENDPOINT.0, " ")],
                Plan::Nothing,
                "empty is not set",
            ),
            (
                ApplicationInsights,
                &[EXTENSION],
                &[ON, ENDPOINT],
                Plan::Nothing,
                "named already",
            ),
            (
                ApplicationInsights,
                &[],
                &[ENDPOINT],
                Plan::Nothing,
                "off: it is for the app",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, ENDPOINT, (off.0, "1")],
                by(ENDPOINT.0),
                "only \"true\" is true",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, ENDPOINT, off],
                Plan::Disabled(format!("{} is set in the environment", ENDPOINT.0)),
                "OpenTelemetry is off",
            ),
        ];
        for (mode, named, variables, expected, reason) in cases {
            assert_eq!(plan(*mode, named, false, variables), *expected, "{reason}");
        }
        let by_file = format!("{} is set in local.settings.json (Values)", ENDPOINT.0);
        assert_eq!(
            plan(ApplicationInsights, &[], true, &[ON]),
            docked(false, &by_file)
        );
    }

    #[test]
    fn the_extension_is_docked_first() {
        let mut app = app("/srv/app");
        app.host.worker_extensions = vec![ExtensionConfig::new("other")];
        dock(&mut app, &settings(false, &[ON, ENDPOINT]));
        let names: Vec<_> = app
            .host
            .worker_extensions
            .iter()
            .map(|extension| &extension.name)
            .collect();
        assert_eq!(names, [EXTENSION, "other"]);
    }
}
