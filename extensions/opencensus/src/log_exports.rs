//! Where the records of Python's `logging` go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use funcdock_extension_api::{AppInfo, Error, Result};
use funcdock_telemetry::export::{FlushErrors, Pipeline};
use funcdock_telemetry::logs::Logs;
use funcdock_telemetry::resource::Resource;
use funcdock_telemetry::settings::LogsConfigs;

use crate::counters::{self, LOG_RECORDS};

/// The destinations of log records.
#[derive(Clone)]
pub(crate) struct LogExports {
    /// A collector, over OTLP.
    pub(crate) collector: Arc<Logs>,
    /// Application Insights, whose records have the text of the host's formatter.
    pub(crate) insights: Arc<Logs>,
}

impl LogExports {
    /// Starts the exporters.
    ///
    /// # Errors
    /// One cannot be started.
    pub(crate) fn start(app: &AppInfo<'_>, configs: LogsConfigs, resource: &Resource) -> Result<Self> {
        let start = |config| {
            let meter = |exporter: &str| counters::meter(app, LOG_RECORDS, exporter);
            Logs::start(config, resource, |exporter| {
                meter(exporter).map_err(|error| error.message().to_owned())
            })
        };
        Ok(LogExports {
            collector: Arc::new(start(configs.collector)?),
            insights: Arc::new(start(configs.insights)?),
        })
    }

    /// Takes no further records; does not wait.
    pub(crate) fn close(&self, deadline: Instant) {
        for pipeline in self.pipelines() {
            pipeline.close(deadline);
        }
    }

    /// Exports what waits, in the time that is left.
    ///
    /// # Errors
    /// Not all was exported.
    pub(crate) fn flush(&self, left: impl Fn() -> Duration) -> Result<()> {
        combine(self.pipelines().map(|pipeline| pipeline.flush(left())))
    }

    /// Exports what waits and ends, in the time that is left.
    ///
    /// # Errors
    /// Not all was exported.
    pub(crate) fn shutdown(&self, left: impl Fn() -> Duration) -> Result<()> {
        combine(self.pipelines().map(|pipeline| pipeline.shutdown(left())))
    }

    fn pipelines(&self) -> [&Pipeline; 2] {
        [&self.collector, &self.insights].map(|logs| logs.pipeline())
    }
}

fn combine(results: [std::result::Result<(), FlushErrors>; 2]) -> Result<()> {
    let errors: Vec<_> = results.into_iter().filter_map(|result| result.err()).collect();
    match &errors[..] {
        [] => Ok(()),
        errors => {
            let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
            Err(Error::msg(texts.join("; ")))
        }
    }
}
