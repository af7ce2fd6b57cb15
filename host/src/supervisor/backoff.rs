//! When to restart a dead worker: at once, then after growing delays. Not at all if it cannot start.

use std::time::Duration;

use tokio::time::Instant;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// A worker that was ready for this long was healthy: its earlier deaths no longer count.
const HEALTHY: Duration = Duration::from_secs(30);
/// How long starts may fail in a row until the host gives up: what the app needs at its start, such as a database, is often back
/// within this time.
const FAILING: Duration = Duration::from_secs(60);

/// The history of one worker slot.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    was_ready: bool,
    deaths: u32,
    failed_starts: u32,
    /// When the first of the failed starts failed.
    failing_since: Option<Instant>,
}

/// What to do after the death of a worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Start another worker after this delay.
    Restart(Duration),
    /// Stop the host: the first start failed, or this many in a row, for a minute.
    GiveUp(u32),
}

impl Backoff {
    /// Counts a death. `ready_for` is how long the worker was ready; `None` if it never was.
    pub(super) fn died(&mut self, ready_for: Option<Duration>, now: Instant) -> Next {
        match ready_for {
            None => {
                self.failed_starts += 1;
                let since = *self.failing_since.get_or_insert(now);
                if !self.was_ready || now - since >= FAILING {
                    return Next::GiveUp(self.failed_starts);
                }
            }
            Some(time) => {
                self.was_ready = true;
                self.failed_starts = 0;
                self.failing_since = None;
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
        assert_eq!(Backoff::default().died(None, Instant::now()), Next::GiveUp(1));
    }

    #[test]
    fn delays_double_up_to_ten_seconds_and_stay_there() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        for expected in [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
            assert_eq!(backoff.died(SHORT, now), restart(expected));
        }
        for _ in 0..100 {
            assert_eq!(backoff.died(SHORT, now), restart(10_000));
        }
    }

    #[test]
    fn half_a_minute_of_health_resets_the_delay() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.died(SHORT, now), restart(0));
        assert_eq!(backoff.died(SHORT, now), restart(100));
        assert_eq!(backoff.died(LONG, now), restart(0));
        assert_eq!(backoff.died(SHORT, now), restart(100));
    }

    #[test]
    fn a_minute_of_failed_starts_is_the_end_and_a_success_resets_it() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.died(SHORT, now), restart(0));
        for expected in [100, 200, 400, 800] {
            assert_eq!(backoff.died(None, now), restart(expected));
        }
        now += FAILING;
        assert_eq!(backoff.died(SHORT, now), restart(1600));
        for expected in [3200, 6400, 10_000, 10_000] {
            assert_eq!(backoff.died(None, now), restart(expected));
        }
        now += FAILING;
        assert_eq!(backoff.died(None, now), Next::GiveUp(5));
        // Another worker serves, and this one is tried again each minute.
        now += FAILING;
        assert_eq!(backoff.died(None, now), Next::GiveUp(6));
    }
}
