//! The histogram behind an extension's handle: atomics, as its hooks record on the way of every call.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Counts how many values fall into each range. Clones share their counts.
#[derive(Debug, Clone)]
pub(super) struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Upper bounds, which lie in their buckets, ascending; the last bucket has none.
    bounds: Box<[f64]>,
    buckets: Box<[AtomicU64]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl Histogram {
    pub(super) fn new(bounds: &[f64]) -> Self {
        Histogram(Arc::new(Inner {
            bounds: bounds.into(),
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0.0_f64.to_bits()),
        }))
    }

    pub(super) fn record(&self, value: f64) {
        let Inner { bounds, buckets, sum } = &*self.0;
        // There are few bounds, and mostly one of the first fits.
        let bucket = bounds.iter().take_while(|bound| value > **bound).count();
        buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let add = |sum: u64| Some((f64::from_bits(sum) + value).to_bits());
        // The closure always has a next value.
        let _ = sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl EncodeMetric for Histogram {
    /// Other threads may record meanwhile, so the sum may differ from the buckets by a few values.
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Inner { bounds, buckets, sum } = &*self.0;
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        let counts = buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = f64::from_bits(sum.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn nothing_is_lost_between_threads() {
        let histogram = Histogram::new(&[1.0, 2.5]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for value in [0.5, 1.0, 2.5, 3.0] {
                        histogram.record(value);
                    }
                });
            }
        });
        let mut registry = Registry::default();
        registry.register("h", "help", histogram);
        let mut text = String::new();
        encode(&mut text, &registry).expect("a String takes it");
        for line in [
            "h_sum 28.0",
            "h_count 16",
            r#"h_bucket{le="1.0"} 8"#,
            r#"h_bucket{le="2.5"} 12"#,
            r#"h_bucket{le="+Inf"} 16"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
