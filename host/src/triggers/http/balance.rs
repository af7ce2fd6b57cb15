//! Which worker takes a new connection: this one, or another that has fewer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::control::{Load, OwnLoad};
use crate::triggers::Calls;

/// The time that other workers have to take a connection that is theirs. On a busy machine they may need it to wake.
const TURN: Duration = Duration::from_millis(50);

/// The time between two looks whether a connection is still the others'.
const STEP: Duration = Duration::from_millis(2);

/// The number of turns for which a worker without an idle place leaves a connection to one that has some.
const TURNS_WHEN_FULL: u32 = 4;

/// The number of turns in a row after which others that have taken nothing count as hanging.
const MISSED: u32 = 4;

/// The time for which nothing is left to workers that hang.
const WITHOUT_OTHERS: Duration = Duration::from_secs(1);

/// Decides for one worker.
pub(super) struct Balance {
    share: Arc<Share>,
    churn: Churn,
    /// The number of turns in a row that others have missed.
    missed: u32,
    /// Until then, nothing is left to the others.
    alone_until: Option<Instant>,
}

impl Balance {
    /// Returns the balance of a worker that takes no connections yet. An only worker has no load to compare.
    pub(super) fn new(load: Option<OwnLoad>) -> Self {
        Balance {
            share: Arc::new(Share {
                connections: AtomicU32::new(0),
                ended: AtomicU32::new(0),
                is_open: AtomicBool::new(false),
                load,
            }),
            churn: Churn::new(Instant::now()),
            missed: 0,
            alone_until: None,
        }
    }

    /// Tells the others whether this worker takes connections.
    pub(super) fn set_open(&self, is_open: bool) {
        self.share.is_open.store(is_open, Ordering::Relaxed);
        self.share.tell(false);
    }

    /// Whether another worker takes connections.
    pub(super) fn has_others(&self) -> bool {
        self.share.least_of_others().is_some()
    }

    /// Counts a connection until what this returns is dropped.
    pub(super) fn count(&self) -> Counted {
        self.share.connections.fetch_add(1, Ordering::Relaxed);
        self.share.tell(false);
        Counted(Arc::clone(&self.share))
    }

    /// Waits until a connection that has arrived is for this worker, or the others have had the time to take it.
    pub(super) async fn wait_for_turn(&mut self, calls: &Calls) {
        let turns = self.turns(calls);
        if turns == 0 {
            return;
        }
        let before = self.share.least_of_others();
        let end = Instant::now() + turns * TURN;
        while Instant::now() < end {
            tokio::time::sleep(STEP).await;
            if self.turns(calls) == 0 {
                return;
            }
        }
        // If they have taken others meanwhile, they are only busy.
        self.missed = if before == self.share.least_of_others() {
            self.missed + 1
        } else {
            0
        };
        if self.missed >= MISSED {
            self.missed = 0;
            self.alone_until = Some(Instant::now() + WITHOUT_OTHERS);
        }
    }

    /// Returns for how many turns the next connection is left to the other workers.
    fn turns(&mut self, calls: &Calls) -> u32 {
        if self.share.load.is_none() {
            return 0;
        }
        let own = Load {
            is_full: !calls.has_idle_place(),
            connections: self.share.connections.load(Ordering::Relaxed),
        };
        self.share.tell(own.is_full);
        let now = Instant::now();
        let is_churning = self.churn.look(now, self.share.ended.load(Ordering::Relaxed));
        let is_alone = self.alone_until.is_some_and(|until| now < until);
        match self.share.least_of_others() {
            // One that only wakes late may be idle, and a call here would have to wait for another one.
            Some(least) if own.is_full || !(is_alone || is_churning) => turns(own, least),
            _ => 0,
        }
    }
}

/// Returns for how many turns a worker leaves a connection to one with the load `least`. A quarter more connections are still
/// even: it lets a burst of them in without many turns.
fn turns(own: Load, least: Load) -> u32 {
    match (own.is_full, least.is_full) {
        (true, false) => TURNS_WHEN_FULL,
        (false, true) => 0,
        _ => u32::from(own.connections > least.connections + least.connections / 4),
    }
}

/// Whether connections come and go so fast that waiting for others would cost more than it evens out.
struct Churn {
    began: Instant,
    /// The number of connections that had ended then.
    ended: u32,
    /// The number of windows in a row in which many have ended. Many may end once without a churn: a proxy stops.
    windows: u32,
}

impl Churn {
    const WINDOW: Duration = Duration::from_millis(250);
    /// The number of connections that end in a window of a churn.
    const MANY: u32 = 60;

    fn new(now: Instant) -> Self {
        Churn {
            began: now,
            ended: 0,
            windows: 0,
        }
    }

    /// Looks how many connections have ended in all.
    fn look(&mut self, now: Instant, ended: u32) -> bool {
        let elapsed = now.saturating_duration_since(self.began);
        if elapsed >= Self::WINDOW {
            let is_long = elapsed >= 2 * Self::WINDOW;
            let is_many = ended.wrapping_sub(self.ended) >= Self::MANY && !is_long;
            self.windows = if is_many { self.windows + 1 } else { 0 };
            (self.began, self.ended) = (now, ended);
        }
        self.windows >= 2
    }
}

/// The connections of this worker, beside those of the others.
struct Share {
    connections: AtomicU32,
    /// The number of connections that have ended; wraps around.
    ended: AtomicU32,
    /// Whether it takes connections.
    is_open: AtomicBool,
    load: Option<OwnLoad>,
}

impl Share {
    fn tell(&self, is_full: bool) {
        if let Some(load) = &self.load {
            let own = Load {
                is_full,
                connections: self.connections.load(Ordering::Relaxed),
            };
            load.set(self.is_open.load(Ordering::Relaxed).then_some(own));
        }
    }

    fn least_of_others(&self) -> Option<Load> {
        self.load.as_ref()?.least_of_others()
    }
}

/// A connection that counts, until it is dropped.
pub(super) struct Counted(Arc<Share>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.ended.fetch_add(1, Ordering::Relaxed);
        self.0.tell(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn load(is_full: bool, connections: u32) -> Load {
        Load { is_full, connections }
    }

    #[test]
    fn a_worker_takes_a_quarter_more_than_the_least() {
        for (least, most) in [(0, 0), (1, 1), (3, 3), (4, 5), (16, 20)] {
            // One more than these is what a worker ends up with.
            let at = |connections| turns(load(false, connections), load(false, least));
            assert_eq!((at(most), at(most + 1)), (0, 1), "beside {least}");
        }
    }

    #[test]
    fn one_that_is_full_comes_after_one_that_is_not() {
        assert_eq!(turns(load(true, 0), load(false, 9)), TURNS_WHEN_FULL);
        assert_eq!(turns(load(false, 9), load(true, 0)), 0);
        assert_eq!(turns(load(true, 0), load(true, 9)), 0);
        assert_eq!(turns(load(true, 9), load(true, 0)), 1);
    }

    #[test]
    fn only_many_ends_in_a_row_are_a_churn() {
        let began = Instant::now();
        let mut churn = Churn::new(began);
        let mut look = |milliseconds, ended| churn.look(began + Duration::from_millis(milliseconds), ended);
        assert!(!look(260, 1000), "a proxy has stopped");
        assert!(!look(520, 1059), "few more");
        assert!(!look(780, 1200));
        assert!(look(1040, 1300), "many again");
        assert!(look(1100, 1300), "still in that window");
        assert!(!look(5000, 2000), "many in a long time");
    }
}
