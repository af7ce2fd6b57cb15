//! The extension's `settings` in host.json, and what they mean together with OpenTelemetry's variables.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use thiserror::Error;

use crate::signal::Signal;

mod resource;
mod signals;

pub(crate) use resource::ResourceValue;
pub(crate) use signals::{LogsConfig, MetricsConfig};

const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
/// A person watches the console, so its lines must not wait for a batch to fill.
const CONSOLE_DELAY: Duration = Duration::from_millis(100);

/// The `settings` object. What is left out comes from OpenTelemetry's environment variables, then from defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where spans go; otlp where an endpoint is configured in any way, else console.
    exporter: Option<ExporterKind>,
    /// The collector's base URL; `/v1/traces` is added (and `/v1/metrics`, `/v1/logs`). Else
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` as it is, else `OTEL_EXPORTER_OTLP_ENDPOINT` as a base URL, else
    /// `http://localhost:4318`.
    endpoint: Option<String>,
    /// Headers for the collector, over those of `OTEL_EXPORTER_OTLP_HEADERS`.
    headers: BTreeMap<String, String>,
    /// `service.name`; else `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `WEBSITE_SITE_NAME`, the app folder's name.
    service_name: Option<String>,
    /// Attributes of the resource, over those of `OTEL_RESOURCE_ATTRIBUTES`.
    resource: BTreeMap<String, ResourceValue>,
    /// Whether metrics go to the collector, too; else as `OTEL_METRICS_EXPORTER` says, else where
    /// `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` names an endpoint for them. `/metrics` shows them in any case.
    metrics: Option<bool>,
    /// Whether log records go to the collector, too; else by `OTEL_LOGS_EXPORTER` and
    /// `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, as with metrics.
    logs: Option<bool>,
    /// How many ended spans may wait for the exporter; more are dropped and counted.
    queue: Option<usize>,
    /// How many spans are exported together at most.
    batch: Option<usize>,
    /// How long an ended span waits for its batch to fill, at most, in milliseconds.
    delay_ms: Option<u64>,
    /// How long one export may take, its retries included, in milliseconds.
    timeout_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExporterKind {
    Console,
    Otlp,
    None,
}

/// Settings that make no sense. The message begins with the key or the variable.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    #[error(
        "{key}: {given:?} is not the URL of a collector ({reason}); expected one like {DEFAULT_ENDPOINT:?}"
    )]
    Endpoint {
        key: &'static str,
        given: String,
        reason: String,
    },
    #[error(
        "endpoint: {given:?} has the path /v1/traces, which is added to it: leave that out, \
         or give the whole URL as OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    )]
    WholeEndpoint { given: String },
    #[error("headers: {0:?} is not a header's name (letters, digits and hyphens)")]
    HeaderName(String),
    #[error("headers.{0}: the value has a character that no header may have, such as a line break")]
    HeaderValue(String),
    #[error("resource: an attribute has no name; expected one like \"deployment.environment.name\"")]
    ResourceName,
    #[error("{0}: expected at least 1, found 0")]
    Zero(&'static str),
    #[error("batch: {batch} spans do not fit a queue of {queue}: lower \"batch\" or raise \"queue\"")]
    BatchOverQueue { batch: usize, queue: usize },
}

/// What is to be done.
#[derive(Debug)]
pub struct Config {
    pub destination: Destination,
    pub batching: Batching,
}

#[derive(Debug)]
pub enum Destination {
    None,
    Console,
    Otlp(Collector),
}

/// Where OTLP goes.
#[derive(Debug)]
pub struct Collector {
    /// The whole URL, path included.
    pub url: Uri,
    pub headers: HeaderMap,
    /// For one export, its retries included.
    pub timeout: Duration,
}

#[derive(Debug, Clone, Copy)]
pub struct Batching {
    pub queue: usize,
    pub batch: usize,
    pub delay: Duration,
}

