//! What can be wrong with settings.

use std::path::PathBuf;

use thiserror::Error;

use super::propagation::PropagationError;
use super::sampling::SamplingError;

/// Settings that are not valid. The message begins with the key or the variable.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct InvalidSettings(#[from] SettingsError);

/// What is wrong with settings. The message begins with the key or the variable.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum SettingsError {
    #[error("{key}: {given:?} is not the URL of a collector ({reason}); expected one like {example:?}")]
    Endpoint {
        key: &'static str,
        given: String,
        reason: String,
        example: &'static str,
    },
    #[error(
        "endpoint: {given:?} has the path /v1/traces, which is added to it: leave that out, \
         or give the whole URL as OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    )]
    WholeEndpoint { given: String },
    #[error(
        "{key}: {given:?} is not the URL that Zipkin takes spans at ({reason}); expected one like {expected:?}"
    )]
    Zipkin {
        key: &'static str,
        given: String,
        reason: String,
        expected: &'static str,
    },
    #[error(
        "{key}: {problem}; expected \"InstrumentationKey=...;IngestionEndpoint=https://...\", as the overview of \
         the Application Insights resource shows it"
    )]
    ConnectionString { key: &'static str, problem: String },
    #[error(
        "exporter: azure needs the setting \"connection_string\", or the variable \
         APPLICATIONINSIGHTS_CONNECTION_STRING"
    )]
    NoConnectionString,
    #[error("exporter: file needs the setting \"file\", the path of a file such as \"traces.jsonl\"")]
    NoFile,
    #[error("file: {0:?} is not the path of a file")]
    NotAFile(PathBuf),
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
    #[error("exporter: there is no {given:?}; expected {names}")]
    UnknownExporter { given: String, names: String },
    #[error("exporter: the list is empty; expected at least one exporter, or \"none\"")]
    NoExporter,
    #[error("exporter: \"none\" stands among others; leave it or the others out")]
    NoneAndOthers,
    #[error("{key}: cannot use {path}: {reason}")]
    File {
        key: &'static str,
        path: String,
        reason: String,
    },
    #[error(
        "{0}: a certificate and its key go together; give both \"client_certificate\" and \"client_key\""
    )]
    HalfIdentity(&'static str),
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    #[error(transparent)]
    Propagation(#[from] PropagationError),
}
