//! When to restart a dead worker: at once, then after growing delays. Not at all if it cannot start.

use std::time::Duration;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// A worker that was ready for this long was healthy: its earlier deaths no longer count.
const HEALTHY: Duration = Duration::from_secs(30);
/// The number of failed starts in a row after which the host gives up.
const MAX_FAILED_STARTS: u32 = 5;

/// The history of one worker slot.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    was_ready: bool,
    deaths: u32,
    failed_starts: u32,
}

/// What to do after the death of a worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Start another worker after this delay.
    Restart(Duration),
    /// Stop the host: the first start failed, or this many in a row.
    GiveUp(u32),
}

impl Backoff {
    /// Counts a death. `ready_for` is how long the worker was ready; `None` if it never was.
    pub(super) fn died(&mut self, ready_for: Option<Duration>) -> Next {
        match ready_for {
            None => {
                self.failed_starts += 1;
                if !self.was_ready || self.failed_starts >= MAX_FAILED_STARTS {
                    return Next::GiveUp(self.failed_starts);
                }
            }
            Some(time) => {
                self.was_ready = true;
                self.failed_starts = 0;
                if time >= HEALTHY {
                    self.deaths = 0;
                }
            }
        }
        self.deaths += 1;
        Next::Restart(match self.deaths {
            1 => Duration::ZERO,
            // The limit of the exponent keeps the multiplication in range.
            deaths => (FIRST_DELAY * 2u32.pow((deaths - 2).min(16))).min(LONGEST_DELAY),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Option<Duration> = Some(Duration::from_secs(29));
    const LONG: Option<Duration> = Some(HEALTHY);

    fn restart(milliseconds: u64) -> Next {
        Next::Restart(Duration::from_millis(milliseconds))
    }

    #[test]
    fn the_first_start_has_one_chance() {
        assert_eq!(Backoff::default().died(None), Next::GiveUp(1));
    }

    #[test]
    fn delays_double_up_to_ten_seconds_and_stay_there() {
        let mut backoff = Backoff::default();
        for expected in [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
            assert_eq!(backoff.died(SHORT), restart(expected));
        }
        for _ in 0..100 {
            assert_eq!(backoff.died(SHORT), restart(10_000));
        }
    }

    #[test]
    fn half_a_minute_of_health_resets_the_delay() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.died(SHORT), restart(0));
        assert_eq!(backoff.died(SHORT), restart(100));
        assert_eq!(backoff.died(LONG), restart(0));
        assert_eq!(backoff.died(SHORT), restart(100));
    }

    #[test]
    fn five_failed_starts_in_a_row_are_the_end_and_a_success_resets_the_count() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.died(SHORT), restart(0));
        for expected in [100, 200, 400, 800] {
            assert_eq!(backoff.died(None), restart(expected));
        }
        assert_eq!(backoff.died(SHORT), restart(1600));
        for expected in [3200, 6400, 10_000, 10_000] {
            assert_eq!(backoff.died(None), restart(expected));
        }
        assert_eq!(backoff.died(None), Next::GiveUp(5));
    }
}
