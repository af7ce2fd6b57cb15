//! What is counted, and what an exporter gets of it.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, HistogramDataPoint, Metric, NumberDataPoint, ScopeMetrics, number_data_point,
};
use prost::Message;

use super::*;
use crate::export::{Batch, Delivery, ShutdownSignal};

const WAIT: Duration = Duration::from_secs(20);
const NEVER: Duration = Duration::from_secs(3600);

const SUCCESS: CallOutcome = CallOutcome {
    is_error: false,
    timed_out: false,
    ran: true,
};

/// An exporter that sends its metrics to the test, and may fail on purpose.
struct ToTest {
    metrics: Sender<Vec<Metric>>,
    fails: bool,
}

impl Exporter for ToTest {
    fn export(&mut self, batch: &Batch, _: &ShutdownSignal) -> Result<Delivery, ExportError> {
        let metrics = ScopeMetrics::decode(batch.encoded()).expect("protobuf").metrics;
        assert_eq!(metrics.len(), batch.len());
        // The test may have ended.
        let _ = self.metrics.send(metrics);
        match self.fails {
            true => Err(io::Error::other("on purpose").into()),
            false => Ok(Delivery::default()),
        }
    }
}

fn started(interval: Duration, fails: bool) -> (Metrics, Receiver<Vec<Metric>>) {
    let (sender, exported) = channel();
    let target = Target {
        exporter: Box::new(ToTest {
            metrics: sender,
            fails,
        }),
        name: "a test".to_owned(),
        interval,
    };
    let metrics = Metrics::new(Some(target)).expect("a thread");
    (metrics, exported)
}

