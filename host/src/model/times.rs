//! When the hooks and the function of a call began and ended, and when it waited.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Times in ticks, of which those who have the clock know the length; 0 is unknown.
#[derive(Debug, Default)]
pub(crate) struct Times {
    began: AtomicU64,
    entered: AtomicU64,
    queued: AtomicU64,
    started: AtomicU64,
    left: AtomicU64,
}

impl Times {
    /// Takes note of the begin of the first hook.
    #[inline]
    pub(crate) fn begin(&self, now: u64) {
        self.began.store(now, Relaxed);
    }

    /// Takes note of the end of the last pre hook.
    #[inline]
    pub(crate) fn enter(&self, now: u64) {
        self.entered.store(now, Relaxed);
    }

    /// Takes note that the call is with the runner.
    #[inline]
    pub(crate) fn queue(&self, now: u64) {
        self.queued.store(now, Relaxed);
    }

    /// Takes note that the runner begins the call.
    #[inline]
    pub(crate) fn start(&self, now: u64) {
        self.started.store(now, Relaxed);
    }

    /// Takes note of the outcome, the first time.
    #[inline]
    pub(crate) fn leave(&self, now: u64) {
        if self.left.load(Relaxed) == 0 {
            self.left.store(now, Relaxed);
        }
    }

    /// Returns the ticks since the first hook began; 0 if there was none.
    pub(crate) fn elapsed(&self, now: u64) -> u64 {
        match self.began.load(Relaxed) {
            0 => 0,
            began => now.saturating_sub(began),
        }
    }

    /// Returns the ticks for which the call waited before the runner began it, or waits until now; `None` if it was not with
    /// the runner.
    pub(crate) fn waited(&self, now: impl FnOnce() -> u64) -> Option<u64> {
        let queued = match self.queued.load(Relaxed) {
            0 => return None,
            queued => queued,
        };
        let until = match self.started.load(Relaxed) {
            0 => now(),
            started => started,
        };
        Some(until.saturating_sub(queued))
    }

    /// Returns the ticks from the last pre hook to the outcome; `None` if the function was not called.
    pub(crate) fn function(&self) -> Option<u64> {
        match (self.entered.load(Relaxed), self.left.load(Relaxed)) {
            (0, _) | (_, 0) => None,
            (entered, left) => Some(left.saturating_sub(entered)),
        }
    }
}
