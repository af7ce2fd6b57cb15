//! Outcomes on their way from the runner's threads to the tasks that wait for them.
//!
//! Waking the serving thread costs a system call on one side and a switch of threads on the other, as much as
//! the rest of a short call. So a runner that has more to do right away says so, and its outcomes are then only
//! signalled in batches. Lest one waits while what follows it takes long, the receiving side also looks by
//! itself, every [`TICK`], for as long as anything comes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::{Invocation, Outcome, lock};

/// The longest that an outcome waits unsignalled.
const TICK: Duration = Duration::from_millis(1);

/// How many outcomes wait unsignalled at most.
const BATCH: usize = 16;

/// Where a runner puts the outcomes of calls.
#[derive(Default)]
pub struct Completions {
    done: Mutex<Vec<(Arc<Invocation>, Outcome)>>,
    /// The receiving side looks by itself: an outcome may wait for that.
    looking: AtomicBool,
    /// The receiving side was woken and has not looked yet.
    signalled: AtomicBool,
    arrived: Notify,
}

impl Completions {
    /// The call ended like this. `more` says that the caller goes on to the next call at once. Only the first
    /// outcome of a call counts: one that timed out may still end. From any thread.
    pub fn push(&self, invocation: Arc<Invocation>, outcome: Outcome, more: bool) {
        let mut done = lock(&self.done);
        done.push((invocation, outcome));
        let may_wait = more && done.len() < BATCH;
        drop(done);
        if may_wait && self.looking.load(Ordering::SeqCst) {
            return;
        }
        if !self.signalled.swap(true, Ordering::AcqRel) {
            self.arrived.notify_one();
        }
    }

    /// Hands outcomes over to the tasks that wait for them, for ever. One task a worker runs this.
    pub(crate) async fn deliver(&self) {
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
            for (invocation, outcome) in batch.drain(..) {
                invocation.complete(outcome);
            }
        }
    }

    fn take(&self, batch: &mut Vec<(Arc<Invocation>, Outcome)>) {
        std::mem::swap(batch, &mut *lock(&self.done));
    }
}
