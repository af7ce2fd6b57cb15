//! When the hooks and the function of a call began and ended.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Times in ticks, of which those who have the clock know the length; 0 is unknown.
#[derive(Debug, Default)]
pub(crate) struct Times {
    began: AtomicU64,
    entered: AtomicU64,
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

    /// Returns the ticks from the last pre hook to the outcome; `None` if the function was not called.
    pub(crate) fn function(&self) -> Option<u64> {
        match (self.entered.load(Relaxed), self.left.load(Relaxed)) {
            (0, _) | (_, 0) => None,
            (entered, left) => Some(left.saturating_sub(entered)),
        }
    }
}
