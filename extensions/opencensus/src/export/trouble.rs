//! An exporter's trouble in the log: the first failure at once, then a summary a minute, and the recovery.

use std::fmt::Display;
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;

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

    /// Whether it is time. Never blocks: where two ask at once, one is told no.
    pub(super) fn now(&self) -> bool {
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

/// What an exporter lost since it last worked.
#[derive(Debug)]
pub(crate) struct Trouble {
    signal: Signal,
    target: String,
    lost: Lost,
    mention: Throttle,
}

#[derive(Debug, Default)]
struct Lost {
    exports: u64,
    items: usize,
}

impl Trouble {
    pub(crate) fn new(signal: Signal, target: &str) -> Self {
        Trouble {
            signal,
            target: target.to_owned(),
            lost: Lost::default(),
            mention: Throttle::new(LOGGED_EVERY),
        }
    }

    pub(crate) fn failed(&mut self, items: usize, error: &impl Display) {
        let lost = &mut self.lost;
        lost.exports += 1;
        lost.items += items;
        if self.mention.now() {
            let noun = self.signal.items();
            tracing::warn!(
                "cannot export {noun} to {}: {error}; {} {noun} lost in {} exports since it last worked",
                self.target,
                lost.items,
                lost.exports
            );
        }
    }

    pub(crate) fn worked(&mut self) {
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

/// What a collector refuses of batches that it takes.
#[derive(Debug)]
pub(super) struct Rejections {
    signal: Signal,
    mention: Throttle,
}

impl Rejections {
    pub(super) fn new(signal: Signal) -> Self {
        Rejections {
            signal,
            mention: Throttle::new(LOGGED_EVERY),
        }
    }

    /// How many items an answer refuses. The collector's reason goes to the log, and so does what it has to say of
    /// a batch that it took whole.
    pub(super) fn read(&self, answer: ExportTraceServiceResponse) -> usize {
        let partial = answer.partial_success.unwrap_or_default();
        let rejected = usize::try_from(partial.rejected_spans).unwrap_or(0);
        self.mention("the collector", rejected, &partial.error_message);
        rejected
    }

    /// Says what somebody rejected of a batch, and why.
    pub(super) fn mention(&self, who: &str, rejected: usize, reason: &str) {
        if (rejected > 0 || !reason.is_empty()) && self.mention.now() {
            let items = self.signal.items();
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
        assert!(throttle.now(), "the first");
        assert!(!throttle.now(), "within the period");
        let throttle = Throttle::new(Duration::ZERO);
        assert!(throttle.now() && throttle.now(), "each in a period of its own");
    }

    #[test]
    fn losses_add_up_until_it_works() {
        let mut trouble = Trouble::new(Signal::Traces, "nowhere");
        trouble.failed(3, &"no route");
        trouble.failed(4, &"no route");
        assert_eq!((trouble.lost.exports, trouble.lost.items), (2, 7));
        trouble.worked();
        assert_eq!((trouble.lost.exports, trouble.lost.items), (0, 0));
    }
}
