//! Outcomes on their way from the runner's threads to the tasks that wait for them.
//!
//! Waking a task from a foreign thread costs a system call. Here the first outcome of a batch pays for it, and
//! those that come before the runtime has looked ride along.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::{Invocation, Outcome, lock};

/// Where a runner puts the outcomes of calls.
#[derive(Default)]
pub struct Completions {
    done: Mutex<Vec<(Arc<Invocation>, Outcome)>>,
    /// The runtime was notified and has not looked yet.
    signalled: AtomicBool,
    arrived: Notify,
}

impl Completions {
    /// The call ended like this. Only the first time counts: one that timed out may still end. From any thread.
    pub fn push(&self, invocation: Arc<Invocation>, outcome: Outcome) {
        lock(&self.done).push((invocation, outcome));
        if !self.signalled.swap(true, Ordering::AcqRel) {
            self.arrived.notify_one();
        }
    }

    /// Hands outcomes over to the tasks that wait for them, for ever. One task a worker runs this.
    pub(crate) async fn deliver(&self) {
        let mut batch = Vec::new();
        loop {
            self.arrived.notified().await;
            // Before the batch is taken: what is pushed after that notifies anew.
            self.signalled.store(false, Ordering::Release);
            std::mem::swap(&mut batch, &mut *lock(&self.done));
            for (invocation, outcome) in batch.drain(..) {
                invocation.complete(outcome);
            }
        }
    }
}
