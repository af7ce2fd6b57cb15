//! What is counted, and what an exporter gets of it.

use crate::export::{Closing, Delivery};
use std::sync::mpsc::{Receiver, Sender, channel};

use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, HistogramDataPoint, Metric, NumberDataPoint, ScopeMetrics, number_data_point,
};
use prost::Message;

use super::*;
use crate::export::Batch;

const WAIT: Duration = Duration::from_secs(20);
const NEVER: Duration = Duration::from_secs(3600);

const WELL: Ended = Ended {
    is_error: false,
    timed_out: false,
    ran: true,
};

/// An exporter that hands its metrics to the test, and may be told to fail.
struct Handed {
    metrics: Sender<Vec<Metric>>,
    fails: bool,
}

impl Exporter for Handed {
    fn export(&mut self, batch: &Batch, _: &Closing) -> std::result::Result<Delivery, ExportError> {
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
    let outlet = Outlet {
        exporter: Box::new(Handed {
            metrics: sender,
            fails,
        }),
        target: "a test".to_owned(),
        interval,
    };
    let metrics = Metrics::new(Shown::none(), Some(outlet)).expect("a thread");
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
        panic!("{name} is no sum");
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
        panic!("{name} is no histogram");
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
    metrics.loaded();
    metrics.cold_start(hello);
    let failed = Ended {
        is_error: true,
        ..WELL
    };
    let timed_out = Ended {
        timed_out: true,
        ..failed
    };
    let answered = Ended { ran: false, ..WELL };
    for call in [WELL, WELL, failed, timed_out, answered] {
        metrics.ended(hello, 0, call);
    }
    metrics.ended(other, 0, WELL);
    metrics.flush(WAIT).expect("nothing hinders it");

    let told = exported.try_recv().expect("the flush has ended");
    let both = |hello, other| [("hello".to_owned(), hello), ("other".to_owned(), other)];
    assert_eq!(sums(&told, "faas.invocations"), both(3, 1));
    assert_eq!(sums(&told, "faas.errors"), both(2, 0), "time-outs are errors");
    assert_eq!(sums(&told, "faas.timeouts"), both(1, 0));
    assert_eq!(sums(&told, "faas.coldstarts"), both(1, 0));
    let counts = |name| -> Vec<u64> { histograms(&told, name).iter().map(|point| point.count).collect() };
    assert_eq!(
        counts("faas.invoke_duration"),
        [4, 1],
        "an answered call did not run"
    );
    assert_eq!(counts("faas.mem_usage"), [4, 1]);
    assert_eq!(counts("faas.init_duration"), [1], "one a worker");

    let init = &histograms(&told, "faas.init_duration")[0];
    let age = process::age().expect("Linux tells it").as_secs_f64();
    // The kernel tells it in hundredths.
    assert!(init.sum.is_some_and(|sum| sum <= age + 0.02), "{init:?} of {age}");
    let used = &histograms(&told, "faas.mem_usage")[0];
    assert!(
        used.sum.is_some_and(|sum| sum > 4.0 * (1 << 20) as f64),
        "{used:?}"
    );
    assert_eq!(find(&told, "faas.mem_usage").unit, "By");
}

#[test]
fn durations_lie_in_their_buckets() {
    let (metrics, exported) = started(NEVER, false);
    let series = metrics.series("hello", "http");
    metrics.ended(series, 30_000_000, WELL);
    metrics.shutdown(WAIT).expect("nothing hinders it");
    let told = exported.try_recv().expect("the end exports what there is");
    let took = &histograms(&told, "faas.invoke_duration")[0];
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
        metrics.ended(series, 0, WELL);
        let told = loop {
            let told = exported.recv_timeout(WAIT).expect("an export in time");
            if sums(&told, "faas.invocations")[0].1 == calls {
                break told;
            }
        };
        starts.push(histograms(&told, "faas.invoke_duration")[0].start_time_unix_nano);
    }
    assert_eq!(starts[0], starts[1], "they count from the same start");
}

#[test]
fn an_export_that_fails_is_told() {
    let (metrics, _exported) = started(NEVER, true);
    metrics.flush(WAIT).expect("there is nothing to export");
    metrics.ended(metrics.series("hello", "http"), 0, WELL);
    let error = metrics.flush(WAIT).expect_err("the export failed");
    assert_eq!(error.to_string(), "on purpose");
    let error = metrics.shutdown(WAIT).expect_err("the last one, too");
    assert_eq!(error.to_string(), "on purpose");
    metrics.shutdown(WAIT).expect("said once");
}

#[test]
fn an_exporter_that_is_stuck_keeps_nobody() {
    struct Stuck(Receiver<()>);
    impl Exporter for Stuck {
        fn export(&mut self, _: &Batch, _: &Closing) -> std::result::Result<Delivery, ExportError> {
            let _ = self.0.recv();
            Ok(Delivery::default())
        }
    }
    let (release, stuck) = channel();
    let outlet = Outlet {
        exporter: Box::new(Stuck(stuck)),
        target: "a test".to_owned(),
        interval: NEVER,
    };
    let metrics = Metrics::new(Shown::none(), Some(outlet)).expect("a thread");
    metrics.ended(metrics.series("hello", "http"), 0, WELL);
    let error = metrics.flush(Duration::from_millis(10)).expect_err("it is stuck");
    assert!(matches!(error, FlushError::Deadline), "{error}");
    metrics.close(Instant::now() + Duration::from_secs(20));
    drop(release);
    metrics.shutdown(WAIT).expect("it goes on");
}

#[test]
fn without_an_outlet_only_what_is_shown_is_counted() {
    let metrics = Metrics::new(Shown::none(), None).expect("a thread");
    let series = metrics.series("hello", "http");
    metrics.ended(series, 0, WELL);
    assert_eq!(series.invocations.value(), 0);
    metrics.flush(WAIT).expect("nothing to do");
    metrics.shutdown(WAIT).expect("the thread ends");
}

#[test]
fn the_memory_is_looked_at_while_there_are_calls() {
    let metrics = Metrics::new(Shown::none(), None).expect("a thread");
    let resident = || metrics.state.resident.load(Ordering::Relaxed);
    let series = metrics.series("hello", "http");
    assert!(resident() > 0, "known before the first call");
    metrics.state.resident.store(1, Ordering::Relaxed);
    metrics.flush(WAIT).expect("no export");
    assert_eq!(resident(), 1, "nothing was called since");
    metrics.ended(series, 0, WELL);
    metrics.flush(WAIT).expect("no export");
    assert!(resident() > 1, "a call was");
}
