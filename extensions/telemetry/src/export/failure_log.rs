//! An exporter's failures in the log: the first at once, then a summary a minute, then the recovery.

use std::fmt::Display;
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;

use crate::credentials::Credentials;
use crate::signal::Signal;

const LOGGED_EVERY: Duration = Duration::from_secs(60);

/// Lets one caller through each period, the first at once.
#[derive(Debug)]
pub(super) struct Throttle {
    every: Duration,
    last: Mutex<Option<Instant>>,
}

impl Throttle {
    pub(super) fn new(every: Duration) -> Self {
        Throttle {
            every,
            last: Mutex::new(None),
        }
    }

    /// Whether it is time. Never blocks: false for one of two threads that ask at once.
    pub(super) fn is_due(&self) -> bool {
        let mut last = match self.last.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let now = Instant::now();
        let due = last.is_none_or(|last| now.duration_since(last) >= self.every);
        if due {
            *last = Some(now);
        }
        due
    }
}

/// What an exporter has lost since it last worked.
#[derive(Debug)]
pub(crate) struct FailureLog {
    signal: Signal,
    target: String,
    lost: Lost,
    warnings: Throttle,
}

#[derive(Debug, Default)]
struct Lost {
    exports: u64,
    items: usize,
}

impl FailureLog {
    pub(crate) fn new(signal: Signal, target: &str) -> Self {
        FailureLog {
            signal,
            target: target.to_owned(),
            lost: Lost::default(),
            warnings: Throttle::new(LOGGED_EVERY),
        }
    }

    pub(crate) fn export_failed(&mut self, items: usize, error: &impl Display) {
        let lost = &mut self.lost;
        lost.exports += 1;
        lost.items += items;
        if self.warnings.is_due() {
            let noun = self.signal.items();
            tracing::warn!(
                "cannot export {noun} to {}: {error}; {} {noun} lost in {} exports since it last worked",
                self.target,
                lost.items,
                lost.exports
            );
        }
    }

    pub(crate) fn export_worked(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        if lost.exports > 0 {
            let noun = self.signal.items();
            tracing::info!(
                "exporting {noun} to {} works again; {} {noun} were lost in {} exports",
                self.target,
                lost.items,
                lost.exports
            );
        }
    }
}

/// The items that a receiver refuses of batches that it takes.
#[derive(Debug)]
pub(crate) struct RejectionLog {
    signal: Signal,
    /// What the receiver may repeat.
    credentials: Credentials,
    warnings: Throttle,
}

impl RejectionLog {
    pub(crate) fn new(signal: Signal, credentials: Credentials) -> Self {
        RejectionLog {
            signal,
            credentials,
            warnings: Throttle::new(LOGGED_EVERY),
        }
    }

    /// Returns how many items a response refuses, and logs the collector's reason; its remark on a batch that it took
    /// whole, too.
    pub(crate) fn read(&self, response: ExportTraceServiceResponse) -> usize {
        let partial = response.partial_success.unwrap_or_default();
        let rejected = usize::try_from(partial.rejected_spans).unwrap_or(0);
        self.log("the collector", rejected, &partial.error_message);
        rejected
    }

    /// Logs who refused items of a batch, and why.
    pub(crate) fn log(&self, who: &str, rejected: usize, reason: &str) {
        if (rejected > 0 || !reason.is_empty()) && self.warnings.is_due() {
            let (items, reason) = (self.signal.items(), self.credentials.hide(reason));
            tracing::warn!("{who} rejected {rejected} {items} of a batch: {reason}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_passes_each_period() {
        let throttle = Throttle::new(Duration::from_secs(3600));
        assert!(throttle.is_due(), "the first");
        assert!(!throttle.is_due(), "within the period");
        let throttle = Throttle::new(Duration::ZERO);
        assert!(
            throttle.is_due() && throttle.is_due(),
            "each in a period of its own"
        );
    }

    #[test]
    fn losses_add_up_until_it_works() {
        let mut failures = FailureLog::new(Signal::Traces, "nowhere");
        failures.export_failed(3, &"no route");
        failures.export_failed(4, &"no route");
        assert_eq!((failures.lost.exports, failures.lost.items), (2, 7));
        failures.export_worked();
        assert_eq!((failures.lost.exports, failures.lost.items), (0, 0));
    }
}
