//! Delivers outcomes from the runner's threads to the calls that wait for them.
//!
//! Waking the serving thread costs a system call on one side and a thread switch on the other, as much as the rest of a
//! short call. So a runner says when it continues with another call at once, and its outcomes are signalled in batches.
//! The receiving side also polls every [`TICK`] while outcomes arrive, so that an outcome does not wait for a long call
//! behind it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::waiters::{Ticket, Waiters};
use crate::model::Outcome;

/// The longest time that an outcome waits without a signal.
const TICK: Duration = Duration::from_millis(1);

/// The most outcomes that wait without a signal.
const BATCH: usize = 16;

/// The queue in which a runner puts the outcomes of calls.
#[derive(Default)]
pub struct Completions {
    done: Mutex<Vec<(Ticket, Outcome)>>,
    /// Whether the receiving side polls: an outcome may wait for that.
    polling: AtomicBool,
    /// Whether the receiving side was woken and has not read the queue yet.
    signalled: AtomicBool,
    arrived: Notify,
    pub(super) waiters: Waiters,
    in_flight: TaskTracker,
}

/// Keeps the worker from ending its drain, as a call in flight does, until it is dropped.
pub struct WorkerHold(#[expect(dead_code, reason = "held for its drop")] TaskTrackerToken);

impl Completions {
    /// Returns what counts the calls in flight, and other work that the worker waits for when it drains.
    pub fn in_flight(&self) -> &TaskTracker {
        &self.in_flight
    }

    /// Has the worker wait for work that goes on after the outcome of its call. From any thread.
    pub fn hold_worker(&self) -> WorkerHold {
        WorkerHold(self.in_flight.token())
    }

    /// Adds the outcome of a call. `more` says that the caller continues with another call at once. Only the first outcome
    /// of a call counts, and none counts for a call that was given up. From any thread.
    pub fn push(&self, ticket: Ticket, outcome: Outcome, more: bool) {
        let mut done = self.lock();
        done.push((ticket, outcome));
        let may_wait = more && done.len() < BATCH;
        drop(done);
        if may_wait && self.polling.load(Ordering::SeqCst) {
            return;
        }
        if !self.signalled.swap(true, Ordering::AcqRel) {
            self.arrived.notify_one();
        }
    }

    /// Signals outcomes that were added with `more`, if there are any. From any thread.
    pub fn flush(&self) {
        let waits = !self.lock().is_empty();
        if waits && !self.signalled.swap(true, Ordering::AcqRel) {
            self.arrived.notify_one();
        }
    }

    /// Delivers outcomes to the calls that wait for them. Never returns.
    pub(super) async fn deliver(&self) {
        let mut batch = Vec::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let ticked = tokio::select! {
                biased;
                () = self.arrived.notified() => false,
                _ = ticks.tick(), if self.polling.load(Ordering::Relaxed) => true,
            };
            // Before the batch is taken: an outcome that is pushed later signals again.
            self.signalled.store(false, Ordering::Release);
            self.take(&mut batch);
            if ticked && batch.is_empty() {
                self.polling.store(false, Ordering::SeqCst);
                // Takes outcomes that were pushed before the pusher could see that polling stopped.
                self.take(&mut batch);
            } else if !ticked {
                self.polling.store(true, Ordering::SeqCst);
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

    /// Locks the queue. No code that holds the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, Vec<(Ticket, Outcome)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
