//! Ended spans on their way out: a bounded queue, the SDK's batch thread behind it, an exporter behind that.
//!
//! A hook only ever puts a span into the queue; all that can block happens on the batch thread. What does
//! not fit is dropped and counted, and so is what the exporter could not deliver.

mod console;
mod otlp;
mod trouble;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor,
};

use crate::settings::{Batching, Config, Exporter};
use console::Console;
use trouble::{Throttle, Trouble};

/// How often dropped spans are mentioned in the log, at most.
const DROPS_LOGGED_EVERY: Duration = Duration::from_secs(10);

/// Where ended spans go. Used by any number of threads.
pub struct Pipeline {
    /// `None` where nothing is exported.
    processor: Option<BatchSpanProcessor>,
    /// Spans that the processor holds and has not handed to the exporter. Counted here, because the processor
    /// tells neither this nor how many it had to drop.
    queued: Arc<AtomicUsize>,
    capacity: usize,
    dropped: AtomicU64,
    mention_drops: Throttle,
}

impl Pipeline {
    /// The pipeline that the settings ask for. Starts the batch thread.
    pub fn start(config: Config, resource: &Resource) -> Result<Pipeline, otlp::BuildError> {
        Ok(match config.exporter {
            Exporter::None => Pipeline::off(),
            Exporter::Console => {
                let exporter = Console::new(std::io::stdout(), resource);
                Pipeline::to(exporter, "stdout", resource, config.batching)
            }
            Exporter::Otlp(collector) => {
                let exporter = otlp::Otlp::new(&collector)?;
                Pipeline::to(exporter, &collector.url, resource, config.batching)
            }
        })
    }

    /// A pipeline that exports nothing; spans need not be recorded for it.
    pub fn off() -> Pipeline {
        Pipeline {
            processor: None,
            queued: Arc::default(),
            capacity: 0,
            dropped: AtomicU64::new(0),
            mention_drops: Throttle::new(DROPS_LOGGED_EVERY),
        }
    }

    /// A pipeline into this exporter; `target` names it in the log.
    pub fn to<E: SpanExporter + 'static>(
        exporter: E,
        target: &str,
        resource: &Resource,
        batching: Batching,
    ) -> Pipeline {
        let queued = Arc::<AtomicUsize>::default();
        let exporter = Watched {
            inner: exporter,
            queued: Arc::clone(&queued),
            trouble: Trouble::new(target),
        };
        let limits = BatchConfigBuilder::default()
            .with_max_queue_size(batching.queue)
            .with_max_export_batch_size(batching.batch)
            .with_scheduled_delay(batching.delay)
            .build();
        let mut processor = BatchSpanProcessor::new(exporter, limits);
        processor.set_resource(resource);
        Pipeline {
            processor: Some(processor),
            queued,
            capacity: batching.queue,
            ..Pipeline::off()
        }
    }

    /// Whether spans are worth recording.
    pub fn is_on(&self) -> bool {
        self.processor.is_some()
    }

    /// Takes an ended span. Never blocks.
    pub fn export(&self, span: SpanData) {
        let Some(processor) = &self.processor else {
            return;
        };
        // The processor's own queue has the same capacity, so it takes every span that passes here.
        if self.queued.fetch_add(1, Ordering::Relaxed) < self.capacity {
            processor.on_end(span);
        } else {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            self.count_drop();
        }
    }

    #[cold]
    fn count_drop(&self) {
        let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        if self.mention_drops.now() {
            tracing::warn!(
                "{dropped} spans dropped so far: more end than the exporter takes and the queue of {} holds; \
                 raise \"queue\", or lower the load",
                self.capacity
            );
        }
    }

    /// Exports what waits and ends the batch thread, within the deadline.
    ///
    /// # Errors
    /// The deadline passed; what waited is lost.
    pub fn shutdown(&self, deadline: Duration) -> OTelSdkResult {
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!("{dropped} spans were dropped in all, because the queue was full");
        }
        match &self.processor {
            None => Ok(()),
            Some(processor) => match processor.shutdown_with_timeout(deadline) {
                Err(OTelSdkError::AlreadyShutdown) => Ok(()),
                result => result,
            },
        }
    }

    /// Exports what waits, for tests that look at it.
    #[cfg(test)]
    pub fn flush(&self) {
        let flushed = self.processor.as_ref().map(SpanProcessor::force_flush);
        assert!(matches!(flushed, None | Some(Ok(()))), "{flushed:?}");
    }

    /// How many spans were dropped because the queue was full.
    #[cfg(test)]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// An exporter whose queue and whose failures are counted.
#[derive(Debug)]
struct Watched<E> {
    inner: E,
    queued: Arc<AtomicUsize>,
    trouble: Trouble,
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.queued.fetch_sub(spans, Ordering::Relaxed);
        let result = self.inner.export(batch).await;
        match &result {
            Ok(()) => self.trouble.worked(),
            Err(error) => self.trouble.failed(spans, error),
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Mutex, PoisonError};

    use funcdock_extension_api::OutcomeKind;

    use super::*;
    use crate::call::{Call, Ending};

    /// An exporter that says when it has a batch, and keeps it until it is told the result.
    #[derive(Debug)]
    struct Stuck {
        batches: Sender<usize>,
        results: Mutex<Receiver<OTelSdkResult>>,
    }

    impl SpanExporter for Stuck {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            // The test may have ended.
            let _ = self.batches.send(batch.len());
            let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
            results.recv().unwrap_or(Ok(()))
        }
    }

    #[test]
    fn a_stuck_exporter_costs_spans_and_no_time() {
        let (batches, has_batch) = channel();
        let (release, results) = channel();
        let results = Mutex::new(results);
        let batching = Batching {
            queue: 4,
            batch: 2,
            delay: Duration::from_secs(3600),
        };
        let resource = Resource::builder_empty().build();
        let pipeline = Arc::new(Pipeline::to(
            Stuck { batches, results },
            "a test",
            &resource,
            batching,
        ));
        let call = || {
            Call::start(Arc::clone(&pipeline), "hello", None, Vec::new).finish(&Ending {
                kind: OutcomeKind::Returned,
                http_status: None,
                raised: None,
                extension: None,
            });
        };
        call();
        call();
        let wait = Duration::from_secs(20);
        assert_eq!(
            has_batch.recv_timeout(wait),
            Ok(2),
            "the exporter has a batch and keeps it"
        );
        for _ in 0..4 {
            call();
        }
        assert_eq!(pipeline.dropped(), 0, "the queue holds four");
        for _ in 0..3 {
            call();
        }
        assert_eq!(pipeline.dropped(), 3);
        let error = pipeline
            .shutdown(Duration::from_millis(10))
            .expect_err("it cannot be done in time");
        assert!(matches!(error, OTelSdkError::Timeout(_)), "{error}");

        let failed = Err(OTelSdkError::InternalFailure("on purpose".to_owned()));
        for result in [failed, Ok(()), Ok(())] {
            release.send(result).expect("the exporter waits");
        }
        assert_eq!(
            has_batch.recv_timeout(wait),
            Ok(2),
            "a failure does not stop the exporter"
        );
        assert_eq!(has_batch.recv_timeout(wait), Ok(2), "all that was queued arrives");
    }

    #[test]
    fn off_is_off() {
        let pipeline = Pipeline::off();
        assert!(!pipeline.is_on());
        assert!(pipeline.shutdown(Duration::ZERO).is_ok());
        assert!(pipeline.shutdown(Duration::ZERO).is_ok(), "again");
    }
}
