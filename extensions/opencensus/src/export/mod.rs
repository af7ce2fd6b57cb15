//! Ended spans on their way out: a bounded queue, a thread behind it, an exporter on that.
//!
//! A hook only ever puts a span into the queue; all that can block happens on the exporter's thread. What does
//! not fit is dropped and counted, and so is what the exporter could not deliver.

mod console;
mod otlp;
mod queue;
mod trouble;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use thiserror::Error;

use crate::settings::{Batching, Collector, Config, Destination, LogsConfig};
use crate::signal::Signal;
use console::Console;
use otlp::Otlp;
pub(crate) use queue::Batch;
use queue::Queue;
use trouble::Throttle;
pub(crate) use trouble::Trouble;

/// How often dropped spans are mentioned in the log, at most.
const DROPS_LOGGED_EVERY: Duration = Duration::from_secs(10);

/// Takes spans to where they are looked at.
pub(crate) trait Exporter: Send + 'static {
    /// Delivers a batch, or gives it up. Runs on a thread of its own and may block, retries included.
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError>;
}

/// A batch was not delivered.
#[derive(Debug, Error)]
pub enum ExportError {
    #[error("{0}")]
    Write(#[from] io::Error),
    #[error("{0}")]
    Send(#[from] ureq::Error),
    #[error("it answered {status}: {body}")]
    Refused { status: http::StatusCode, body: String },
}

/// The exporter's thread could not be started.
#[derive(Debug, Error)]
#[error("cannot start a thread for exporting telemetry: {0}")]
pub struct StartError(#[from] io::Error);

/// The last spans were not delivered.
#[derive(Debug, Error)]
pub enum ShutdownError {
    #[error("{waiting} {items} still wait")]
    Deadline { waiting: usize, items: &'static str },
    #[error("{0}")]
    Export(ExportError),
}

/// The exporter of a signal by OTLP.
pub(crate) fn otlp(signal: Signal, collector: &Collector, resource: &Resource) -> impl Exporter {
    Otlp::new(signal, collector, resource)
}

/// Where ended spans go, or log records. Used by any number of threads.
pub struct Pipeline {
    /// `None` where nothing is exported.
    outlet: Option<Outlet>,
}

struct Outlet {
    signal: Signal,
    queue: Arc<Queue>,
    capacity: usize,
    mention_drops: Throttle,
}

impl Pipeline {
    /// The pipeline that the settings ask for. Starts the exporter's thread.
    pub fn start(config: Config, resource: &Resource) -> Result<Pipeline, StartError> {
        match config.destination {
            Destination::None => Ok(Pipeline::off()),
            Destination::Console => {
                Pipeline::to(Console::new(io::stdout(), resource), "stdout", config.batching)
            }
            Destination::Otlp(collector) => Pipeline::to(
                otlp(Signal::Traces, &collector, resource),
                &collector.url.to_string(),
                config.batching,
            ),
        }
    }

    /// The pipeline for log records.
    pub(crate) fn of_logs(config: Option<LogsConfig>, resource: &Resource) -> Result<Pipeline, StartError> {
        let Some(LogsConfig { collector, batching }) = config else {
            return Ok(Pipeline::off());
        };
        let exporter = otlp(Signal::Logs, &collector, resource);
        Pipeline::of(Signal::Logs, exporter, &collector.url.to_string(), batching)
    }

    /// A pipeline that exports nothing; spans need not be recorded for it.
    pub fn off() -> Pipeline {
        Pipeline { outlet: None }
    }

    /// A pipeline of spans into this exporter; `target` names it in the log.
    pub(crate) fn to(
        exporter: impl Exporter,
        target: &str,
        batching: Batching,
    ) -> Result<Pipeline, StartError> {
        Pipeline::of(Signal::Traces, exporter, target, batching)
    }

    /// A pipeline of a signal into this exporter.
    pub(crate) fn of(
        signal: Signal,
        mut exporter: impl Exporter,
        target: &str,
        batching: Batching,
    ) -> Result<Pipeline, StartError> {
        let queue = Arc::new(Queue::new(batching));
        let source = Arc::clone(&queue);
        let mut trouble = Trouble::new(signal, target);
        let run = move || {
            let mut last = Ok(());
            while let Some(batch) = source.take() {
                last = exporter.export(&batch);
                match &last {
                    Ok(()) => trouble.worked(),
                    Err(error) => trouble.failed(batch.len(), error),
                }
                source.recycle(batch);
            }
            source.finish(last);
        };
        thread::Builder::new()
            .name(format!("export-{}", signal.name()))
            .spawn(run)?;
        Ok(Pipeline {
            outlet: Some(Outlet {
                signal,
                queue,
                capacity: batching.queue,
                mention_drops: Throttle::new(DROPS_LOGGED_EVERY),
            }),
        })
    }

    /// Whether spans are worth recording.
    pub fn is_on(&self) -> bool {
        self.outlet.is_some()
    }

    /// Takes no more, and lets the exporter's thread come to its end; does not wait for it.
    pub(crate) fn close(&self) {
        if let Some(outlet) = &self.outlet {
            outlet.queue.close();
        }
    }

    /// Takes an ended span, which `encode` appends as a field of OTLP's `ScopeSpans`. Never blocks.
    pub(crate) fn export(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        if let Some(outlet) = &self.outlet
            && !outlet.queue.put(encode)
        {
            outlet.mention_drop();
        }
    }

    /// Exports what waits and ends the exporter's thread, within the deadline.
    ///
    /// # Errors
    /// The deadline passed, and what still waits is lost with the process; or the last export failed.
    pub fn shutdown(&self, deadline: Duration) -> Result<(), ShutdownError> {
        let Some(Outlet { queue, signal, .. }) = &self.outlet else {
            return Ok(());
        };
        let items = signal.items();
        queue.close();
        let result = queue.wait_until_finished(deadline);
        let dropped = queue.dropped();
        if dropped > 0 {
            tracing::warn!("{dropped} {items} were dropped in all, because the queue was full");
        }
        match result {
            Some(result) => result.map_err(ShutdownError::Export),
            None => Err(ShutdownError::Deadline {
                waiting: queue.waiting(),
                items,
            }),
        }
    }

    /// How many spans were dropped because the queue was full.
    #[cfg(test)]
    pub fn dropped(&self) -> u64 {
        self.outlet.as_ref().map_or(0, |outlet| outlet.queue.dropped())
    }
}

impl Outlet {
    #[cold]
    fn mention_drop(&self) {
        if self.mention_drops.now() {
            tracing::warn!(
                "{} {} dropped so far: more come than the exporter takes and the queue of {} holds; \
                 raise {}, or lower the load",
                self.queue.dropped(),
                self.signal.items(),
                self.capacity,
                match self.signal {
                    Signal::Logs => "OTEL_BLRP_MAX_QUEUE_SIZE",
                    Signal::Traces | Signal::Metrics => "\"queue\"",
                }
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use opentelemetry::trace::SpanKind;
    use opentelemetry_proto::tonic::trace::v1::Span as Encoded;

    use super::*;
    use crate::span::Span;

    /// An exporter that hands its batches to the test, and keeps each until it is told the result.
    struct Stuck {
        batches: Sender<Vec<Encoded>>,
        results: Receiver<Result<(), ExportError>>,
    }

    impl Exporter for Stuck {
        fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
            let spans = batch.spans().expect("protobuf");
            assert_eq!(spans.len(), batch.len());
            // The test may have ended.
            let _ = self.batches.send(spans);
            self.results.recv().unwrap_or(Ok(()))
        }
    }

    type Fixture = (Pipeline, Receiver<Vec<Encoded>>, Sender<Result<(), ExportError>>);

    fn stuck(queue: usize, batch: usize, delay: Duration) -> Fixture {
        let (batches, has_batch) = channel();
        let (release, results) = channel();
        let batching = Batching { queue, batch, delay };
        let pipeline = Pipeline::to(Stuck { batches, results }, "a test", batching).expect("a thread");
        (pipeline, has_batch, release)
    }

    fn end_spans(pipeline: &Pipeline, names: &[&'static str]) {
        for name in names {
            let span = Span::start(pipeline, (*name).into(), SpanKind::Internal, None);
            span.end(pipeline, std::time::SystemTime::now(), |_| {});
        }
    }

    const WAIT: Duration = Duration::from_secs(20);
    const NEVER: Duration = Duration::from_secs(3600);

    fn next(batches: &Receiver<Vec<Encoded>>) -> Vec<String> {
        let spans = batches.recv_timeout(WAIT).expect("a batch in time");
        spans.into_iter().map(|span| span.name).collect()
    }

    fn failure() -> Result<(), ExportError> {
        Err(io::Error::other("on purpose").into())
    }

    #[test]
    fn a_stuck_exporter_costs_spans_and_no_time() {
        let (pipeline, batches, release) = stuck(4, 2, NEVER);
        end_spans(&pipeline, &["a", "b"]);
        assert_eq!(
            next(&batches),
            ["a", "b"],
            "the exporter has a batch and keeps it"
        );
        end_spans(&pipeline, &["c", "d", "e", "f"]);
        assert_eq!(pipeline.dropped(), 0, "the queue holds four");
        end_spans(&pipeline, &["x", "y", "z"]);
        assert_eq!(pipeline.dropped(), 3);
        let error = pipeline
            .shutdown(Duration::from_millis(10))
            .expect_err("it cannot be done in time");
        assert_eq!(error.to_string(), "4 spans still wait");

        for result in [failure(), Ok(()), Ok(())] {
            release.send(result).expect("the exporter waits");
        }
        assert_eq!(next(&batches), ["c", "d"], "a failure does not stop the exporter");
        assert_eq!(next(&batches), ["e", "f"], "all that was queued arrives");
        pipeline.shutdown(WAIT).expect("all is done, later");
    }

    #[test]
    fn batches_are_no_larger_than_asked_for_and_leave_in_order() {
        let (pipeline, batches, release) = stuck(16, 3, NEVER);
        end_spans(&pipeline, &["a", "b", "c"]);
        assert_eq!(next(&batches), ["a", "b", "c"]);
        end_spans(&pipeline, &["d", "e", "f", "g", "h", "i", "j"]);
        // No more results: the exporter goes on by itself.
        drop(release);
        assert_eq!(next(&batches), ["d", "e", "f"]);
        assert_eq!(next(&batches), ["g", "h", "i"]);
        pipeline.shutdown(WAIT).expect("nothing hinders it");
        assert_eq!(
            next(&batches),
            ["j"],
            "a shutdown does not wait for the batch to fill"
        );
        end_spans(&pipeline, &["late"]);
        assert_eq!(pipeline.dropped(), 1, "nobody would take it");
    }

    #[test]
    fn a_batch_that_does_not_fill_leaves_after_the_delay() {
        let (pipeline, batches, _release) = stuck(16, 16, Duration::from_millis(1));
        end_spans(&pipeline, &["alone"]);
        assert_eq!(next(&batches), ["alone"]);
    }

    #[test]
    fn a_failure_at_the_end_is_told() {
        let (pipeline, _batches, release) = stuck(16, 16, NEVER);
        end_spans(&pipeline, &["lost"]);
        release.send(failure()).expect("the exporter lives");
        let error = pipeline.shutdown(WAIT).expect_err("the export failed");
        assert_eq!(error.to_string(), "on purpose");
        pipeline.shutdown(WAIT).expect("said once");
    }

    #[test]
    fn off_is_off() {
        let pipeline = Pipeline::off();
        assert!(!pipeline.is_on());
        assert!(pipeline.shutdown(Duration::ZERO).is_ok());
        assert!(pipeline.shutdown(Duration::ZERO).is_ok(), "again");
    }
}
