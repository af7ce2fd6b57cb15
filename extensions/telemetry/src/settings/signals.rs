//! Whether metrics and log records are exported, and where to.
//!
//! Over OTLP they are off by default: a collector for traces need not take the others, and exports are paid for by
//! volume. OpenTelemetry's own default would be on. Application Insights takes log records by default, as in Azure.

use std::time::Duration;

use super::batching::QUEUE_BYTES;
use super::variables::number;
use super::{
    Batching, Collector, Config, ConnectionString, Destination, HttpTarget, InvalidSettings, Settings,
    SettingsError, collector,
};
use crate::signal::Signal;

/// How metrics are exported.
#[derive(Debug)]
pub struct MetricsConfig {
    pub(crate) collector: Collector,
    /// From one export to the next.
    pub(crate) interval: Duration,
}

/// How log records are exported to one destination.
#[derive(Debug)]
pub struct LogsConfig {
    pub(crate) destination: LogsDestination,
    pub(crate) batching: Batching,
}

/// Where log records go.
#[derive(Debug)]
pub(crate) enum LogsDestination {
    Otlp(Box<Collector>),
    Azure(ConnectionString, Box<HttpTarget>),
}

/// How log records are exported.
#[derive(Debug)]
pub struct LogsConfigs {
    /// Over OTLP, if they are.
    pub collector: Option<LogsConfig>,
    /// To Application Insights, if they are.
    pub insights: Option<LogsConfig>,
    /// Whether the setting asks for an export that has no destination.
    goes_nowhere: bool,
}

impl LogsConfigs {
    /// Returns a warning about log records that are to be exported and have no destination.
    pub fn warning(&self) -> Option<String> {
        self.goes_nowhere.then(|| {
            "logs: nothing says where log records go, so they are not exported; give \"endpoint\", or set \
             OTEL_LOGS_EXPORTER=otlp for a collector on this machine, or send spans to Application Insights"
                .to_owned()
        })
    }
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
        let is_on = self.metrics.or_else(|| names_otlp(Signal::Metrics, &env));
        if !is_on.unwrap_or_else(|| has_own_endpoint(Signal::Metrics, &env)) {
            return Ok(None);
        }
        warn_of_temporality(&env);
        let interval = number(&env, "OTEL_METRIC_EXPORT_INTERVAL").unwrap_or(60_000);
        Ok(Some(MetricsConfig {
            collector: Collector::resolve(self, Signal::Metrics, &env)?,
            interval: Duration::from_millis(interval),
        }))
    }

    /// Returns how log records are exported. `config` is that of spans.
    ///
    /// # Errors
    /// A setting is not valid.
    pub fn logs(
        &self,
        config: &Config,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<LogsConfigs, InvalidSettings> {
        let insights = config
            .exporters
            .iter()
            .find_map(|exporter| match &exporter.destination {
                Destination::Azure(connection, to) => Some((connection.clone(), Box::new(to.clone()))),
                _ => None,
            });
        let (to_collector, to_insights) = match (self.logs, names_otlp(Signal::Logs, &env)) {
            (Some(false), _) => (false, false),
            (Some(true), names_otlp) => {
                let to_collector = names_otlp == Some(true) || self.names_collector_of_logs(config, &env)?;
                (to_collector, true)
            }
            (None, Some(names_otlp)) => (names_otlp, false),
            (None, None) => (has_own_endpoint(Signal::Logs, &env), true),
        };
        let batching = batching_of_logs(&env);
        let config = |destination| LogsConfig {
            destination,
            batching,
        };
        let collector = match to_collector {
            true => Some(Collector::resolve(self, Signal::Logs, &env)?),
            false => None,
        };
        let insights = insights.filter(|_| to_insights);
        let goes_nowhere = self.logs == Some(true) && collector.is_none() && insights.is_none();
        Ok(LogsConfigs {
            goes_nowhere,
            collector: collector.map(|collector| config(LogsDestination::Otlp(Box::new(collector)))),
            insights: insights.map(|(connection, to)| config(LogsDestination::Azure(connection, to))),
        })
    }

    /// Whether anything names the collector that log records would go to: an endpoint, or the exporter otlp, which goes
    /// to this machine without one.
    fn names_collector_of_logs(
        &self,
        config: &Config,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<bool, SettingsError> {
        let has_endpoint = |signal| {
            let protocol = collector::protocol(self, signal, &env);
            Ok::<_, SettingsError>(collector::endpoint(self, signal, protocol, &env)?.is_some())
        };
        let mut exporters = config.exporters.iter();
        let has_otlp = exporters.any(|exporter| matches!(exporter.destination, Destination::Otlp(_)));
        Ok(has_endpoint(Signal::Logs)? || (has_otlp && !has_endpoint(Signal::Traces)?))
    }
}

fn batching_of_logs(env: impl Fn(&str) -> Option<String>) -> Batching {
    let size = |name, default: u64| {
        let size = number(&env, name).unwrap_or(default);
        usize::try_from(size).unwrap_or(usize::MAX)
    };
    let queue = size("OTEL_BLRP_MAX_QUEUE_SIZE", 2048);
    let delay = number(&env, "OTEL_BLRP_SCHEDULE_DELAY").unwrap_or(1000);
    Batching {
        queue,
        queue_bytes: QUEUE_BYTES,
        batch: size("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", 512).min(queue),
        delay: Duration::from_millis(delay),
    }
}

/// Whether the signal has an endpoint of OTLP for itself alone.
fn has_own_endpoint(signal: Signal, env: impl Fn(&str) -> Option<String>) -> bool {
    env(signal.variables().endpoint).is_some()
}

/// Whether the variable for the signal's exporters names OTLP; `None` if it is not set.
fn names_otlp(signal: Signal, env: impl Fn(&str) -> Option<String>) -> Option<bool> {
    let variable = signal.exporter_variable();
    let given = env(variable)?;
    let mut names_otlp = false;
    for exporter in given.split(',').map(str::trim) {
        match exporter {
            "otlp" => names_otlp = true,
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
    Some(names_otlp)
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
mod tests;
