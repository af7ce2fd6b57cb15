//! The way from an ended span to its fate.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use opentelemetry::trace::SpanKind;
use opentelemetry_proto::tonic::trace::v1::Span as Encoded;

use super::*;
use crate::encode::Limits;
use crate::settings::Batching;
use crate::signal::Signal;
use crate::span::Span;

/// What an exporter returns.
type Exported = Result<Delivery, ExportError>;

/// An exporter that sends its batches to the test, and keeps each until it gets the result.
struct Stuck {
    batches: Sender<Vec<Encoded>>,
    results: Receiver<Exported>,
}

impl Exporter for Stuck {
    fn export(&mut self, batch: &Batch, _: &ShutdownSignal) -> Exported {
        let spans = batch.spans().expect("protobuf");
        assert_eq!(spans.len(), batch.len());
        // The test may have ended.
        let _ = self.batches.send(spans);
        self.results.recv().unwrap_or(DONE)
    }
}

type Ends = (Receiver<Vec<Encoded>>, Sender<Exported>);

fn stuck(
    queue: usize,
    batch: usize,
    delay: Duration,
) -> (Pipeline, Receiver<Vec<Encoded>>, Sender<Exported>) {
    let batching = Batching {
        queue,
        queue_bytes: 1 << 20,
        batch,
        delay,
    };
    stuck_with(batching)
}

fn stuck_with(batching: Batching) -> (Pipeline, Receiver<Vec<Encoded>>, Sender<Exported>) {
    let (exporter, (has_batch, release)) = exporter();
    let pipeline = Pipeline::to(Signal::Traces, exporter, "a test", batching).expect("a thread");
    (pipeline, has_batch, release)
}

fn exporter() -> (Stuck, Ends) {
    let (batches, has_batch) = channel();
    let (release, results) = channel();
    (Stuck { batches, results }, (has_batch, release))
}

