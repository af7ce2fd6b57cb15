//! Outcomes on their way from the runner's threads to the calls that wait for them.
//!
//! Waking the serving thread costs a system call on one side and a switch of threads on the other, as much as the rest
//! of a short call. So a runner that has more to do right away says so, and its outcomes are then signalled in batches.
//! Lest one waits while what follows it takes long, the receiving side also looks by itself, every [`TICK`], for as long
//! as anything comes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::waiters::{Ticket, Waiters};
use crate::model::Outcome;

/// The longest that an outcome waits unsignalled.
const TICK: Duration = Duration::from_millis(1);

/// How many outcomes wait unsignalled at most.
const BATCH: usize = 16;

/// Where a runner leaves the outcomes of calls.
#[derive(Default)]
pub struct Completions {
    done: Mutex<Vec<(Ticket, Outcome)>>,
    /// The receiving side looks by itself: an outcome may wait for that.
    looking: AtomicBool,
    /// The receiving side was woken and has not looked yet.
    signalled: AtomicBool,
    arrived: Notify,
    pub(super) waiters: Waiters,
}

impl Completions {
    /// Hands over the outcome of a call. `more` says that the caller goes on to the next call at once. Only the first
    /// outcome of a call counts, and none of a call that was given up. From any thread.
    pub fn push(&self, ticket: Ticket, outcome: Outcome, more: bool) {
        let mut done = self.lock();
        done.push((ticket, outcome));
        let may_wait = more && done.len() < BATCH;
        drop(done);
        if may_wait && self.looking.load(Ordering::SeqCst) {
            return;
        }
        if !self.signalled.swap(true, Ordering::AcqRel) {
            self.arrived.notify_one();
        }
    }

    /// Hands outcomes to the calls that wait for them. Never returns.
    pub(super) async fn deliver(&self) {
        let mut batch = Vec::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let ticked = tokio::select! {
                biased;
                () = self.arrived.notified() => false,
                _ = ticks.tick(), if self.looking.load(Ordering::Relaxed) => true,
            };
            // Before the batch is taken: what is pushed after that signals anew.
            self.signalled.store(false, Ordering::Release);
            self.take(&mut batch);
            if ticked && batch.is_empty() {
                self.looking.store(false, Ordering::SeqCst);
                // Whatever was pushed before the pusher could see that.
                self.take(&mut batch);
            } else if !ticked {
                self.looking.store(true, Ordering::SeqCst);
                ticks.reset();
            }
            for (ticket, outcome) in batch.drain(..) {
                self.waiters.complete(ticket, outcome);
            }
        }
    }

    fn take(&self, batch: &mut Vec<(Ticket, Outcome)>) {
        std::mem::swap(batch, &mut *self.lock());
    }

    /// Nothing that holds the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, Vec<(Ticket, Outcome)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
