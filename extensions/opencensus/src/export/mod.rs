//! Ended spans on their way out: for each exporter a bounded queue, a thread behind it, the exporter on that.
//!
//! A hook only ever puts a span into the queues; all that can block happens on the exporters' threads. What does
//! not fit is dropped and counted, and so is what an exporter could not deliver: see [`Fate`].

mod addresses;
mod azure;
mod console;
mod envelope;
mod file;
mod grpc;
mod http;
mod json;
mod otlp;
mod outlet;
mod queue;
mod retry;
mod tally;
#[cfg(test)]
mod testing;
mod trouble;
mod zipkin;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use funcdock_extension_api::AppInfo;
use opentelemetry_sdk::Resource;
use thiserror::Error;

use crate::settings::{Collector, Config, Destination, Limits, LogsConfig, OutletConfig, Protocol};
use crate::signal::Signal;
use azure::AzureMonitor;
use console::Console;
use file::Lines;
use grpc::Grpc;
use otlp::Otlp;
use outlet::Outlet;
pub(crate) use queue::Batch;
pub(crate) use retry::Closing;
#[cfg(test)]
pub(crate) use tally::Fate;
use tally::Meter;
pub(crate) use trouble::Trouble;
use zipkin::Zipkin;

/// What a thread keeps of the memory in which it encodes a span for several exporters.
const SCRATCH_BYTES: usize = 64 << 10;

/// Takes spans to where they are looked at.
pub(crate) trait Exporter: Send + 'static {
    /// Delivers a batch, or gives it up. Runs on a thread of its own and may block, retries included; pauses end
    /// when `closing` begins.
    fn export(&mut self, batch: &Batch, closing: &Closing) -> Result<Delivery, ExportError>;
}

/// A batch was delivered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// How many of its spans the other side refused for good.
    pub(crate) rejected: usize,
}

