//! Whether metrics and log records are exported, and where to.
//!
//! They are off by default: a collector for traces need not take the others, and exports are paid for by volume.
//! OpenTelemetry's own default would be on.

use std::time::Duration;

use super::batching::QUEUE_BYTES;
use super::variables::number;
use super::{Batching, Collector, InvalidSettings, Settings};
use crate::signal::Signal;

/// How metrics are exported.
#[derive(Debug)]
pub struct MetricsConfig {
    pub(crate) collector: Collector,
    /// From one export to the next.
    pub(crate) interval: Duration,
}

/// How log records are exported.
#[derive(Debug)]
pub struct LogsConfig {
    pub(crate) collector: Collector,
    pub(crate) batching: Batching,
}

impl Settings {
    /// Returns how metrics are exported; `None` if they are not.
    ///
    /// # Errors
    /// A setting is not valid.
    pub fn metrics(
        &self,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<MetricsConfig>, InvalidSettings> {
        if !is_on(self.metrics, Signal::Metrics, &env) {
            return Ok(None);
        }
        warn_of_temporality(&env);
        let interval = number(&env, "OTEL_METRIC_EXPORT_INTERVAL").unwrap_or(60_000);
        Ok(Some(MetricsConfig {
            collector: Collector::resolve(self, Signal::Metrics, &env)?,
            interval: Duration::from_millis(interval),
        }))
    }

    /// Returns how log records are exported; `None` if they are not.
    ///
    /// # Errors
    /// A setting is not valid.
    pub fn logs(&self, env: impl Fn(&str) -> Option<String>) -> Result<Option<LogsConfig>, InvalidSettings> {
        if !is_on(self.logs, Signal::Logs, &env) {
            return Ok(None);
        }
        let size = |name, default: u64| {
            let size = number(&env, name).unwrap_or(default);
            usize::try_from(size).unwrap_or(usize::MAX)
        };
        let queue = size("OTEL_BLRP_MAX_QUEUE_SIZE", 2048);
        let delay = number(&env, "OTEL_BLRP_SCHEDULE_DELAY").unwrap_or(1000);
        Ok(Some(LogsConfig {
            collector: Collector::resolve(self, Signal::Logs, &env)?,
            batching: Batching {
                queue,
                queue_bytes: QUEUE_BYTES,
                batch: size("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", 512).min(queue),
                delay: Duration::from_millis(delay),
            },
        }))
    }
}

/// Whether a signal is exported by OTLP: by its setting, else by the variable for its exporters, else if it has an
/// endpoint for itself.
fn is_on(setting: Option<bool>, signal: Signal, env: impl Fn(&str) -> Option<String>) -> bool {
    if let Some(is_on) = setting {
        return is_on;
    }
    let variable = signal.exporter_variable();
    let Some(given) = env(variable) else {
        return env(signal.variables().endpoint).is_some();
    };
    let mut is_on = false;
    for exporter in given.split(',').map(str::trim) {
        match exporter {
            "otlp" => is_on = true,
            "none" | "" => {}
            // `/metrics` exists in any case.
            "prometheus" if signal == Signal::Metrics => {}
            _ => {
                let items = signal.items();
                tracing::warn!(
                    "{variable}: {items} have the exporters \"otlp\" and \"none\", found {exporter:?}"
                );
            }
        }
    }
    is_on
}

fn warn_of_temporality(env: impl Fn(&str) -> Option<String>) {
    let variable = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    if let Some(given) = env(variable)
        && !given.eq_ignore_ascii_case("cumulative")
    {
        tracing::warn!("{variable}: metrics are exported cumulative only, found {given:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables<'a> = &'a [(&'a str, &'a str)];

    fn settings(json: &str) -> Settings {
        serde_json::from_str(json).expect("valid settings")
    }

    fn of<'a>(variables: Variables<'a>) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn they_are_exported_where_asked_for() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318");
        let own = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://whole/m?x=1");
        let otlp = ("OTEL_METRICS_EXPORTER", "otlp");
        let cases: [(&str, Variables<'_>, Option<&str>, &str); 11] = [
            ("{}", &[], None, "nothing is configured"),
            ("{}", &[base], None, "an endpoint for traces, maybe"),
            (
                "{}",
                &[base, otlp],
                Some("http://base:4318/v1/metrics"),
                "the variable",
            ),
            ("{}", &[base, own], Some("http://whole/m?x=1"), "its own endpoint"),
            (
                r#"{"metrics": true}"#,
                &[],
                Some("http://localhost:4318/v1/metrics"),
                "the setting, and the default endpoint",
            ),
            (r#"{"metrics": false}"#, &[own, otlp], None, "the setting wins"),
            (
                r#"{"metrics": true, "endpoint": "https://mine/otlp/"}"#,
                &[own],
                Some("https://mine/otlp/v1/metrics"),
                "the setting's endpoint wins",
            ),
            (
                "{}",
                &[own, ("OTEL_METRICS_EXPORTER", "none")],
                None,
                "switched off by the variable",
            ),
            (
                "{}",
                &[("OTEL_METRICS_EXPORTER", "prometheus, otlp")],
                Some("http://localhost:4318/v1/metrics"),
                "one of several exporters",
            ),
            (
                "{}",
                &[("OTEL_METRICS_EXPORTER", "statsd")],
                None,
                "an unknown exporter",
            ),
            ("{}", &[("OTEL_LOGS_EXPORTER", "otlp")], None, "that is for logs"),
        ];
        for (json, variables, expected, reason) in cases {
            let config = settings(json).metrics(of(variables)).expect(reason);
            let url = config.map(|config| config.collector.url.to_string());
            assert_eq!(url.as_deref(), expected, "{reason}");
        }
    }

    #[test]
    fn each_signal_has_variables_of_its_own() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_HEADERS", "key=all"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "key=metrics"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000"),
            ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "700"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "2500"),
            ("OTEL_BLRP_MAX_QUEUE_SIZE", "100"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "20"),
        ];
        let settings = settings(r#"{"metrics": true, "logs": true}"#);
        let metrics = settings.metrics(of(&variables)).expect("valid").expect("on");
        let logs = settings.logs(of(&variables)).expect("valid").expect("on");
        assert_eq!(metrics.collector.headers["key"], "metrics");
        assert_eq!(metrics.collector.timeout, Duration::from_millis(700));
        assert_eq!(metrics.interval, Duration::from_millis(2500));
        assert_eq!(logs.collector.url.path(), "/v1/logs");
        assert_eq!(logs.collector.headers["key"], "all");
        assert_eq!(logs.collector.timeout, Duration::from_secs(5));
        let batching = logs.batching;
        assert_eq!(
            (batching.queue, batching.batch),
            (100, 100),
            "a batch fits the queue"
        );
        assert_eq!(batching.delay, Duration::from_millis(20));
    }

    #[test]
    fn bad_endpoints_are_errors() {
        let variables = [("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "collector:4318")];
        let error = settings("{}").logs(of(&variables)).expect_err("no URL");
        assert!(
            error
                .to_string()
                .starts_with("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: \"collector:4318\""),
            "{error}"
        );
    }
}
