//! Hands the calls of the supervisor's triggers to workers: to the one that makes the fewest of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use crate::triggers::events::PendingCall;

/// A call for a worker, which counts among its calls until this is dropped.
#[derive(Debug)]
pub(super) struct WorkerCall {
    pub(super) call: PendingCall,
    _counted: Counted,
}

/// Hands out calls.
#[derive(Debug)]
pub(super) struct Dispatcher {
    slots: Vec<CallQueue>,
    /// The calls that came when no worker was ready.
    waiting: VecDeque<PendingCall>,
    /// The slot that is next among those with as many calls.
    next: usize,
    is_open: bool,
}

/// The calls for a slot.
#[derive(Debug)]
struct CallQueue {
    calls: mpsc::UnboundedSender<WorkerCall>,
    is_ready: bool,
    /// The number of calls that have not ended.
    count: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Dispatcher {
    /// Returns a dispatcher for these slots. No worker is ready.
    pub(super) fn new(slots: Vec<mpsc::UnboundedSender<WorkerCall>>) -> Self {
        let queue = |calls| CallQueue {
            calls,
            is_ready: false,
            count: Arc::default(),
        };
        Dispatcher {
            slots: slots.into_iter().map(queue).collect(),
            waiting: VecDeque::new(),
            next: 0,
            is_open: true,
        }
    }

    /// Adds a worker that is ready.
    pub(super) fn add(&mut self, worker: u32) {
        self.set_ready(worker, true);
        for call in std::mem::take(&mut self.waiting) {
            self.dispatch(call);
        }
    }

    /// Removes a worker that has exited.
    pub(super) fn remove(&mut self, worker: u32) {
        self.set_ready(worker, false);
    }

    /// Hands this call to a worker, or keeps it until one is ready.
    pub(super) fn dispatch(&mut self, call: PendingCall) {
        if !self.is_open {
            return;
        }
        let count = self.slots.len();
        let in_turn = (0..count).map(|offset| (self.next + offset) % count);
        let ready = in_turn.filter(|index| self.slots[*index].is_ready);
        let Some(index) = ready.min_by_key(|index| self.slots[*index].count.load(Ordering::Relaxed)) else {
            self.waiting.push_back(call);
            return;
        };
        self.next = (index + 1) % count;
        let slot = &self.slots[index];
        let counted = Counted::new(&slot.count);
        // Fails only when the slot has ended, as the host stops.
        let _ = slot.calls.send(WorkerCall {
            call,
            _counted: counted,
        });
    }

    /// Hands out no calls from now on: those that come count as not made.
    pub(super) fn close(&mut self) {
        self.is_open = false;
        self.waiting.clear();
    }

    fn set_ready(&mut self, worker: u32, is_ready: bool) {
        if let Some(slot) = self.slots.get_mut(worker as usize) {
            slot.is_ready = is_ready;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::model::{Event, EventEnd};

    fn call(function: &str) -> (PendingCall, oneshot::Receiver<EventEnd>) {
        let (end, ended) = oneshot::channel();
        let event = Event {
            function: function.to_owned(),
            ..Event::default()
        };
        (PendingCall { event, end }, ended)
    }

    #[test]
    fn the_worker_with_the_fewest_calls_gets_the_next_and_none_is_lost_while_none_is_ready() {
        let (slots, mut ends): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::unbounded_channel()).unzip();
        let mut dispatcher = Dispatcher::new(slots);
        dispatcher.dispatch(call("early").0);
        dispatcher.add(1);
        let early = ends[1].try_recv().expect("it waited for a worker");
        assert_eq!(early.call.event.function, "early");

        dispatcher.add(2);
        dispatcher.dispatch(call("second").0);
        let second = ends[2].try_recv().expect("worker 1 has a call already");
        dispatcher.dispatch(call("third").0);
        let third = ends[1].try_recv().expect("in turn");
        drop((early, third));
        dispatcher.dispatch(call("fourth").0);
        ends[1].try_recv().expect("its calls have ended");
        drop(second);

        dispatcher.remove(1);
        dispatcher.remove(2);
        let (waiting, mut ended) = call("waiting");
        dispatcher.dispatch(waiting);
        dispatcher.close();
        assert_eq!(ended.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        let (late, mut ended) = call("late");
        dispatcher.dispatch(late);
        assert_eq!(ended.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
