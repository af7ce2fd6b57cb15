//! The extension's `settings` in host.json, and what they mean together with OpenTelemetry's variables.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::Deserialize;
use thiserror::Error;

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
}

/// What is to be done.
#[derive(Debug)]
pub struct Config {
    pub exporter: Exporter,
    pub batching: Batching,
}

#[derive(Debug)]
pub enum Exporter {
    None,
    Console,
    Otlp(Collector),
}

/// Where OTLP goes.
#[derive(Debug)]
pub struct Collector {
    /// The whole URL, path included.
    pub url: String,
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
        let headers = self.headers()?;
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
        let exporter = match kind {
            ExporterKind::None => Exporter::None,
            ExporterKind::Console => {
                if self.delay_ms.is_none() {
                    batching.delay = CONSOLE_DELAY;
                }
                Exporter::Console
            }
            ExporterKind::Otlp => Exporter::Otlp(Collector {
                url: url.unwrap_or_else(|| format!("{DEFAULT_ENDPOINT}{TRACES_PATH}")),
                headers,
                timeout: Duration::from_millis(timeout),
            }),
        };
        Ok(Config { exporter, batching })
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

    fn url(&self, env: impl Fn(&str) -> Option<String>) -> Result<Option<String>, SettingsError> {
        if let Some(given) = &self.endpoint {
            if given.trim_end_matches('/').ends_with(TRACES_PATH) {
                return Err(SettingsError::WholeEndpoint { given: given.clone() });
            }
            return base_url("endpoint", given).map(Some);
        }
        let key = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        if let Some(given) = env(key) {
            http_uri(key, &given)?;
            return Ok(Some(given));
        }
        let key = "OTEL_EXPORTER_OTLP_ENDPOINT";
        env(key).map(|given| base_url(key, &given)).transpose()
    }

    fn headers(&self) -> Result<HeaderMap, SettingsError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let key = HeaderName::try_from(name).map_err(|_| SettingsError::HeaderName(name.clone()))?;
            // Values are often secrets: the message must not show them, nor must `Debug`.
            let mut value =
                HeaderValue::try_from(value).map_err(|_| SettingsError::HeaderValue(name.clone()))?;
            value.set_sensitive(true);
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

fn base_url(key: &'static str, given: &str) -> Result<String, SettingsError> {
    let uri = http_uri(key, given)?;
    if uri.query().is_some() {
        return Err(SettingsError::Endpoint {
            key,
            given: given.to_owned(),
            reason: "a base URL has no query".to_owned(),
        });
    }
    Ok(format!("{}{TRACES_PATH}", given.trim_end_matches('/')))
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
