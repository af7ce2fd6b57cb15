//! Where telemetry goes: one exporter a file, and the pipelines into them.

mod azure;
mod console;
mod envelope;
mod file;
mod otlp_grpc;
mod otlp_http;
mod zipkin;

use std::io;
use std::path::Path;

use opentelemetry_sdk::Resource;
use thiserror::Error;

use crate::credentials::url_to_show;
use crate::encode::Limits;
use crate::export::{Exporter, Meter, Pipeline, Processor};
use crate::settings::{
    Collector, Config, ConnectionString, Destination, ExporterConfig, HttpTarget, LogsConfig,
    LogsDestination, Protocol,
};
use crate::signal::Signal;
use azure::AzureMonitor;
use console::Console;
use file::LinesFile;
use otlp_grpc::{ConnectError, OtlpGrpc};
use otlp_http::OtlpHttp;
use zipkin::Zipkin;

/// An exporter cannot be started.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct StartError(#[from] Cause);

#[derive(Debug, Error)]
enum Cause {
    #[error("cannot start a thread for exporting telemetry: {0}")]
    Thread(#[from] io::Error),
    #[error("exporter otlp: {0}")]
    Grpc(#[from] ConnectError),
    #[error("{0}")]
    Meter(String),
    #[error("the certificates or the key do not work: {0}")]
    Tls(#[from] ureq::Error),
}

impl From<io::Error> for StartError {
    /// Of a thread.
    fn from(error: io::Error) -> Self {
        Cause::from(error).into()
    }
}

/// The worker whose spans are exported.
#[derive(Debug, Clone, Copy)]
pub struct Worker<'a> {
    /// The app's folder.
    pub app_root: &'a Path,
    /// The worker's index; 0 for the first.
    pub index: u32,
}

/// Starts the pipeline for spans, with a thread for each exporter. `meter` makes the host's counters for an exporter's name.
///
/// # Errors
/// An exporter cannot be started.
pub fn traces(
    config: Config,
    resource: &Resource,
    worker: Worker<'_>,
    meter: impl Fn(&str) -> Result<Meter, String>,
) -> Result<Pipeline, StartError> {
    let start = |exporter: ExporterConfig| {
        let ExporterConfig {
            destination,
            batching,
        } = exporter;
        let meter = meter(destination.name()).map_err(Cause::Meter)?;
        let (exporter, target) = connect(destination, resource, worker)?;
        Ok(Processor::start(
            Signal::Traces,
            exporter,
            target,
            batching,
            Some(meter),
        )?)
    };
    let processors = config.exporters.into_iter().map(start);
    Ok(Pipeline::new(
        processors.collect::<Result<_, StartError>>()?,
        config.limits,
    ))
}

/// Starts the pipeline for log records. `meter` is as in [`traces`].
///
/// # Errors
/// The exporter cannot be started.
pub(crate) fn logs(
    config: Option<LogsConfig>,
    resource: &Resource,
    meter: impl Fn(&str) -> Result<Meter, String>,
) -> Result<Pipeline, StartError> {
    let Some(LogsConfig {
        destination,
        batching,
    }) = config
    else {
        return Ok(Pipeline::off());
    };
    let (name, (exporter, target)) = match destination {
        LogsDestination::Otlp(collector) => ("otlp", to_collector(Signal::Logs, &collector, resource)?),
        LogsDestination::Azure(connection, to) => {
            ("azure", to_azure(Signal::Logs, &connection, &to, resource)?)
        }
    };
    let meter = meter(name).map_err(Cause::Meter)?;
    let processor = Processor::start(Signal::Logs, exporter, target, batching, Some(meter))?;
    Ok(Pipeline::new(vec![processor], Limits::default()))
}

/// An exporter with its name in the log.
type Connected = (Box<dyn Exporter>, String);

fn to_collector(signal: Signal, collector: &Collector, resource: &Resource) -> Result<Connected, StartError> {
    let target = url_to_show(&collector.url.to_string());
    Ok((otlp(signal, collector, resource)?, target))
}

fn to_azure(
    signal: Signal,
    connection: &ConnectionString,
    to: &HttpTarget,
    resource: &Resource,
) -> Result<Connected, StartError> {
    let azure = AzureMonitor::new(signal, connection, to, resource).map_err(Cause::from)?;
    Ok((Box::new(azure), url_to_show(&to.url.to_string())))
}

/// Makes the exporter of a signal by OTLP.
pub(crate) fn otlp(
    signal: Signal,
    collector: &Collector,
    resource: &Resource,
) -> Result<Box<dyn Exporter>, StartError> {
    Ok(match collector.protocol {
        Protocol::Http => Box::new(OtlpHttp::new(signal, collector, resource).map_err(Cause::from)?),
        Protocol::Grpc => Box::new(OtlpGrpc::new(signal, collector, resource).map_err(Cause::from)?),
    })
}

/// Makes the exporter of spans for a destination.
fn connect(
    destination: Destination,
    resource: &Resource,
    worker: Worker<'_>,
) -> Result<Connected, StartError> {
    Ok(match destination {
        Destination::Otlp(collector) => to_collector(Signal::Traces, &collector, resource)?,
        Destination::Zipkin(to) => {
            let zipkin = Zipkin::new(&to, resource).map_err(Cause::from)?;
            (Box::new(zipkin), url_to_show(&to.url.to_string()))
        }
        Destination::Azure(connection, to) => to_azure(Signal::Traces, &connection, &to, resource)?,
        Destination::File(to) => {
            let path = to.path_of(worker.app_root, worker.index);
            let target = path.display().to_string();
            (Box::new(LinesFile::new(path, &to, resource)), target)
        }
        Destination::Console => (
            Box::new(Console::new(io::stdout(), resource)),
            "stdout".to_owned(),
        ),
    })
}