/// Looks up an environment variable; an empty one counts as unset, as OpenTelemetry has it.
pub(crate) fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Settings {
    /// Checks the settings and fills in what was left out.
    pub fn resolve(&self, env: impl Fn(&str) -> Option<String>) -> Result<Config, SettingsError> {
        self.check_resource()?;
        let kind = match self.exporter {
            Some(kind) => kind,
            None if self.url(Signal::Traces, &env)?.is_some() => ExporterKind::Otlp,
            None => ExporterKind::Console,
        };
        let mut batching = self.batching(&env)?;
        // Checked in any case: what is wrong with it would come up when the exporter is changed.
        let collector = self.collector(Signal::Traces, &env)?;
        let destination = match kind {
            ExporterKind::None => Destination::None,
            ExporterKind::Console => {
                if self.delay_ms.is_none() {
                    batching.delay = CONSOLE_DELAY;
                }
                Destination::Console
            }
            ExporterKind::Otlp => Destination::Otlp(collector),
        };
        Ok(Config {
            destination,
            batching,
        })
    }

    /// `service.name`. `in_resource` is the one that `OTEL_RESOURCE_ATTRIBUTES` names.
    pub fn service_name(
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

    /// Where a signal goes by OTLP.
    fn collector(
        &self,
        signal: Signal,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Collector, SettingsError> {
        let timeout = match positive("timeout_ms", self.timeout_ms)? {
            Some(timeout) => timeout,
            None => number(&env, signal.timeout_variable())
                .or_else(|| number(&env, "OTEL_EXPORTER_OTLP_TIMEOUT"))
                .unwrap_or(10_000),
        };
        Ok(Collector {
            url: match self.url(signal, &env)? {
                Some(url) => url,
                None => base_url(signal, "endpoint", DEFAULT_ENDPOINT)?,
            },
            headers: self.headers(signal, &env)?,
            timeout: Duration::from_millis(timeout),
        })
    }

    fn url(
        &self,
        signal: Signal,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Uri>, SettingsError> {
        if let Some(given) = &self.endpoint {
            if given.trim_end_matches('/').ends_with(Signal::Traces.http_path()) {
                return Err(SettingsError::WholeEndpoint { given: given.clone() });
            }
            return base_url(signal, "endpoint", given).map(Some);
        }
        let key = signal.endpoint_variable();
        if let Some(given) = env(key) {
            return http_uri(key, &given).map(Some);
        }
        let key = "OTEL_EXPORTER_OTLP_ENDPOINT";
        env(key).map(|given| base_url(signal, key, &given)).transpose()
    }

    fn headers(
        &self,
        signal: Signal,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<HeaderMap, SettingsError> {
        let mut headers = env_headers(signal, env);
        for (name, value) in &self.headers {
            let key = HeaderName::try_from(name).map_err(|_| SettingsError::HeaderName(name.clone()))?;
            let value = secret(value).ok_or_else(|| SettingsError::HeaderValue(name.clone()))?;
            headers.insert(key, value);
        }
        Ok(headers)
    }

    fn batching(&self, env: impl Fn(&str) -> Option<String>) -> Result<Batching, SettingsError> {
        let size = |name| number(&env, name).and_then(|size| usize::try_from(size).ok());
        let queue = positive("queue", self.queue)?
            .or_else(|| size("OTEL_BSP_MAX_QUEUE_SIZE"))
            .unwrap_or(2048);
        let batch = match positive("batch", self.batch)? {
            Some(batch) if batch > queue => {
                return Err(SettingsError::BatchOverQueue { batch, queue });
            }
            Some(batch) => batch,
            None => size("OTEL_BSP_MAX_EXPORT_BATCH_SIZE").unwrap_or(512).min(queue),
        };
        let delay = positive("delay_ms", self.delay_ms)?
            .or_else(|| number(&env, "OTEL_BSP_SCHEDULE_DELAY"))
            .unwrap_or(5000);
        Ok(Batching {
            queue,
            batch,
            delay: Duration::from_millis(delay),
        })
    }
}

fn positive<N: PartialEq + Default>(key: &'static str, value: Option<N>) -> Result<Option<N>, SettingsError> {
    match value {
        Some(value) if value == N::default() => Err(SettingsError::Zero(key)),
        value => Ok(value),
    }
}

/// A positive number in a variable. As OpenTelemetry asks, a bad value is reported and then ignored.
fn number(env: impl Fn(&str) -> Option<String>, name: &str) -> Option<u64> {
    let given = env(name)?;
    let number = given.trim().parse().ok().filter(|number| *number > 0);
    if number.is_none() {
        tracing::warn!("{name}: expected a whole number above 0, found {given:?}; the default applies");
    }
    number
}

/// The headers in OpenTelemetry's variables, `name=value` with commas between and values percent-encoded. What
/// is malformed is reported and ignored, as with [`number`].
fn env_headers(signal: Signal, env: impl Fn(&str) -> Option<String>) -> HeaderMap {
    let names = [signal.headers_variable(), "OTEL_EXPORTER_OTLP_HEADERS"];
    let Some((variable, given)) = names.into_iter().find_map(|name| Some((name, env(name)?))) else {
        return HeaderMap::new();
    };
    let parse = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((HeaderName::try_from(name.trim()).ok()?, secret(&value)?))
    };
    let mut headers = HeaderMap::new();
    for (index, pair) in given.split(',').enumerate() {
        match parse(pair) {
            Some((name, value)) => {
                headers.insert(name, value);
            }
            None if pair.trim().is_empty() => {}
            None => tracing::warn!(
                "{variable}: entry {} is ignored; expected name=value, the value percent-encoded",
                index + 1
            ),
        }
    }
    headers
}

/// A header's value, which is often a secret: neither messages nor `Debug` show it.
fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn base_url(signal: Signal, key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    let uri = http_uri(key, given)?;
    if uri.query().is_some() {
        return Err(SettingsError::Endpoint {
            key,
            given: given.to_owned(),
            reason: "a base URL has no query".to_owned(),
        });
    }
    let path = signal.http_path();
    http_uri(key, &format!("{}{path}", given.trim_end_matches('/')))
}

fn http_uri(key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    let error = |reason: String| SettingsError::Endpoint {
        key,
        given: given.to_owned(),
        reason,
    };
    let uri: Uri = given.parse().map_err(|cause| error(format!("{cause}")))?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(uri),
        Some(scheme) => Err(error(format!("the scheme is {scheme}, not http or https"))),
        None => Err(error("http:// or https:// is missing".to_owned())),
    }
}

#[cfg(test)]
mod tests;
