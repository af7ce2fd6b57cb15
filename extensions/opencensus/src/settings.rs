//! The extension's `settings` in host.json, and what they mean together with OpenTelemetry's variables.

mod propagation;
mod sampling;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use thiserror::Error;

use crate::propagation::Propagators;
use propagation::PropagationError;
pub(crate) use sampling::{Choice, Measure, SamplerName, Sampling};
use sampling::{FunctionSettings, SamplingError};

const TRACES_PATH: &str = "/v1/traces";
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
/// A person watches the console, so its lines must not wait for a batch to fill.
const CONSOLE_DELAY: Duration = Duration::from_millis(100);

/// The `settings` object. What is left out comes from OpenTelemetry's environment variables, then from defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where spans go; otlp where an endpoint is configured in any way, else console.
    exporter: Option<ExporterKind>,
    /// The collector's base URL; `/v1/traces` is added. Else `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` as it is,
    /// else `OTEL_EXPORTER_OTLP_ENDPOINT` as a base URL, else `http://localhost:4318`.
    endpoint: Option<String>,
    /// Headers for the collector, over those of `OTEL_EXPORTER_OTLP_HEADERS`.
    headers: BTreeMap<String, String>,
    /// `service.name`; else `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `WEBSITE_SITE_NAME`, the app folder's name.
    service_name: Option<String>,
    /// How many ended spans may wait for the exporter; more are dropped and counted.
    queue: Option<usize>,
    /// How many spans are exported together at most.
    batch: Option<usize>,
    /// How long an ended span waits for its batch to fill, at most, in milliseconds.
    delay_ms: Option<u64>,
    /// How long one export may take, its retries included, in milliseconds.
    timeout_ms: Option<u64>,
    /// Which traces are recorded; else `OTEL_TRACES_SAMPLER`, else parentbased_always_on.
    sampler: Option<SamplerName>,
    /// A share of traces from 0 to 1, or traces a second, as the sampler wants it; else
    /// `OTEL_TRACES_SAMPLER_ARG` for the sampler of `OTEL_TRACES_SAMPLER`, else all traces, or 20 a second.
    rate: Option<f64>,
    /// Sampling of single functions.
    functions: BTreeMap<String, FunctionSettings>,
    /// The formats of trace headers, the first that names a caller counting; else `OTEL_PROPAGATORS`, else
    /// tracecontext and baggage.
    propagators: Option<propagation::Names>,
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
        "endpoint: {given:?} has the path {TRACES_PATH}, which is added to it: leave that out, \
         or give the whole URL as OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    )]
    WholeEndpoint { given: String },
    #[error("headers: {0:?} is not a header's name (letters, digits and hyphens)")]
    HeaderName(String),
    #[error("headers.{0}: the value has a character that no header may have, such as a line break")]
    HeaderValue(String),
    #[error("{0}: expected at least 1, found 0")]
    Zero(&'static str),
    #[error("batch: {batch} spans do not fit a queue of {queue}: lower \"batch\" or raise \"queue\"")]
    BatchOverQueue { batch: usize, queue: usize },
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    #[error(transparent)]
    Propagation(#[from] PropagationError),
}

/// What is to be done.
#[derive(Debug)]
pub struct Config {
    pub destination: Destination,
    pub batching: Batching,
    pub sampling: Sampling,
    pub propagators: Propagators,
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
        let url = self.url(&env)?;
        let headers = self.headers(&env)?;
        let kind = match self.exporter {
            Some(kind) => kind,
            None if url.is_some() => ExporterKind::Otlp,
            None => ExporterKind::Console,
        };
        let mut batching = self.batching(&env)?;
        let timeout = match positive("timeout_ms", self.timeout_ms)? {
            Some(timeout) => timeout,
            None => number(&env, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
                .or_else(|| number(&env, "OTEL_EXPORTER_OTLP_TIMEOUT"))
                .unwrap_or(10_000),
        };
        let destination = match kind {
            ExporterKind::None => Destination::None,
            ExporterKind::Console => {
                if self.delay_ms.is_none() {
                    batching.delay = CONSOLE_DELAY;
                }
                Destination::Console
            }
            ExporterKind::Otlp => Destination::Otlp(Collector {
                url: match url {
                    Some(url) => url,
                    None => base_url("endpoint", DEFAULT_ENDPOINT)?,
                },
                headers,
                timeout: Duration::from_millis(timeout),
            }),
        };
        Ok(Config {
            destination,
            batching,
            sampling: sampling::resolve(self, &env)?,
            propagators: propagation::resolve(self, &env)?,
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
        self.service_name
            .clone()
            .or_else(|| env("OTEL_SERVICE_NAME"))
            .or(in_resource)
            .or_else(|| env("WEBSITE_SITE_NAME"))
            .or_else(folder)
            .unwrap_or_else(|| "funcdock".to_owned())
    }

    fn url(&self, env: impl Fn(&str) -> Option<String>) -> Result<Option<Uri>, SettingsError> {
        if let Some(given) = &self.endpoint {
            if given.trim_end_matches('/').ends_with(TRACES_PATH) {
                return Err(SettingsError::WholeEndpoint { given: given.clone() });
            }
            return base_url("endpoint", given).map(Some);
        }
        let key = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        if let Some(given) = env(key) {
            return http_uri(key, &given).map(Some);
        }
        let key = "OTEL_EXPORTER_OTLP_ENDPOINT";
        env(key).map(|given| base_url(key, &given)).transpose()
    }

    fn headers(&self, env: impl Fn(&str) -> Option<String>) -> Result<HeaderMap, SettingsError> {
        let mut headers = env_headers(env);
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
fn env_headers(env: impl Fn(&str) -> Option<String>) -> HeaderMap {
    let names = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
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

fn base_url(key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    let uri = http_uri(key, given)?;
    if uri.query().is_some() {
        return Err(SettingsError::Endpoint {
            key,
            given: given.to_owned(),
            reason: "a base URL has no query".to_owned(),
        });
    }
    http_uri(key, &format!("{}{TRACES_PATH}", given.trim_end_matches('/')))
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
