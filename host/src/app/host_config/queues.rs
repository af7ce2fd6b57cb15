//! `extensions.queues` of host.json.

use std::time::Duration;

use super::super::error::Problem;
use super::super::json::Item;
use super::super::values::{one_of, time_span};
use super::super::{MessageEncoding, QueuesConfig};

/// The most messages that the service gives at once.
const MOST: i64 = 32;

/// Reads the section.
pub(super) fn read(section: &Item<'_>) -> Result<QueuesConfig, Problem> {
    let mut config = QueuesConfig::default();
    if let Some(size) = section.get("batchSize")? {
        config.batch_size = size.integer(1..=MOST, "a whole number from 1 to 32")? as usize;
        config.new_batch_threshold = config.batch_size / 2;
    }
    if let Some(threshold) = section.get("newBatchThreshold")? {
        config.new_batch_threshold =
            threshold.integer(0..=10_000, "a whole number from 0 to 10000")? as usize;
    }
    if let Some(count) = section.get("maxDequeueCount")? {
        config.max_dequeue_count = count.integer(1..=1_000_000, "a whole number from 1 on")? as u32;
    }
    if let Some(interval) = section.get("maxPollingInterval")? {
        config.max_polling_interval = polling_interval(&interval)?;
    }
    if let Some(timeout) = section.get("visibilityTimeout")? {
        const EXPECTED: &str = "a time \"hh:mm:ss\" of at most seven days";
        let text = timeout.scalar_text().map_err(|_| timeout.wrong_type(EXPECTED))?;
        let time = time_span(text).filter(|time| *time <= Duration::from_secs(7 * 24 * 60 * 60));
        config.visibility_timeout = time.ok_or_else(|| timeout.wrong_value(EXPECTED))?;
    }
    if let Some(encoding) = section.get("messageEncoding")? {
        config.encoding = match one_of(&encoding, &["base64", "none"])?.as_str() {
            "base64" => MessageEncoding::Base64,
            _ => MessageEncoding::None,
        };
    }
    Ok(config)
}

/// A number is milliseconds, as in version 1 of the file.
fn polling_interval(item: &Item<'_>) -> Result<Duration, Problem> {
    const EXPECTED: &str =
        "a time \"hh:mm:ss\" of at least 00:00:00.1, or a number of milliseconds from 100 on";
    let text = item.scalar_text().map_err(|_| item.wrong_type(EXPECTED))?;
    let milliseconds = text.parse().ok().map(Duration::from_millis);
    let time = milliseconds.or_else(|| time_span(text));
    let time = time.filter(|time| *time >= Duration::from_millis(100));
    time.ok_or_else(|| item.wrong_value(EXPECTED))
}
