//! The `settings` in host.json, and what they mean together with OpenTelemetry's variables.
//!
//! [`Settings`] is one flat object, as in host.json; each file checks the keys of one subject.

mod batching;
mod collector;
mod connection_string;
mod destinations;
mod error;
mod exporters;
mod limits;
mod names;
mod propagation;
mod resource;
mod sampling;
mod signals;
mod tls;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::encode::Limits;
use crate::propagation::Propagators;
use crate::sampling::{SamplerName, Sampling};
use crate::signal::Signal;

pub use batching::Batching;
pub(crate) use collector::{Collector, Compression, Protocol};
pub(crate) use connection_string::ConnectionString;
use destinations::Secret;
pub(crate) use destinations::{Destination, FileTarget, HttpTarget};
pub use error::InvalidSettings;
use error::SettingsError;
use exporters::Name;
use names::Names;
use resource::ResourceValue;
use sampling::FunctionSettings;
pub(crate) use signals::LogsDestination;
pub use signals::{LogsConfig, LogsConfigs, MetricsConfig};
#[cfg(test)]
pub(crate) use tls::Identity;
pub(crate) use tls::Tls;
pub use variables::process_env;

/// The `settings` object. What is left out comes from OpenTelemetry's environment variables, then from defaults.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "documented", derive(funcdock_extension_api::Documented))]
#[serde(default)]
pub struct Settings {
    /// Where spans go: one name or a list of otlp, zipkin, azure, console, file; or none. Else those of
    /// `OTEL_TRACES_EXPORTER`, else what is configured in any way: otlp by an endpoint, zipkin by its setting, azure
    /// by a connection string, file by its path; else console.
    exporter: Option<Names>,
    /// How OTLP travels, "http/protobuf" or "grpc"; else `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`, else
    /// `OTEL_EXPORTER_OTLP_PROTOCOL`, else http/protobuf.
    protocol: Option<Protocol>,
    /// The collector's base URL; `/v1/traces` is added for HTTP (and `/v1/metrics`, `/v1/logs`). Else
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` as it is, else `OTEL_EXPORTER_OTLP_ENDPOINT` as a base URL, else `http://localhost:4318` (gRPC: 4317).
    endpoint: Option<String>,
    /// Where Zipkin takes spans; else `OTEL_EXPORTER_ZIPKIN_ENDPOINT`, else `http://localhost:9411/api/v2/spans`.
    zipkin_endpoint: Option<String>,
    /// The connection string of an Application Insights resource; else `APPLICATIONINSIGHTS_CONNECTION_STRING`.
    connection_string: Option<Secret>,
    /// The file for the exporter file, below the app's root unless absolute. Workers other than the first add their index
    /// to its name.
    file: Option<PathBuf>,
    /// The size in bytes beyond which that file is renamed and a new one begins.
    file_max_bytes: Option<u64>,
    /// How many renamed files are kept.
    file_keep: Option<usize>,
    /// Headers for the collector, over those of `OTEL_EXPORTER_OTLP_HEADERS`.
    headers: BTreeMap<String, String>,
    /// "gzip" or "none"; else `OTEL_EXPORTER_OTLP_TRACES_COMPRESSION`, else `OTEL_EXPORTER_OTLP_COMPRESSION`,
    /// else none.
    compression: Option<Compression>,
    /// A file with the authorities to trust instead of the public ones, as PEM; else
    /// `OTEL_EXPORTER_OTLP_CERTIFICATE`. This and the two below are for URLs that begin with `https`.
    certificate: Option<PathBuf>,
    /// A file with the certificate to identify with, as PEM; else `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`.
    client_certificate: Option<PathBuf>,
    /// A file with its private key, as PEM; else `OTEL_EXPORTER_OTLP_CLIENT_KEY`.
    client_key: Option<PathBuf>,
    /// `service.name`; else `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `WEBSITE_SITE_NAME`, the app folder's name.
    service_name: Option<String>,
    /// Attributes of the resource, over those of `OTEL_RESOURCE_ATTRIBUTES`.
    resource: BTreeMap<String, ResourceValue>,
    /// Whether metrics go to the collector, too; else as `OTEL_METRICS_EXPORTER` says, else where
    /// `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` names an endpoint for them. `/metrics` shows them in any case.
    metrics: Option<bool>,
    /// Whether log records are exported, too: to Application Insights if spans are, and to the collector if anything names
    /// one. Else as `OTEL_LOGS_EXPORTER` says; else to Application Insights if spans are, and to
    /// `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`.
    logs: Option<bool>,
    /// How many ended spans may wait for each exporter; more are dropped and counted.
    queue: Option<usize>,
    /// How many bytes of ended spans may wait for each exporter; more are dropped and counted.
    queue_bytes: Option<usize>,
    /// How many spans are exported together at most.
    batch: Option<usize>,
    /// How long an ended span waits for its batch to fill, at most, in milliseconds.
    delay_ms: Option<u64>,
    /// How long one export may take, its retries included, in milliseconds.
    timeout_ms: Option<u64>,
    /// Which traces are recorded; else `OTEL_TRACES_SAMPLER`, else parentbased_always_on.
    sampler: Option<SamplerName>,
    /// A share of traces from 0 to 1, or traces a second, as the sampler wants it; else `OTEL_TRACES_SAMPLER_ARG` for the
    /// sampler of `OTEL_TRACES_SAMPLER`, else all traces, or 20 a second.
    rate: Option<f64>,
    /// Sampling of single functions.
    functions: BTreeMap<String, FunctionSettings>,
    /// The formats of trace headers, the first that names a caller counting; else `OTEL_PROPAGATORS`, else tracecontext and
    /// baggage.
    propagators: Option<Names>,
    /// Whether OpenTelemetry's packages that are installed for it instrument the libraries that they are for; else yes, but
    /// for those in `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`.
    instrument: Option<bool>,
    /// How many attributes a span keeps; else `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, else
    /// `OTEL_ATTRIBUTE_COUNT_LIMIT`, else 128.
    attribute_count_limit: Option<usize>,
    /// How many characters of an attribute's text are kept; else `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else
    /// `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else all.
    attribute_value_length_limit: Option<usize>,
    /// How many events a span keeps; else `OTEL_SPAN_EVENT_COUNT_LIMIT`, else 128.
    event_count_limit: Option<usize>,
}

