//! Where OTLP goes, and how.

use std::time::Duration;

use http::{HeaderMap, HeaderName, Uri};
use serde::Deserialize;

use super::variables::{self, first, number, secret};
use super::{Settings, SettingsError, Tls, positive};

pub(super) const TRACES_PATH: &str = "/v1/traces";
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
const DEFAULT_GRPC_ENDPOINT: &str = "http://localhost:4317";

/// A collector of OTLP.
#[derive(Debug)]
pub struct Collector {
    pub protocol: Protocol,
    /// For HTTP the whole URL, path included; for gRPC scheme and authority alone.
    pub url: Uri,
    pub headers: HeaderMap,
    /// For one export, its retries included.
    pub timeout: Duration,
    pub compression: Compression,
    /// For `https`.
    pub tls: Tls,
}

/// How OTLP travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    #[default]
    #[serde(rename = "http/protobuf")]
    Http,
    #[serde(rename = "grpc")]
    Grpc,
}

/// How request bodies are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    Gzip,
    #[default]
    None,
}

/// The endpoint, if one is configured in any way, for this protocol.
pub(super) fn endpoint(
    settings: &Settings,
    protocol: Protocol,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Option<Uri>, SettingsError> {
    if let Some(given) = &settings.endpoint {
        if protocol == Protocol::Http && given.trim_end_matches('/').ends_with(TRACES_PATH) {
            return Err(SettingsError::WholeEndpoint { given: given.clone() });
        }
        return target(protocol, "endpoint", given).map(Some);
    }
    let key = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    if let Some(given) = env(key) {
        return match protocol {
            Protocol::Http => http_uri(key, &given),
            Protocol::Grpc => authority(key, &given),
        }
        .map(Some);
    }
    let key = "OTEL_EXPORTER_OTLP_ENDPOINT";
    env(key).map(|given| target(protocol, key, &given)).transpose()
}

/// The protocol; a variable that names one that is not spoken is reported and ignored.
pub(super) fn protocol(settings: &Settings, env: impl Fn(&str) -> Option<String>) -> Protocol {
    if let Some(protocol) = settings.protocol {
        return protocol;
    }
    let names = [
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
    ];
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
    /// `url` is the one that is configured, if any.
    pub(super) fn resolve(
        settings: &Settings,
        protocol: Protocol,
        url: Option<Uri>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let url = match (url, protocol) {
            (Some(url), _) => url,
            (None, Protocol::Http) => target(protocol, "endpoint", DEFAULT_ENDPOINT)?,
            (None, Protocol::Grpc) => target(protocol, "endpoint", DEFAULT_GRPC_ENDPOINT)?,
        };
        let timeout = match positive("timeout_ms", settings.timeout_ms)? {
            Some(timeout) => timeout,
            None => number(&env, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
                .or_else(|| number(&env, "OTEL_EXPORTER_OTLP_TIMEOUT"))
                .unwrap_or(10_000),
        };
        Ok(Collector {
            protocol,
            url,
            headers: headers(settings, &env)?,
            timeout: Duration::from_millis(timeout),
            compression: compression(settings, &env),
            tls: Tls::resolve(settings, &env)?,
        })
    }
}

fn compression(settings: &Settings, env: impl Fn(&str) -> Option<String>) -> Compression {
    if let Some(compression) = settings.compression {
        return compression;
    }
    let names = [
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
    ];
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
    env: impl Fn(&str) -> Option<String>,
) -> Result<HeaderMap, SettingsError> {
    let mut headers = variables::headers(env);
    for (name, value) in &settings.headers {
        let key = HeaderName::try_from(name).map_err(|_| SettingsError::HeaderName(name.clone()))?;
        let value = secret(value).ok_or_else(|| SettingsError::HeaderValue(name.clone()))?;
        headers.insert(key, value);
    }
    Ok(headers)
}

/// What a base URL stands for.
fn target(protocol: Protocol, key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    match protocol {
        Protocol::Http => base_url(key, given),
        Protocol::Grpc => authority(key, given),
    }
}

fn base_url(key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    let uri = http_uri(key, given)?;
    if uri.query().is_some() {
        return Err(bad_url(key, given, "a base URL has no query"));
    }
    http_uri(key, &format!("{}{TRACES_PATH}", given.trim_end_matches('/')))
}

/// gRPC's own paths follow the authority.
fn authority(key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    let uri = http_uri(key, given)?;
    match uri.path_and_query().map_or("/", |path| path.as_str()) {
        "/" => Ok(uri),
        path => Err(SettingsError::Endpoint {
            key,
            given: given.to_owned(),
            reason: format!("the protocol is grpc, which has no use for the path {path:?}"),
            example: DEFAULT_GRPC_ENDPOINT,
        }),
    }
}

fn http_uri(key: &'static str, given: &str) -> Result<Uri, SettingsError> {
    http_url(given).map_err(|reason| bad_url(key, given, reason))
}

/// Any URL that a client of HTTP can be sent to, or what is wrong with it.
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
        given: given.to_owned(),
        reason: reason.into(),
        example: DEFAULT_ENDPOINT,
    }
}
