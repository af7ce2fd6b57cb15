//! When to replace a worker that is unhealthy, has reached a limit, or lacks functions: never in a loop, and for a limit one at a
//! time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::limits::ReachedLimit;

/// The least time between two replacements of a slot's workers: a successor may be no better than its predecessor.
pub(super) const REPLACEMENT_PAUSE: Duration = Duration::from_secs(10);

/// The longest time between two replacements of workers that have too much memory soon after they begin.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The first and the longest time until a worker is replaced that could not load what an earlier one had loaded.
const LOST_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Why a worker is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It cannot go on serving.
    Unhealthy,
    /// It has reached this limit.
    Limit(ReachedLimit),
    /// It could not load functions that an earlier worker had loaded.
    LostFunctions,
}

/// A worker that is to be replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingReplacement {
    /// Not before this time.
    pub(super) at: Instant,
    pub(super) cause: Cause,
}

impl PendingReplacement {
    /// Waits until a successor may start; without a pending replacement, forever. For a limit, that is when no other worker of
    /// the host is being replaced for one, as each needs the memory of two meanwhile. Ends the pending state. Cancel-safe.
    pub(super) async fn turn(
        pending: &mut Option<PendingReplacement>,
        turns: &Arc<Semaphore>,
    ) -> (Cause, Option<OwnedSemaphorePermit>) {
        let Some(PendingReplacement { at, cause }) = *pending else {
            return std::future::pending().await;
        };
        sleep_until(at).await;
        let turn = match cause {
            // It is never closed.
            Cause::Limit(_) => Arc::clone(turns).acquire_owned().await.ok(),
            Cause::Unhealthy | Cause::LostFunctions => None,
        };
        *pending = None;
        (cause, turn)
    }
}

/// How soon one replacement follows another in a slot.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the worker became ready.
    since: Instant,
    /// Whether it has replaced another one.
    is_successor: bool,
    /// How long a worker with too much memory stays at least.
    memory_pause: Duration,
    /// How long a worker that lacks functions stays at least.
    lost_pause: Duration,
    has_warned: bool,
}

impl Pace {
    /// Returns the pace of a slot whose first worker has been ready since then.
    pub(super) fn new(since: Instant) -> Self {
        Pace {
            since,
            is_successor: false,
            memory_pause: REPLACEMENT_PAUSE,
            lost_pause: LOST_PAUSES.0,
            has_warned: false,
        }
    }

    /// Begins the time of a successor.
    pub(super) fn replaced(&mut self, since: Instant) {
        self.since = since;
        self.is_successor = true;
    }

    /// Returns when a worker that is unhealthy now may be replaced.
    pub(super) fn of_unhealthy(&self, now: Instant) -> Instant {
        self.not_before(REPLACEMENT_PAUSE, now)
    }

    /// Returns how long a worker that lacks functions stays now: each time twice as long.
    pub(super) fn of_lost(&mut self) -> Duration {
        let pause = self.lost_pause;
        self.lost_pause = (2 * pause).min(LOST_PAUSES.1);
        pause
    }

    /// Begins with the first pause again, as the worker has all functions.
    pub(super) fn forget_lost(&mut self) {
        self.lost_pause = LOST_PAUSES.0;
    }

    /// Has a worker replaced that has reached this limit now, unless it is to be replaced before that anyway.
    pub(super) fn add_limit(
        &mut self,
        pending: &mut Option<PendingReplacement>,
        worker: u32,
        reached: ReachedLimit,
    ) {
        let at = self.of_limit(worker, reached, Instant::now());
        // The limit of a time may be due before the pause for another one has ended.
        if pending.as_ref().is_none_or(|pending| at < pending.at) {
            *pending = Some(PendingReplacement {
                at,
                cause: Cause::Limit(reached),
            });
        }
    }

    /// Returns when a worker that has reached this limit now may be replaced. Warns if that is not at once.
    fn of_limit(&mut self, worker: u32, reached: ReachedLimit, now: Instant) -> Instant {
        let served = (now - self.since).as_secs_f64();
        match reached {
            // It is a pause of its own.
            ReachedLimit::Lifetime(_) => now,
            ReachedLimit::Requests(_) => {
                let pause = REPLACEMENT_PAUSE;
                let at = self.not_before(pause, now);
                if at > now && !std::mem::replace(&mut self.has_warned, true) {
                    tracing::warn!(
                        "worker {worker} {reached} within {served:.1} s; it serves for {pause:?} at least, as do its \
                         successors: raise the limit"
                    );
                }
                at
            }
            ReachedLimit::Memory { at_start, .. } => {
                let pause = self.memory_pause;
                let at = match at_start {
                    true => self.since + pause,
                    false => self.not_before(pause, now),
                };
                if at <= now {
                    self.memory_pause = REPLACEMENT_PAUSE;
                    return now;
                }
                self.memory_pause = (2 * pause).min(LONGEST_PAUSE);
                tracing::warn!(
                    "worker {worker} {reached} only {served:.1} s after its start; it serves for {pause:?}, and its \
                     successor for {:?} if that has as much: raise the limit if the app needs it",
                    self.memory_pause
                );
                at
            }
        }
    }

    /// Returns now, or when a successor has served for this long.
    fn not_before(&self, pause: Duration, now: Instant) -> Instant {
        match self.is_successor {
            true => now.max(self.since + pause),
            false => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_too_large_again_at_once_serves_longer_each_time() {
        let reached = |at_start| ReachedLimit::Memory {
            has: 200,
            limit: 100,
            at_start,
        };
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for expected in [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600] {
            let at = pace.of_limit(0, reached(true), now);
            assert_eq!((at - now).as_secs(), expected);
            now = at;
            pace.replaced(now);
        }
        // It has grown for a while.
        now += LONGEST_PAUSE;
        assert_eq!(pace.of_limit(0, reached(false), now), now);
        pace.replaced(now);
        now += Duration::from_secs(4);
        assert_eq!((pace.of_limit(0, reached(false), now) - now).as_secs(), 6);
    }

    #[test]
    fn of_several_reasons_the_earliest_counts() {
        let mut pace = Pace::new(Instant::now());
        pace.replaced(Instant::now());
        let mut pending = None;
        let memory = ReachedLimit::Memory {
            has: 200,
            limit: 100,
            at_start: true,
        };
        let lifetime = ReachedLimit::Lifetime(Duration::from_secs(3));
        for (reached, expected) in [
            (memory, memory),
            (lifetime, lifetime),
            (ReachedLimit::Requests(5), lifetime),
        ] {
            pace.add_limit(&mut pending, 0, reached);
            let found = pending.map(|pending| pending.cause);
            assert_eq!(found, Some(Cause::Limit(expected)), "after {reached}");
        }
    }

    #[test]
    fn the_first_replacement_is_at_once_and_others_after_a_pause_unless_it_is_for_the_time() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let grown = ReachedLimit::Memory {
            has: 200,
            limit: 100,
            at_start: false,
        };
        let lifetime = ReachedLimit::Lifetime(Duration::from_secs(1));
        for reached in [ReachedLimit::Requests(5), lifetime, grown] {
            assert_eq!(pace.of_limit(0, reached, now), now, "{reached}");
        }
        pace.replaced(now);
        assert_eq!(pace.of_limit(0, lifetime, now), now);
        assert_eq!(
            pace.of_limit(0, ReachedLimit::Requests(5), now),
            now + REPLACEMENT_PAUSE
        );
        assert_eq!(pace.of_unhealthy(now), now + REPLACEMENT_PAUSE);
    }
}
