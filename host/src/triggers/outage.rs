//! Tells of a storage service that does not answer: once when it begins, and once when it is over.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The time until the first attempt after a failure, and the longest one.
const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Whether a service answers.
pub(super) struct Outage {
    /// What does not come without it.
    subject: String,
    /// Since when it does not answer.
    since: Option<Instant>,
    delay: Duration,
}

impl Outage {
    /// Returns that it answers. `subject` is what does not come when it does not, as the subject of a sentence in the plural.
    pub(super) fn new(subject: String) -> Self {
        Outage {
            subject,
            since: None,
            delay: DELAYS.0,
        }
    }

    /// Notes that an attempt has failed; returns the time until the next one.
    pub(super) fn failed(&mut self, error: &impl Display) -> Duration {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            tracing::error!(
                "{} cannot be received: {error}; trying again until it works",
                self.subject
            );
        } else {
            tracing::debug!("{} cannot be received: {error}", self.subject);
        }
        let delay = self.delay;
        self.delay = (delay * 2).min(DELAYS.1);
        delay
    }

    /// Notes that an attempt has worked.
    pub(super) fn ended(&mut self) {
        if let Some(since) = self.since.take() {
            self.delay = DELAYS.0;
            tracing::info!(
                "{} are received again, after {} s",
                self.subject,
                since.elapsed().as_secs()
            );
        }
    }
}
