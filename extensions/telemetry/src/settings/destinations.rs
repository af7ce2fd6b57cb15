//! Where spans go: a collector, or Zipkin, Azure Monitor, a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderMap, Uri};
use serde::Deserialize;

use super::collector::http_url;
use super::exporters::Name;
use super::variables::number;
use super::{Collector, Compression, ConnectionString, Settings, SettingsError, Tls, positive};
use crate::credentials::url_to_show;
use crate::signal::Signal;

const ZIPKIN_ENDPOINT: &str = "http://localhost:9411/api/v2/spans";
const ZIPKIN_VARIABLE: &str = "OTEL_EXPORTER_ZIPKIN_ENDPOINT";
const CONNECTION_STRING_VARIABLE: &str = "APPLICATIONINSIGHTS_CONNECTION_STRING";
const DEFAULT_TIMEOUT_MS: u64 = 10_000;
const DEFAULT_FILE_BYTES: u64 = 10 << 20;
const DEFAULT_FILES: usize = 5;

/// Where spans go.
#[derive(Debug)]
pub(crate) enum Destination {
    Otlp(Box<Collector>),
    Zipkin(HttpTarget),
    Azure(ConnectionString, HttpTarget),
    File(FileTarget),
    Console,
}

impl Destination {
    /// Returns the exporter's name in settings, metrics and the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Destination::Otlp(_) => "otlp",
            Destination::Zipkin(_) => "zipkin",
            Destination::Azure(..) => "azure",
            Destination::File(_) => "file",
            Destination::Console => "console",
        }
    }
}

/// Where batches are posted to, and how.
#[derive(Debug, Clone)]
pub(crate) struct HttpTarget {
    /// The whole URL, path included.
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    /// For one batch, its retries included.
    pub(crate) timeout: Duration,
    pub(crate) compression: Compression,
    pub(crate) tls: Tls,
}

/// The file that spans are appended to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileTarget {
    /// The path in the settings; see [`FileTarget::path_of`].
    pub(crate) path: PathBuf,
    pub(crate) max_bytes: u64,
    /// How many renamed files are kept.
    pub(crate) keep: usize,
}

impl FileTarget {
    /// Returns the file of this worker. The first worker has the name in the settings; others add their index before the
    /// extension: `traces.jsonl`, `traces.worker-1.jsonl`. (Renamed files have a bare number.)
    pub(crate) fn path_of(&self, app_root: &Path, worker: u32) -> PathBuf {
        let mut path = app_root.join(&self.path);
        if worker > 0 {
            let extension = path.extension().map(|extension| extension.to_owned());
            path.set_extension(format!("worker-{worker}"));
            if let Some(extension) = extension {
                path.as_mut_os_string().push(".");
                path.as_mut_os_string().push(extension);
            }
        }
        path
    }
}

/// A text that `Debug` does not show.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Returns what gives a connection string, for messages; `None` without one.
pub(super) fn connection_key(
    settings: &Settings,
    env: impl Fn(&str) -> Option<String>,
) -> Option<&'static str> {
    match settings.connection_string {
        Some(_) => Some("connection_string"),
        None => env(CONNECTION_STRING_VARIABLE).map(|_| CONNECTION_STRING_VARIABLE),
    }
}

/// Returns the exporters that follow from other settings if none is named. Zipkin's variable alone does not select it.
pub(super) fn configured(settings: &Settings, env: impl Fn(&str) -> Option<String>) -> Vec<Name> {
    let zipkin = settings.zipkin_endpoint.is_some();
    let azure = connection_key(settings, &env).is_some();
    let file = settings.file.is_some();
    let all = [(zipkin, Name::Zipkin), (azure, Name::Azure), (file, Name::File)];
    all.into_iter()
        .filter_map(|(given, name)| given.then_some(name))
        .collect()
}

pub(super) fn zipkin(
    settings: &Settings,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Destination, SettingsError> {
    let from_env = || Some((ZIPKIN_VARIABLE, env(ZIPKIN_VARIABLE)?));
    let given = settings.zipkin_endpoint.clone();
    let given = given.map(|given| ("zipkin_endpoint", given)).or_else(from_env);
    let (key, given) = given.unwrap_or_else(|| ("zipkin_endpoint", ZIPKIN_ENDPOINT.to_owned()));
    let url = http_url(&given).map_err(|reason| SettingsError::Zipkin {
        key,
        given: url_to_show(&given),
        reason,
        expected: ZIPKIN_ENDPOINT,
    })?;
    Ok(Destination::Zipkin(HttpTarget {
        url,
        // Those in the settings are for the collector, and often secret.
        headers: HeaderMap::new(),
        timeout: timeout(settings, || number(&env, "OTEL_EXPORTER_ZIPKIN_TIMEOUT"))?,
        compression: settings.compression.unwrap_or_default(),
        // The variables are for OTLP.
        tls: Tls::resolve(settings, Signal::Traces, |_: &str| None)?,
    }))
}

pub(super) fn azure(
    settings: &Settings,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Destination, SettingsError> {
    let from_env = || Some((CONNECTION_STRING_VARIABLE, env(CONNECTION_STRING_VARIABLE)?));
    let given = settings.connection_string.clone();
    let given = given
        .map(|Secret(given)| ("connection_string", given))
        .or_else(from_env);
    let (key, given) = given.ok_or(SettingsError::NoConnectionString)?;
    let connection = ConnectionString::parse(&given)
        .map_err(|problem| SettingsError::ConnectionString { key, problem })?;
    let target = HttpTarget {
        url: connection.track_url.clone(),
        headers: HeaderMap::new(),
        timeout: timeout(settings, || None)?,
        // As in Microsoft's exporters, whatever the setting for the collector is.
        compression: Compression::Gzip,
        // A public service, so the authorities of a private collector do not apply.
        tls: Tls::default(),
    };
    Ok(Destination::Azure(connection, target))
}

pub(super) fn file(settings: &Settings) -> Result<Destination, SettingsError> {
    let path = settings.file.clone().ok_or(SettingsError::NoFile)?;
    if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(SettingsError::NotAFile(path));
    }
    Ok(Destination::File(FileTarget {
        path,
        max_bytes: positive("file_max_bytes", settings.file_max_bytes)?.unwrap_or(DEFAULT_FILE_BYTES),
        keep: settings.file_keep.unwrap_or(DEFAULT_FILES),
    }))
}

fn timeout(settings: &Settings, from_env: impl FnOnce() -> Option<u64>) -> Result<Duration, SettingsError> {
    let given = positive("timeout_ms", settings.timeout_ms)?.or_else(from_env);
    Ok(Duration::from_millis(given.unwrap_or(DEFAULT_TIMEOUT_MS)))
}

#[cfg(test)]
mod tests;