fn find<'a>(metrics: &'a [Metric], name: &str) -> &'a Metric {
    let found = metrics.iter().find(|metric| metric.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {metrics:#?}"))
}

fn name_of(point: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> String {
    let pair = point.iter().find(|pair| pair.key == "faas.name");
    match pair.and_then(|pair| pair.value.clone()?.value) {
        Some(any_value::Value::StringValue(name)) => name,
        other => panic!("{other:?}"),
    }
}

fn sums(metrics: &[Metric], name: &str) -> Vec<(String, i64)> {
    let Some(Data::Sum(sum)) = &find(metrics, name).data else {
        panic!("{name} is not a sum");
    };
    assert!(sum.is_monotonic, "{name}");
    let cumulative = AggregationTemporality::Cumulative;
    assert_eq!(sum.aggregation_temporality(), cumulative, "{name}");
    let value = |point: &NumberDataPoint| match point.value {
        Some(number_data_point::Value::AsInt(value)) => (name_of(&point.attributes), value),
        other => panic!("{name}: {other:?}"),
    };
    sum.data_points.iter().map(value).collect()
}

fn histograms(metrics: &[Metric], name: &str) -> Vec<HistogramDataPoint> {
    let Some(Data::Histogram(histogram)) = &find(metrics, name).data else {
        panic!("{name} is not a histogram");
    };
    let cumulative = AggregationTemporality::Cumulative;
    assert_eq!(histogram.aggregation_temporality(), cumulative, "{name}");
    for point in &histogram.data_points {
        assert_eq!(
            point.bucket_counts.len(),
            point.explicit_bounds.len() + 1,
            "{name}"
        );
        assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count, "{name}");
        assert!(point.start_time_unix_nano <= point.time_unix_nano, "{name}");
    }
    histogram.data_points.clone()
}

#[test]
fn calls_are_counted_by_how_they_end() {
    let (metrics, exported) = started(NEVER, false);
    let (hello, other) = (metrics.series("hello", "http"), metrics.series("other", "timer"));
    metrics.function_loaded();
    metrics.cold_start(hello);
    let failed = CallOutcome {
        is_error: true,
        ..SUCCESS
    };
    let timed_out = CallOutcome {
        timed_out: true,
        ..failed
    };
    let answered = CallOutcome {
        ran: false,
        ..SUCCESS
    };
    for call in [SUCCESS, SUCCESS, failed, timed_out, answered] {
        metrics.call_ended(hello, 0, call);
    }
    metrics.call_ended(other, 0, SUCCESS);
    metrics.flush(WAIT).expect("nothing hinders it");

    let found = exported.try_recv().expect("the flush has ended");
    let both = |hello, other| [("hello".to_owned(), hello), ("other".to_owned(), other)];
    assert_eq!(sums(&found, "faas.invocations"), both(3, 1));
    assert_eq!(sums(&found, "faas.errors"), both(2, 0), "time-outs are errors");
    assert_eq!(sums(&found, "faas.timeouts"), both(1, 0));
    assert_eq!(sums(&found, "faas.coldstarts"), both(1, 0));
    let counts = |name| -> Vec<u64> { histograms(&found, name).iter().map(|point| point.count).collect() };
    assert_eq!(
        counts("faas.invoke_duration"),
        [4, 1],
        "an answered call did not run"
    );
    assert_eq!(counts("faas.mem_usage"), [4, 1]);
    assert_eq!(counts("faas.init_duration"), [1], "one a worker");

    let init = &histograms(&found, "faas.init_duration")[0];
    let age = process::age().expect("Linux has it").as_secs_f64();
    // The kernel has it in hundredths.
    assert!(init.sum.is_some_and(|sum| sum <= age + 0.02), "{init:?} of {age}");
    let used = &histograms(&found, "faas.mem_usage")[0];
    assert!(
        used.sum.is_some_and(|sum| sum > 4.0 * (1 << 20) as f64),
        "{used:?}"
    );
    assert_eq!(find(&found, "faas.mem_usage").unit, "By");
}

#[test]
fn durations_lie_in_their_buckets() {
    let (metrics, exported) = started(NEVER, false);
    let series = metrics.series("hello", "http");
    metrics.call_ended(series, 30_000_000, SUCCESS);
    metrics.shutdown(WAIT).expect("nothing hinders it");
    let found = exported.try_recv().expect("the end exports what there is");
    let took = &histograms(&found, "faas.invoke_duration")[0];
    assert_eq!(took.explicit_bounds, SECONDS);
    assert_eq!(took.bucket_counts[..4], [0, 0, 0, 1], "30 ms");
    assert_eq!(took.sum, Some(0.03));
}

#[test]
fn they_are_exported_at_intervals_and_add_up() {
    let (metrics, exported) = started(Duration::from_millis(10), false);
    let series = metrics.series("hello", "http");
    let mut starts = Vec::new();
    for calls in 1..=2 {
        metrics.call_ended(series, 0, SUCCESS);
        let found = loop {
            let found = exported.recv_timeout(WAIT).expect("an export in time");
            if sums(&found, "faas.invocations")[0].1 == calls {
                break found;
            }
        };
        starts.push(histograms(&found, "faas.invoke_duration")[0].start_time_unix_nano);
    }
    assert_eq!(starts[0], starts[1], "they count from the same start");
}

#[test]
fn an_export_that_fails_is_reported() {
    let (metrics, _exported) = started(NEVER, true);
    metrics.flush(WAIT).expect("there is nothing to export");
    metrics.call_ended(metrics.series("hello", "http"), 0, SUCCESS);
    let error = metrics.flush(WAIT).expect_err("the export failed");
    assert_eq!(error.to_string(), "on purpose");
    let error = metrics.shutdown(WAIT).expect_err("the last one, too");
    assert_eq!(error.to_string(), "on purpose");
    metrics.shutdown(WAIT).expect("reported once");
}

#[test]
fn a_stuck_exporter_delays_nothing() {
    struct Stuck(Receiver<()>);
    impl Exporter for Stuck {
        fn export(&mut self, _: &Batch, _: &ShutdownSignal) -> Result<Delivery, ExportError> {
            let _ = self.0.recv();
            Ok(Delivery::default())
        }
    }
    let (release, stuck) = channel();
    let target = Target {
        exporter: Box::new(Stuck(stuck)),
        name: "a test".to_owned(),
        interval: NEVER,
    };
    let metrics = Metrics::new(Some(target)).expect("a thread");
    metrics.call_ended(metrics.series("hello", "http"), 0, SUCCESS);
    let error = metrics.flush(Duration::from_millis(10)).expect_err("it is stuck");
    assert!(matches!(error, FlushError::Deadline), "{error}");
    metrics.close(Instant::now() + Duration::from_secs(20));
    drop(release);
    metrics.shutdown(WAIT).expect("it goes on");
}

#[test]
fn without_a_target_nothing_is_counted() {
    let metrics = Metrics::new(None).expect("a thread");
    let series = metrics.series("hello", "http");
    metrics.call_ended(series, 0, SUCCESS);
    assert_eq!(series.invocations.value(), 0);
    metrics.flush(WAIT).expect("nothing to do");
    metrics.shutdown(WAIT).expect("the thread ends");
}

#[test]
fn the_memory_is_read_while_there_are_calls() {
    let metrics = Metrics::new(None).expect("a thread");
    let resident = || metrics.state.resident.load(Ordering::Relaxed);
    let series = metrics.series("hello", "http");
    assert!(resident() > 0, "known before the first call");
    metrics.state.resident.store(1, Ordering::Relaxed);
    metrics.flush(WAIT).expect("no export");
    assert_eq!(resident(), 1, "nothing was called since");
    metrics.call_ended(series, 0, SUCCESS);
    metrics.flush(WAIT).expect("no export");
    assert!(resident() > 1, "a call was");
}
