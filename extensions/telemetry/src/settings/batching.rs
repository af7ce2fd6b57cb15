//! The queue in front of an exporter: how much waits, and for how long.

use std::time::Duration;

use super::variables::{number, size};
use super::{Settings, SettingsError, positive};

/// A person watches the console, so its lines must not wait for a batch to fill.
const CONSOLE_DELAY: Duration = Duration::from_millis(100);
/// The bytes that may wait for one exporter: thirty times a full queue of usual spans.
pub(super) const QUEUE_BYTES: usize = 64 << 20;

/// One exporter's queue.
#[derive(Debug, Clone, Copy)]
pub struct Batching {
    /// How many spans may wait.
    pub queue: usize,
    /// How many bytes of spans may wait or be on their way.
    pub queue_bytes: usize,
    /// How many spans are exported together, at most.
    pub batch: usize,
    /// How long a span waits for its batch to fill, at most.
    pub delay: Duration,
}

impl Batching {
    pub(super) fn resolve(
        settings: &Settings,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let queue = positive("queue", settings.queue)?
            .or_else(|| size(&env, "OTEL_BSP_MAX_QUEUE_SIZE"))
            .unwrap_or(2048);
        let batch = match positive("batch", settings.batch)? {
            Some(batch) if batch > queue => {
                return Err(SettingsError::BatchOverQueue { batch, queue });
            }
            Some(batch) => batch,
            None => size(&env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
                .unwrap_or(512)
                .min(queue),
        };
        let delay = positive("delay_ms", settings.delay_ms)?
            .or_else(|| number(&env, "OTEL_BSP_SCHEDULE_DELAY"))
            .unwrap_or(5000);
        Ok(Batching {
            queue,
            queue_bytes: positive("queue_bytes", settings.queue_bytes)?.unwrap_or(QUEUE_BYTES),
            batch,
            delay: Duration::from_millis(delay),
        })
    }

    /// The same for the console, which is prompt unless the settings name a delay.
    pub(super) fn for_console(self, settings: &Settings) -> Self {
        let delay = match settings.delay_ms {
            Some(_) => self.delay,
            None => CONSOLE_DELAY,
        };
        Batching { delay, ..self }
    }
}