fn end_spans(pipeline: &Pipeline, names: &[&'static str]) {
    for name in names {
        end_span(pipeline, *name);
    }
}

fn end_span(pipeline: &Pipeline, name: impl Into<std::borrow::Cow<'static, str>>) {
    let span = Span::start(pipeline, name.into(), SpanKind::Internal, None);
    span.end(pipeline, std::time::SystemTime::now(), |_| {});
}

const WAIT: Duration = Duration::from_secs(20);
const NEVER: Duration = Duration::from_secs(3600);
const DONE: Exported = Ok(Delivery { rejected: 0 });

fn next(batches: &Receiver<Vec<Encoded>>) -> Vec<String> {
    let spans = batches.recv_timeout(WAIT).expect("a batch in time");
    spans.into_iter().map(|span| span.name).collect()
}

fn failure() -> Exported {
    Err(io::Error::other("on purpose").into())
}

/// Exported, rejected, dropped as the queue was full, as the export failed, as the worker ended.
fn fates(pipeline: &Pipeline) -> [u64; 5] {
    [
        Fate::Exported,
        Fate::Rejected,
        Fate::QueueFull,
        Fate::ExportFailed,
        Fate::Shutdown,
    ]
    .map(|fate| pipeline.count(fate))
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
    assert_eq!(fates(&pipeline), [0; 5], "the queue holds four");
    end_spans(&pipeline, &["x", "y", "z"]);
    assert_eq!(fates(&pipeline), [0, 0, 3, 0, 0]);
    for result in [failure(), DONE, DONE] {
        release.send(result).expect("the exporter waits");
    }
    assert_eq!(next(&batches), ["c", "d"], "a failure does not stop the exporter");
    assert_eq!(next(&batches), ["e", "f"], "all that was queued arrives");
    pipeline.shutdown(WAIT).expect("nothing failed since it began");
    assert_eq!(fates(&pipeline), [4, 0, 3, 2, 0]);
}

#[test]
fn what_is_left_after_the_deadline_is_lost_and_counted() {
    let (pipeline, batches, release) = stuck(4, 2, NEVER);
    end_spans(&pipeline, &["a", "b"]);
    assert_eq!(next(&batches), ["a", "b"]);
    end_spans(&pipeline, &["c", "d", "e"]);
    let error = pipeline
        .shutdown(Duration::from_millis(10))
        .expect_err("it cannot be done in time");
    assert_eq!(error.to_string(), "a test: 5 spans still wait");
    assert_eq!(fates(&pipeline), [0, 0, 0, 0, 5], "two of them on their way");
    end_spans(&pipeline, &["late"]);
    assert_eq!(fates(&pipeline), [0, 0, 0, 0, 6], "it is too late");

    // The exporter comes back too late: nothing is counted twice.
    release.send(DONE).expect("the exporter waits");
    pipeline.shutdown(WAIT).expect("the thread ends");
    assert_eq!(fates(&pipeline), [0, 0, 0, 0, 6]);
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
    assert_eq!(fates(&pipeline), [10, 0, 0, 0, 1], "the last one is too late");
}

#[test]
fn a_batch_that_does_not_fill_leaves_after_the_delay() {
    let (pipeline, batches, _release) = stuck(16, 16, Duration::from_millis(1));
    end_spans(&pipeline, &["alone"]);
    assert_eq!(next(&batches), ["alone"]);
}

#[test]
fn memory_is_bounded_however_large_spans_are() {
    let batching = Batching {
        queue: 100,
        queue_bytes: 10 << 20,
        batch: 100,
        delay: NEVER,
    };
    let large = |name: &str| name.repeat(2 << 20);
    let (pipeline, batches, release) = stuck_with(batching);
    for name in ["a", "b", "c", "d", "e", "f"] {
        end_span(&pipeline, large(name));
    }
    assert_eq!(
        fates(&pipeline),
        [0, 0, 2, 0, 0],
        "10 MiB hold four and some bytes"
    );
    end_spans(&pipeline, &["small"]);
    end_span(&pipeline, "x".repeat(20 << 20));
    assert_eq!(
        fates(&pipeline),
        [0, 0, 3, 0, 0],
        "none is too small, but one too large"
    );
    // What is on its way counts until it has arrived.
    assert_eq!(
        next(&batches),
        [large("a")],
        "two would be too much for a message"
    );
    end_span(&pipeline, large("f"));
    assert_eq!(fates(&pipeline), [0, 0, 4, 0, 0]);
    drop(release);
    assert_eq!(next(&batches), [large("b")]);
    pipeline.flush(WAIT).expect("nothing hinders it");
    end_span(&pipeline, large("g"));
    pipeline.shutdown(WAIT).expect("nothing hinders it");
    assert_eq!(fates(&pipeline), [6, 0, 4, 0, 0]);
    assert_eq!(next(&batches), [large("c")]);
    assert_eq!(next(&batches), [large("d"), "small".to_owned()]);
    assert_eq!(next(&batches), [large("g")], "there was room again");
}

#[test]
fn a_flush_takes_what_waits_and_no_more() {
    let (pipeline, batches, release) = stuck(16, 16, NEVER);
    pipeline.flush(WAIT).expect("nothing waits");
    end_spans(&pipeline, &["a", "b"]);
    for result in [DONE, failure()] {
        release.send(result).expect("the exporter lives");
    }
    pipeline.flush(WAIT).expect("it arrives");
    assert_eq!(next(&batches), ["a", "b"]);
    end_spans(&pipeline, &["c"]);
    let error = pipeline.flush(WAIT).expect_err("the export failed");
    assert_eq!(error.to_string(), "a test: on purpose");
    assert_eq!(next(&batches), ["c"]);
    assert_eq!(fates(&pipeline), [2, 0, 0, 1, 0]);

    end_spans(&pipeline, &["d"]);
    let error = pipeline
        .flush(Duration::from_millis(10))
        .expect_err("the exporter is stuck");
    assert_eq!(error.to_string(), "a test: 1 spans still wait");
    assert_eq!(next(&batches), ["d"]);
    drop(release);
    pipeline.shutdown(WAIT).expect("it is stuck no more");
    assert_eq!(
        fates(&pipeline),
        [3, 0, 0, 1, 0],
        "a flush that is late drops nothing"
    );
}

#[test]
fn what_the_other_side_refuses_is_counted_as_that() {
    let (pipeline, _batches, release) = stuck(16, 4, NEVER);
    end_spans(&pipeline, &["a", "b", "c", "d", "e"]);
    for rejected in [3, 99] {
        release
            .send(Ok(Delivery { rejected }))
            .expect("the exporter lives");
    }
    pipeline.shutdown(WAIT).expect("both batches were taken");
    assert_eq!(fates(&pipeline), [1, 4, 0, 0, 0], "no more than a batch has");
}

#[test]
fn exporters_share_nothing_but_the_spans() {
    let batching = Batching {
        queue: 2,
        queue_bytes: 1 << 20,
        batch: 2,
        delay: NEVER,
    };
    let start = |name: &str| {
        let (exporter, ends) = exporter();
        let processor = Processor::start(
            Signal::Traces,
            Box::new(exporter),
            name.to_owned(),
            batching,
            None,
        );
        (processor.expect("a thread"), ends)
    };
    let (stuck, (held, release)) = start("stuck");
    let (quick, (batches, results)) = start("quick");
    drop(results);
    let pipeline = Pipeline::new(vec![stuck, quick], Limits::default());
    end_spans(&pipeline, &["a", "b"]);
    assert_eq!(next(&held), ["a", "b"]);
    assert_eq!(next(&batches), ["a", "b"]);
    for names in [["c", "d"], ["e", "f"], ["g", "h"]] {
        end_spans(&pipeline, &names);
        assert_eq!(next(&batches), names, "one goes on where the other is stuck");
    }
    release.send(failure()).expect("the exporter waits");
    assert_eq!(next(&held), ["c", "d"]);
    let error = pipeline
        .shutdown(Duration::from_millis(10))
        .expect_err("one is stuck");
    assert!(error.to_string().starts_with("stuck: "), "{error}");
    let each = |index: usize| {
        let one = &pipeline.processors()[index];
        [
            Fate::Exported,
            Fate::QueueFull,
            Fate::ExportFailed,
            Fate::Shutdown,
        ]
        .map(|fate| one.count(fate))
    };
    assert_eq!(each(0), [0, 4, 2, 2]);
    assert_eq!(each(1), [8, 0, 0, 0]);
}

#[test]
fn a_failure_at_the_end_is_reported() {
    let (pipeline, _batches, release) = stuck(16, 16, NEVER);
    end_spans(&pipeline, &["lost"]);
    release.send(failure()).expect("the exporter lives");
    let error = pipeline.shutdown(WAIT).expect_err("the export failed");
    assert_eq!(error.to_string(), "a test: on purpose");
    pipeline.shutdown(WAIT).expect("reported once");
}

#[test]
fn off_is_off() {
    let pipeline = Pipeline::off();
    assert!(!pipeline.is_on());
    assert!(pipeline.flush(Duration::ZERO).is_ok());
    assert!(pipeline.shutdown(Duration::ZERO).is_ok());
    assert!(pipeline.shutdown(Duration::ZERO).is_ok(), "again");
}
