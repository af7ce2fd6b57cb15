//! Tells of a storage service that does not answer: once when it begins, and once when it is over.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The time until the first attempt after a failure, and the longest one.
const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Whether a service answers.
pub(super) struct Outage {
    /// What does not come without it.
    subject: String,
    /// What is done with that, as a participle.
    verb: &'static str,
    /// Since when it does not answer.
    since: Option<Instant>,
    delay: Duration,
}

impl Outage {
    /// Returns that it answers. `subject` is what does not come when it does not, as the subject of a sentence in the plural.
    pub(super) fn new(subject: String) -> Self {
        Outage::with_verb(subject, "received")
    }

    /// As [`Outage::new`], for what is not received, but made, for one.
    pub(super) fn with_verb(subject: String, verb: &'static str) -> Self {
        Outage {
            subject,
            verb,
            since: None,
            delay: DELAYS.0,
        }
    }

    /// Notes that an attempt has failed; returns the time until the next one.
    pub(super) fn failed(&mut self, error: &impl Display) -> Duration {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            tracing::error!(
                "{} cannot be {}: {error}; trying again until it works",
                self.subject,
                self.verb
            );
        } else {
            tracing::debug!("{} cannot be {}: {error}", self.subject, self.verb);
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
                "{} are {} again, after {} s",
                self.subject,
                self.verb,
                since.elapsed().as_secs()
            );
        }
    }
}
