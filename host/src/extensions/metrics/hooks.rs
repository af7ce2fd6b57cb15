//! What the hooks of all extensions did, as metrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::extensions::report::ExtensionReport;
use crate::extensions::statistics::{BUCKETS, HookStatistics, bucket_bound};

type Labels = Vec<(String, String)>;

/// What the hooks of all extensions did.
#[derive(Debug)]
pub(super) struct HookCollector(pub(super) Vec<ExtensionReport>);

impl HookCollector {
    fn hooks(&self) -> impl Iterator<Item = (Labels, &HookStatistics)> {
        self.0.iter().flat_map(|report| {
            report.hooks.iter().map(|(hook, statistics)| {
                let labels = [("extension", report.name.as_str()), ("hook", *hook)];
                let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
                (labels.to_vec(), statistics)
            })
        })
    }

    fn counter(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&HookStatistics) -> u64,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, statistics) in self.hooks() {
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(&of(statistics), None)?;
        }
        Ok(())
    }
}

impl Collector for HookCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        type Of = fn(&HookStatistics) -> u64;
        let counters: [(&str, &str, Of); 6] = [
            ("calls", "Calls of the hook.", |hook| hook.calls),
            ("errors", "Calls of the hook that returned an error.", |hook| {
                hook.errors
            }),
            ("panics", "Calls of the hook that panicked.", |hook| hook.panics),
            (
                "slow",
                "Calls of the hook that took longer than its budget.",
                |hook| hook.slow,
            ),
            (
                "answers",
                "Calls of the hook that answered instead of the function.",
                |hook| hook.answers,
            ),
            (
                "refusals",
                "Calls of the hook that refused the invocation.",
                |hook| hook.refusals,
            ),
        ];
        for (name, help, of) in counters {
            self.counter(&mut encoder, &format!("funcdock_extension_hook_{name}"), help, of)?;
        }
        let mut family = encoder.encode_descriptor(
            "funcdock_extension_hook_duration_seconds",
            "How long calls of the hook took.",
            None,
            MetricType::Histogram,
        )?;
        for (labels, statistics) in self.hooks() {
            let buckets: [(f64, u64); BUCKETS] =
                std::array::from_fn(|index| (bucket_bound(index), statistics.latencies[index]));
            let sum = statistics.total_us as f64 / 1e6;
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                sum,
                statistics.calls,
                &buckets,
                None,
            )?;
        }
        Ok(())
    }
}