/// Settings of tracing, checked and complete.
#[derive(Debug)]
pub struct Config {
    /// The exporters; none if nothing is exported.
    pub(crate) exporters: Vec<ExporterConfig>,
    /// Which traces are recorded.
    pub sampling: Sampling,
    /// The formats of headers.
    pub propagators: Propagators,
    /// Whether packages that are installed for it may instrument libraries.
    pub instrument: bool,
    /// The most that a span keeps.
    pub(crate) limits: Limits,
    /// What gives a connection string that no exporter uses.
    unused_connection: Option<&'static str>,
}

impl Config {
    /// Returns a warning about a connection string that no exporter uses.
    pub fn unused_connection(&self) -> Option<String> {
        let key = self.unused_connection?;
        let names = self.exporters.iter().map(|exporter| exporter.destination.name());
        let names: Vec<_> = names.collect();
        let exporters = match names.is_empty() {
            true => "there are no exporters".to_owned(),
            false => format!("the exporters are {}", names.join(", ")),
        };
        Some(format!(
            "{key} is set, but nothing is sent to Application Insights, as {exporters}: add \"azure\" to the setting \
             \"exporter\", or remove the connection string"
        ))
    }
}

/// One exporter and the queue in front of it.
#[derive(Debug)]
pub(crate) struct ExporterConfig {
    pub(crate) destination: Destination,
    pub(crate) batching: Batching,
}

impl Settings {
    /// Checks the settings and fills in what was left out.
    ///
    /// # Errors
    /// A setting is not valid.
    pub fn resolve(&self, env: impl Fn(&str) -> Option<String>) -> Result<Config, InvalidSettings> {
        Ok(self.checked(env)?)
    }

    fn checked(&self, env: impl Fn(&str) -> Option<String>) -> Result<Config, SettingsError> {
        // What is given must be valid, whether or not it is used.
        self.check_resource()?;
        let protocol = collector::protocol(self, Signal::Traces, &env);
        let url = collector::endpoint(self, Signal::Traces, protocol, &env)?;
        collector::headers(self, Signal::Traces, &env)?;
        let batching = Batching::resolve(self, &env)?;
        let limits = limits::resolve(self, &env)?;
        let names = match &self.exporter {
            Some(names) => exporters::from_setting(names)?,
            None => exporters::from_variable(&env).unwrap_or_else(|| {
                let otlp = url.is_some().then_some(Name::Otlp);
                let others = destinations::configured(self, &env);
                let configured: Vec<Name> = otlp.into_iter().chain(others).collect();
                match configured.is_empty() {
                    true => vec![Name::Console],
                    false => configured,
                }
            }),
        };
        let mut exporters = Vec::with_capacity(names.len());
        for name in names {
            let destination = match name {
                Name::Otlp => {
                    let collector = Collector::resolve(self, Signal::Traces, &env)?;
                    Destination::Otlp(Box::new(collector))
                }
                Name::Zipkin => destinations::zipkin(self, &env)?,
                Name::Azure => destinations::azure(self, &env)?,
                Name::File => destinations::file(self)?,
                Name::Console => Destination::Console,
                Name::None => continue,
            };
            let batching = match name {
                Name::Console => batching.for_console(self),
                _ => batching,
            };
            exporters.push(ExporterConfig {
                destination,
                batching,
            });
        }
        let uses_azure = |exporter: &ExporterConfig| matches!(exporter.destination, Destination::Azure(..));
        let unused_connection = match exporters.iter().any(uses_azure) {
            true => None,
            false => destinations::connection_key(self, &env),
        };
        Ok(Config {
            exporters,
            limits,
            unused_connection,
            sampling: sampling::resolve(self, &env)?,
            propagators: propagation::resolve(self, &env)?,
            instrument: self.instrument.unwrap_or(true),
        })
    }

    /// Returns `service.name`. `in_resource` is the name in `OTEL_RESOURCE_ATTRIBUTES`.
    pub(crate) fn service_name(
        &self,
        env: impl Fn(&str) -> Option<String>,
        in_resource: Option<String>,
        app_root: &Path,
    ) -> String {
        let folder = || {
            let root = app_root.canonicalize().ok()?;
            Some(root.file_name()?.to_string_lossy().into_owned())
        };
        let in_settings = || self.resource.get("service.name").map(ToString::to_string);
        self.service_name
            .clone()
            .or_else(in_settings)
            .or_else(|| env("OTEL_SERVICE_NAME"))
            .or(in_resource)
            .or_else(|| env("WEBSITE_SITE_NAME"))
            .or_else(folder)
            .unwrap_or_else(|| "funcdock".to_owned())
    }
}

/// Refuses 0.
fn positive<N: PartialEq + Default>(key: &'static str, value: Option<N>) -> Result<Option<N>, SettingsError> {
    match value {
        Some(value) if value == N::default() => Err(SettingsError::Zero(key)),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests;
