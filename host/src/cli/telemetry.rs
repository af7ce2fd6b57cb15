//! Traces without a line of code: docks the tracing extension where host.json's `telemetryMode` or a variable of
//! OpenTelemetry asks for traces, and workerExtensions does not name it.

use super::settings::Settings;
use crate::app::{App, ExtensionConfig, TelemetryMode};

/// The extension that traces calls. The host docks extensions by the names that it is given; this is the one name that
/// it knows, as what asks for traces does not say who is to make them.
const EXTENSION: &str = "opencensus";

/// What asks for traces where one of them is set.
const VARIABLES: [&str; 3] = [
    EXPORTER,
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];
/// With the value "none" it asks for no traces, whatever the others say.
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
/// OpenTelemetry's own switch for all of it.
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// What is to be done.
#[derive(Debug, PartialEq)]
enum Plan {
    /// Nothing: nothing asks for traces, or workerExtensions names the extension.
    Nothing,
    /// Dock this one.
    Dock(Box<ExtensionConfig>),
    /// This asks for traces, and OpenTelemetry is switched off.
    Disabled(String),
    /// `telemetryMode` asks for traces, and worker extensions are off.
    ExtensionsOff,
}

/// Docks the extension where something asks for it; `environment` looks a variable up.
pub(super) fn dock(app: &mut App, environment: impl Fn(&str) -> Option<String>) {
    match Plan::of(app, &Settings::new(app, environment)) {
        Plan::Nothing => {}
        Plan::Dock(config) => {
            if let Some(by) = &config.implied_by {
                tracing::info!("{by}: the extension {EXTENSION} is docked");
            }
            // The first: its span is to be around what other extensions do.
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

impl Plan {
    fn of<E: Fn(&str) -> Option<String>>(app: &App, settings: &Settings<'_, E>) -> Self {
        let by_mode = app.host.telemetry_mode == TelemetryMode::OpenTelemetry;
        let Some(by) = asked_for(by_mode, settings) else {
            return Plan::Nothing;
        };
        let extensions = app.host.worker_extensions.iter();
        let is_named = extensions
            .map(|extension| &extension.name)
            .any(|name| name == EXTENSION);
        let is_disabled = settings
            .get(DISABLED)
            .is_some_and(|(value, _)| value.eq_ignore_ascii_case("true"));
        match (settings.extensions_enabled(), is_named, is_disabled) {
            (false, _, false) if by_mode => Plan::ExtensionsOff,
            // A variable alone may be meant for the app, which has no extensions.
            (false, _, _) | (true, true, _) => Plan::Nothing,
            (true, false, true) => Plan::Disabled(by),
            (true, false, false) => {
                let mut config = ExtensionConfig::new(EXTENSION);
                // Nor does a variable stop a host that has run without the extension so far.
                config.required = by_mode;
                config.implied_by = Some(by);
                Plan::Dock(Box::new(config))
            }
        }
    }
}

/// What asks for traces, in words.
fn asked_for<E: Fn(&str) -> Option<String>>(by_mode: bool, settings: &Settings<'_, E>) -> Option<String> {
    if by_mode {
        return Some("telemetryMode is \"OpenTelemetry\"".to_owned());
    }
    let exporter = settings.get(EXPORTER);
    if exporter.is_some_and(|(exporter, _)| exporter.eq_ignore_ascii_case("none")) {
        return None;
    }
    VARIABLES.iter().find_map(|name| {
        let (_, place) = settings.get(name)?;
        Some(format!("{name} is set in {place}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::tests::app;

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    const ON: (&str, &str) = ("PYTHON_ENABLE_WORKER_EXTENSIONS", "1");

    /// The plan for an app with these variables, and `ENDPOINT` where `file` in its local.settings.json.
    fn plan(mode: TelemetryMode, named: &[&str], file: bool, variables: &[(&str, &str)]) -> Plan {
        let mut app = app("/srv/app");
        app.host.telemetry_mode = mode;
        app.host.worker_extensions = named.iter().copied().map(ExtensionConfig::new).collect();
        if file {
            app.settings.values.insert(ENDPOINT.0.into(), ENDPOINT.1.into());
        }
        let look = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.to_string())
        };
        Plan::of(&app, &Settings::new(&app, look))
    }

    /// The extension, required, asked for by this.
    fn docked(required: bool, by: &str) -> Plan {
        let mut config = ExtensionConfig::new(EXTENSION);
        config.required = required;
        config.implied_by = Some(by.to_owned());
        Plan::Dock(Box::new(config))
    }

    #[test]
    fn what_asks_for_traces() {
        use TelemetryMode::{ApplicationInsights, OpenTelemetry};
        const MODE: &str = "telemetryMode is \"OpenTelemetry\"";
        let by = |name: &str| docked(false, &format!("{name} is set in the environment"));
        let none = ("OTEL_TRACES_EXPORTER", "None");
        let off = ("OTEL_SDK_DISABLED", "TRUE");
        let traces = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://localhost:4318/v1/traces",
        );
        let cases: &[(_, &[&str], &[_], _, _)] = &[
            (ApplicationInsights, &[], &[ON], Plan::Nothing, "nothing asks"),
            (OpenTelemetry, &[], &[ON], docked(true, MODE), "the mode asks"),
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
                "it is switched off",
            ),
            (
                OpenTelemetry,
                &[EXTENSION],
                &[ON, off],
                Plan::Nothing,
                "named: the extension's own business",
            ),
            (
                OpenTelemetry,
                &[],
                &[off],
                Plan::Nothing,
                "switched off in both ways",
            ),
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
                "an endpoint asks",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, traces],
                by(traces.0),
                "that of traces, too",
            ),
            (
                ApplicationInsights,
                &[],
                &[ON, (none.0, "otlp")],
                by(none.0),
                "an exporter asks",
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
                "switched off",
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
    fn it_is_the_first() {
        let mut app = app("/srv/app");
        app.host.worker_extensions = vec![ExtensionConfig::new("other")];
        dock(&mut app, |name| {
            let found = [ON, ENDPOINT].into_iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.to_owned())
        });
        let names: Vec<_> = app
            .host
            .worker_extensions
            .iter()
            .map(|extension| &extension.name)
            .collect();
        assert_eq!(names, [EXTENSION, "other"]);
    }
}
