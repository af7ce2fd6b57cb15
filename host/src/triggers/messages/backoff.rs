//! The time between two looks into a queue: none while there are messages, longer and longer while there are none.

use std::time::Duration;

/// The time after the first look that found nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// The time between two looks.
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Returns one that grows to `longest`.
    pub(super) fn new(longest: Duration) -> Self {
        Backoff {
            next: SHORTEST.min(longest),
            longest,
        }
    }

    /// Returns the time after a look that found so many messages.
    pub(super) fn after(&mut self, found: usize) -> Duration {
        if found > 0 {
            self.next = SHORTEST.min(self.longest);
            return Duration::ZERO;
        }
        let now = self.next;
        // Several hosts are not to look at the same times.
        let factor = 1.6 + 0.4 * fastrand::f64();
        self.next = now.mul_f64(factor).min(self.longest);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_while_nothing_is_found_and_begins_again() {
        let longest = Duration::from_secs(2);
        let mut backoff = Backoff::new(longest);
        assert_eq!(backoff.after(3), Duration::ZERO);
        let times: Vec<_> = (0..10).map(|_| backoff.after(0)).collect();
        assert_eq!(times[0], SHORTEST);
        assert!(times.is_sorted() && times[1] > times[0], "{times:?}");
        assert_eq!(times[9], longest);
        assert_eq!(backoff.after(1), Duration::ZERO);
        assert_eq!(backoff.after(0), SHORTEST);
        let mut short = Backoff::new(Duration::from_millis(50));
        assert_eq!(short.after(0), Duration::from_millis(50));
    }
}
