//! A snapshot of all metrics in OTLP's types: sums and histograms since the worker's start.

use std::sync::PoisonError;
use std::time::SystemTime;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Histogram as HistogramData, HistogramDataPoint, Metric, NumberDataPoint,
    ScopeMetrics, Sum, metric, number_data_point,
};
use prost::Message;

use super::instrument::{Counter, Histogram};
use super::{Series, State};
use crate::encode::unix_nanos;
use crate::export::Batch;

/// Makes a batch of all metrics that have a value; `None` before the first call.
pub(super) fn batch(state: &State) -> Option<Batch> {
    let metrics = metrics(state, SystemTime::now());
    if metrics.is_empty() {
        return None;
    }
    let count = metrics.len();
    // Without a scope, this encodes to the metrics alone.
    let encoded = ScopeMetrics {
        metrics,
        ..ScopeMetrics::default()
    };
    Some(Batch::new(count, encoded.encode_to_vec()))
}

fn metrics(state: &State, now: SystemTime) -> Vec<Metric> {
    let all = state
        .series
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let collector = Collector {
        series: all,
        start: unix_nanos(state.began_wall),
        now: unix_nanos(now),
    };
    let metrics = [
        collector.sum(
            "faas.invocations",
            "Number of successful invocations.",
            "{invocation}",
            |series| &series.invocations,
        ),
        collector.sum(
            "faas.errors",
            "Number of invocation errors.",
            "{error}",
            |series| &series.errors,
        ),
        collector.sum(
            "faas.timeouts",
            "Number of invocation timeouts.",
            "{timeout}",
            |series| &series.timeouts,
        ),
        collector.sum(
            "faas.coldstarts",
            "Number of invocation cold starts.",
            "{coldstart}",
            |series| &series.coldstarts,
        ),
        collector.histogram(
            "faas.invoke_duration",
            "Measures the duration of the function's logic execution.",
            "s",
            |series| &series.invoke_duration,
        ),
        collector.histogram(
            "faas.init_duration",
            "Measures the duration of the function's initialization, such as a cold start.",
            "s",
            |series| &series.init_duration,
        ),
        collector.histogram(
            "faas.mem_usage",
            "Distribution of max memory usage per invocation.",
            "By",
            |series| &series.mem_usage,
        ),
    ];
    metrics.into_iter().flatten().collect()
}

struct Collector {
    series: Vec<&'static Series>,
    start: u64,
    now: u64,
}

impl Collector {
    /// Makes a sum; `None` if there is no series yet.
    fn sum(&self, name: &str, description: &str, unit: &str, of: fn(&Series) -> &Counter) -> Option<Metric> {
        let point = |series: &&'static Series| {
            let value = of(series).value();
            NumberDataPoint {
                attributes: series.attributes(),
                start_time_unix_nano: self.start,
                time_unix_nano: self.now,
                value: Some(number_data_point::Value::AsInt(
                    i64::try_from(value).unwrap_or(i64::MAX),
                )),
                ..NumberDataPoint::default()
            }
        };
        let points: Vec<_> = self.series.iter().map(point).collect();
        (!points.is_empty()).then(|| {
            let data = Sum {
                data_points: points,
                aggregation_temporality: AggregationTemporality::Cumulative as i32,
                is_monotonic: true,
            };
            described(name, description, unit, metric::Data::Sum(data))
        })
    }

    /// Makes a histogram; `None` if nothing was recorded yet.
    fn histogram(
        &self,
        name: &str,
        description: &str,
        unit: &str,
        of: fn(&Series) -> &Histogram,
    ) -> Option<Metric> {
        let point = |series: &&'static Series| {
            let recorded = of(series).snapshot();
            let count = recorded.count();
            (count > 0).then(|| HistogramDataPoint {
                attributes: series.attributes(),
                start_time_unix_nano: self.start,
                time_unix_nano: self.now,
                count,
                sum: Some(recorded.sum),
                bucket_counts: recorded.buckets,
                explicit_bounds: recorded.bounds.to_vec(),
                ..HistogramDataPoint::default()
            })
        };
        let points: Vec<_> = self.series.iter().filter_map(point).collect();
        (!points.is_empty()).then(|| {
            let data = HistogramData {
                data_points: points,
                aggregation_temporality: AggregationTemporality::Cumulative as i32,
            };
            described(name, description, unit, metric::Data::Histogram(data))
        })
    }
}

impl Series {
    fn attributes(&self) -> Vec<KeyValue> {
        let pairs = [("faas.name", self.faas_name), ("faas.trigger", self.trigger)];
        let pair = |(key, value): (&str, &str)| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue {
                value: Some(any_value::Value::StringValue(value.to_owned())),
            }),
            ..KeyValue::default()
        };
        pairs.into_iter().map(pair).collect()
    }
}

fn described(name: &str, description: &str, unit: &str, data: metric::Data) -> Metric {
    Metric {
        name: name.to_owned(),
        description: description.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}
