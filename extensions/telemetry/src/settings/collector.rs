//! The collector that OTLP goes to.

use std::time::Duration;

use http::{HeaderMap, HeaderName, Uri};
use serde::Deserialize;

use super::variables::{self, first, number, secret};
use super::{Settings, SettingsError, Tls, positive};
use crate::credentials::url_to_show;
use crate::signal::Signal;

const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
const DEFAULT_GRPC_ENDPOINT: &str = "http://localhost:4317";

/// A collector of OTLP.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) protocol: Protocol,
    /// For HTTP the whole URL, path included; for gRPC scheme and authority alone.
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    /// For one export, its retries included.
    pub(crate) timeout: Duration,
    pub(crate) compression: Compression,
    /// For `https`.
    pub(crate) tls: Tls,
}

/// How OTLP travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Protocol {
    #[default]
    #[serde(rename = "http/protobuf")]
    Http,
    #[serde(rename = "grpc")]
    Grpc,
}

/// How request bodies are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    Gzip,
    #[default]
    None,
}

/// Returns the endpoint for this protocol, if one is configured in any way.
pub(super) fn endpoint(
    settings: &Settings,
    signal: Signal,
    protocol: Protocol,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Option<Uri>, SettingsError> {
    if let Some(given) = &settings.endpoint {
        if protocol == Protocol::Http && given.trim_end_matches('/').ends_with(Signal::Traces.http_path()) {
            return Err(SettingsError::WholeEndpoint {
                given: url_to_show(given),
            });
        }
        return target(signal, protocol, "endpoint", given).map(Some);
    }
    let key = signal.variables().endpoint;
    if let Some(given) = env(key) {
        return match protocol {
            Protocol::Http => http_uri(key, &given),
            Protocol::Grpc => authority(key, &given),
        }
        .map(Some);
    }
    let key = "OTEL_EXPORTER_OTLP_ENDPOINT";
    env(key)
        .map(|given| target(signal, protocol, key, &given))
        .transpose()
}

/// Returns the protocol. Reports and ignores a variable that names an unsupported one.
pub(super) fn protocol(
    settings: &Settings,
    signal: Signal,
    env: impl Fn(&str) -> Option<String>,
) -> Protocol {
    if let Some(protocol) = settings.protocol {
        return protocol;
    }
    let names = [signal.variables().protocol, "OTEL_EXPORTER_OTLP_PROTOCOL"];
    match first(env, names) {
        None => Protocol::default(),
        Some((variable, given)) => match given.trim() {
            "http/protobuf" => Protocol::Http,
            "grpc" => Protocol::Grpc,
            other => {
                tracing::warn!(
                    "{variable}: expected \"http/protobuf\" or \"grpc\", found {other:?}; http/protobuf applies"
                );
                Protocol::Http
            }
        },
    }
}

impl Collector {
    /// Returns the collector for this signal: the configured one, or one on this machine.
    pub(super) fn resolve(
        settings: &Settings,
        signal: Signal,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let protocol = protocol(settings, signal, &env);
        let url = match (endpoint(settings, signal, protocol, &env)?, protocol) {
            (Some(url), _) => url,
            (None, Protocol::Http) => target(signal, protocol, "endpoint", DEFAULT_ENDPOINT)?,
            (None, Protocol::Grpc) => target(signal, protocol, "endpoint", DEFAULT_GRPC_ENDPOINT)?,
        };
        let timeout = match positive("timeout_ms", settings.timeout_ms)? {
            Some(timeout) => timeout,
            None => number(&env, signal.variables().timeout)
                .or_else(|| number(&env, "OTEL_EXPORTER_OTLP_TIMEOUT"))
                .unwrap_or(10_000),
        };
        Ok(Collector {
            protocol,
            url,
            headers: headers(settings, signal, &env)?,
            timeout: Duration::from_millis(timeout),
            compression: compression(settings, signal, &env),
            tls: Tls::resolve(settings, signal, &env)?,
        })
    }
}

fn compression(settings: &Settings, signal: Signal, env: impl Fn(&str) -> Option<String>) -> Compression {
    if let Some(compression) = settings.compression {
        return compression;
    }
    let names = [signal.variables().compression, "OTEL_EXPORTER_OTLP_COMPRESSION"];
    match first(env, names) {
        None => Compression::default(),
        Some((variable, given)) => match given.trim() {
            "gzip" => Compression::Gzip,
            "none" => Compression::None,
            other => {
                tracing::warn!("{variable}: expected \"gzip\" or \"none\", found {other:?}; none applies");
                Compression::None
            }
        },
    }
}

pub(super) fn headers(
    settings: &Settings,
    signal: Signal,
    env: impl Fn(&str) -> Option<String>,
) -> Result<HeaderMap, SettingsError> {
    let mut headers = variables::headers(signal, env);
    for (name, value) in &settings.headers {
        let key = HeaderName::try_from(name).map_err(|_| SettingsError::HeaderName(name.clone()))?;
        let value = secret(value).ok_or_else(|| SettingsError::HeaderValue(name.clone()))?;
        headers.insert(key, value);
    }
    Ok(headers)
}

/// Returns the target that a base URL stands for.
fn target(signal: Signal, protocol: Protocol, key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    match protocol {
        Protocol::Http => base_url(signal, key, given),
        Protocol::Grpc => authority(key, given),
    }
}

fn base_url(signal: Signal, key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    let uri = http_uri(key, given)?;
    if uri.query().is_some() {
        return Err(bad_url(key, given, "a base URL has no query"));
    }
    let path = signal.http_path();
    http_uri(key, &format!("{}{path}", given.trim_end_matches('/')))
}

/// gRPC's own paths follow the authority.
fn authority(key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    let uri = http_uri(key, given)?;
    let useless = match (uri.path(), uri.query()) {
        ("/" | "", None) => return Ok(uri),
        ("/" | "", Some(_)) => "a query".to_owned(),
        (path, _) => format!("the path {path:?}"),
    };
    Err(SettingsError::Endpoint {
        key,
        given: url_to_show(given),
        reason: format!("the protocol is grpc, which has no use for {useless}"),
        example: DEFAULT_GRPC_ENDPOINT,
    })
}

fn http_uri(key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    http_url(given).map_err(|reason| bad_url(key, given, reason))
}

/// Parses a URL of HTTP; the error says what is wrong with it.
pub(super) fn http_url(given: &str) -> Result<Uri, String> {
    let uri: Uri = given.parse().map_err(|cause| format!("{cause}"))?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(uri),
        Some(scheme) => Err(format!("the scheme is {scheme}, not http or https")),
        None => Err("http:// or https:// is missing".to_owned()),
    }
}

fn bad_url(key: &'static str, given: &str, reason: impl Into<String>) -> SettingsError {
    SettingsError::Endpoint {
        key,
        given: url_to_show(given),
        reason: reason.into(),
        example: DEFAULT_ENDPOINT,
    }
}