/// A batch was not delivered.
#[derive(Debug, Error)]
pub(crate) enum ExportError {
    #[error("{0}")]
    Write(#[from] io::Error),
    #[error("{0}")]
    Send(#[from] ureq::Error),
    #[error("it answered {status}: {body}")]
    Refused {
        status: ::http::StatusCode,
        body: String,
    },
    #[error("it redirects to {to:?}: {problem}")]
    Redirect { to: String, problem: &'static str },
    #[error("{pending} items were not taken yet")]
    Partial { pending: usize },
    #[error("{0}")]
    File(#[from] file::FileError),
    #[error("{0}")]
    Grpc(#[from] grpc::GrpcError),
}

/// An exporter could not be started.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error("cannot start a thread for exporting telemetry: {0}")]
    Thread(#[from] io::Error),
    #[error("exporter otlp: {0}")]
    Grpc(#[from] grpc::ConnectError),
    #[error("{0}")]
    Metrics(String),
    #[error("the certificates or the key do not work: {0}")]
    Tls(#[from] ureq::Error),
}

/// Spans that waited for an exporter were not delivered.
#[derive(Debug, Error)]
pub(crate) enum FlushError {
    #[error("{target}: {count} {items} still wait")]
    Deadline {
        target: String,
        count: usize,
        items: &'static str,
    },
    #[error("{target}: {error}")]
    Export { target: String, error: ExportError },
}

/// The exporters that did not deliver all, at least one.
#[derive(Debug)]
pub(crate) struct FlushErrors(Vec<FlushError>);

impl std::error::Error for FlushErrors {}

impl fmt::Display for FlushErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { "; " };
            write!(f, "{before}{error}")?;
        }
        Ok(())
    }
}

/// Where ended spans go, or log records. Used by any number of threads.
pub(crate) struct Pipeline {
    /// None where nothing is exported.
    outlets: Vec<Outlet>,
    limits: Limits,
}

impl Pipeline {
    /// The pipeline that the settings ask for. Registers counters and starts a thread for each exporter.
    pub(crate) fn start(
        config: Config,
        resource: &Resource,
        app: &AppInfo<'_>,
    ) -> Result<Pipeline, StartError> {
        let outlets = config.outlets.into_iter().map(|outlet| {
            let OutletConfig {
                destination,
                batching,
            } = outlet;
            let meter = Meter::register(app, destination.name())
                .map_err(|error| StartError::Metrics(error.to_string()))?;
            let (exporter, target) = connect(destination, resource, app)?;
            Outlet::start(Signal::Traces, exporter, target, batching, Some(meter))
        });
        Ok(Pipeline {
            outlets: outlets.collect::<Result<_, _>>()?,
            limits: config.limits,
        })
    }

    /// The pipeline for log records.
    pub(crate) fn of_logs(config: Option<LogsConfig>, resource: &Resource) -> Result<Pipeline, StartError> {
        let Some(LogsConfig { collector, batching }) = config else {
            return Ok(Pipeline::off());
        };
        let exporter = otlp(Signal::Logs, &collector, resource)?;
        let target = collector.url.to_string();
        let outlet = Outlet::start(Signal::Logs, exporter, target, batching, None)?;
        Ok(Pipeline {
            outlets: vec![outlet],
            limits: Limits::default(),
        })
    }

    /// A pipeline that exports nothing; nothing need be recorded for it.
    pub(crate) fn off() -> Pipeline {
        Pipeline {
            outlets: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// A pipeline into this exporter; `target` names it in the log.
    #[cfg(test)]
    pub(crate) fn to(
        exporter: impl Exporter,
        target: &str,
        batching: crate::settings::Batching,
    ) -> Result<Pipeline, StartError> {
        Pipeline::of(Signal::Traces, exporter, target, batching)
    }

    /// The same for another signal.
    #[cfg(test)]
    pub(crate) fn of(
        signal: Signal,
        exporter: impl Exporter,
        target: &str,
        batching: crate::settings::Batching,
    ) -> Result<Pipeline, StartError> {
        let outlet = Outlet::start(signal, Box::new(exporter), target.to_owned(), batching, None)?;
        Ok(Pipeline {
            outlets: vec![outlet],
            limits: Limits::default(),
        })
    }

    /// Whether spans are worth recording.
    pub(crate) fn is_on(&self) -> bool {
        !self.outlets.is_empty()
    }

    /// How much a span may hold.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Takes an ended span, which `encode` appends as a field of OTLP's `ScopeSpans`. Never blocks.
    pub(crate) fn export(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        thread_local! {
            static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        match &self.outlets[..] {
            [] => {}
            [only] => only.put(encode),
            several => SCRATCH.with_borrow_mut(|scratch| {
                encode(scratch);
                for outlet in several {
                    outlet.put(|out| out.extend_from_slice(scratch));
                }
                scratch.clear();
                scratch.shrink_to(SCRATCH_BYTES);
            }),
        }
    }

    /// Exports what waits, within the deadline.
    ///
    /// # Errors
    /// The deadline passed, and the rest still waits; or an export failed.
    pub(crate) fn flush(&self, deadline: Duration) -> Result<(), FlushErrors> {
        let end = Instant::now() + deadline;
        for outlet in &self.outlets {
            outlet.hurry();
        }
        all(self.outlets.iter().map(|outlet| outlet.flush(end)))
    }

    /// Exports what waits and ends the exporters' threads, within the deadline. What became of all spans goes to
    /// the log.
    ///
    /// # Errors
    /// The deadline passed, and what was left is lost; or an export failed.
    pub(crate) fn shutdown(&self, deadline: Duration) -> Result<(), FlushErrors> {
        let end = Instant::now() + deadline;
        self.close(end);
        all(self.outlets.iter().map(|outlet| outlet.end(end)))
    }

    /// Takes no more, and lets the exporters' threads come to their end; does not wait for them.
    pub(crate) fn close(&self, deadline: Instant) {
        for outlet in &self.outlets {
            outlet.close(deadline);
        }
    }

    /// How many spans met this fate, at all exporters together.
    #[cfg(test)]
    pub(crate) fn count(&self, fate: Fate) -> u64 {
        self.outlets.iter().map(|outlet| outlet.count(fate)).sum()
    }
}

/// The exporter for a destination, and how the log calls it.
fn connect(
    destination: Destination,
    resource: &Resource,
    app: &AppInfo<'_>,
) -> Result<(Box<dyn Exporter>, String), StartError> {
    Ok(match destination {
        Destination::Otlp(collector) => {
            let target = collector.url.to_string();
            (otlp(Signal::Traces, &collector, resource)?, target)
        }
        Destination::Zipkin(to) => (Box::new(Zipkin::new(&to, resource)?), to.url.to_string()),
        Destination::Azure(connection, to) => (
            Box::new(AzureMonitor::new(&connection, &to, resource)?),
            to.url.to_string(),
        ),
        Destination::File(to) => {
            let path = to.path_of(app.root(), app.worker_index());
            let target = path.display().to_string();
            (Box::new(Lines::new(path, &to, resource)), target)
        }
        Destination::Console => (
            Box::new(Console::new(io::stdout(), resource)),
            "stdout".to_owned(),
        ),
    })
}

/// The exporter of a signal by OTLP.
pub(crate) fn otlp(
    signal: Signal,
    collector: &Collector,
    resource: &Resource,
) -> Result<Box<dyn Exporter>, StartError> {
    Ok(match collector.protocol {
        Protocol::Http => Box::new(Otlp::new(signal, collector, resource)?),
        Protocol::Grpc => Box::new(Grpc::new(signal, collector, resource)?),
    })
}

/// Goes through all, and tells what went wrong.
fn all(results: impl Iterator<Item = Result<(), FlushError>>) -> Result<(), FlushErrors> {
    let errors: Vec<_> = results.filter_map(Result::err).collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(FlushErrors(errors)),
    }
}

#[cfg(test)]
mod tests;
