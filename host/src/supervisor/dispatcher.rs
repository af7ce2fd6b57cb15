//! Hands the calls of the supervisor's triggers to workers: to the one that makes the fewest of them.
//!
//! A worker gets no more calls than it has threads for, so that the others can be made elsewhere, and their time begins when
//! they do. A call whose worker has died runs alone from then on: a worker is kept free of others for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc};

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
    /// The calls that wait for a worker, in the order in which they came.
    waiting: VecDeque<PendingCall>,
    /// Those of them that are to run alone.
    alone: VecDeque<PendingCall>,
    /// The slot that is kept free for those.
    reserved: Option<usize>,
    /// The slot that is next among those with as many calls.
    next: usize,
    is_open: bool,
    /// Notified when a call has ended.
    ended: Arc<Notify>,
}

/// The calls for a slot.
#[derive(Debug)]
struct CallQueue {
    calls: mpsc::UnboundedSender<WorkerCall>,
    /// The number of the worker's threads for functions, if it is ready.
    threads: Option<usize>,
    counts: Arc<Counts>,
}

/// The numbers of a worker's calls that have not ended.
#[derive(Debug, Default)]
struct Counts {
    all: AtomicUsize,
    on_threads: AtomicUsize,
}

#[derive(Debug)]
struct Counted {
    counts: Arc<Counts>,
    needs_thread: bool,
    ended: Arc<Notify>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counts.all.fetch_sub(1, Ordering::Relaxed);
        self.counts
            .on_threads
            .fetch_sub(usize::from(self.needs_thread), Ordering::Relaxed);
        self.ended.notify_one();
    }
}

impl CallQueue {
    fn count(&self) -> usize {
        self.counts.all.load(Ordering::Relaxed)
    }

    /// Whether such a call would begin at once.
    fn has_place(&self, needs_thread: bool) -> bool {
        self.threads
            .is_some_and(|threads| !needs_thread || self.counts.on_threads.load(Ordering::Relaxed) < threads)
    }
}

impl Dispatcher {
    /// Returns a dispatcher for these slots. No worker is ready.
    pub(super) fn new(slots: Vec<mpsc::UnboundedSender<WorkerCall>>) -> Self {
        let queue = |calls| CallQueue {
            calls,
            threads: None,
            counts: Arc::default(),
        };
        Dispatcher {
            slots: slots.into_iter().map(queue).collect(),
            waiting: VecDeque::new(),
            alone: VecDeque::new(),
            reserved: None,
            next: 0,
            is_open: true,
            ended: Arc::default(),
        }
    }

    /// Adds a worker that is ready, with so many threads for functions.
    pub(super) fn add(&mut self, worker: u32, threads: usize) {
        self.set_threads(worker, Some(threads));
    }

    /// Removes a worker that has exited.
    pub(super) fn remove(&mut self, worker: u32) {
        self.set_threads(worker, None);
    }

    /// Hands this call to a worker, or keeps it until one has a place for it.
    pub(super) fn dispatch(&mut self, call: PendingCall) {
        if !self.is_open {
            return;
        }
        if call.alone {
            self.alone.push_back(call);
        } else {
            self.waiting.push_back(call);
        }
        self.hand_out();
    }

    /// Waits until a call has ended, and hands out those that have waited for it. Cancel-safe.
    pub(super) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Hands out the calls for which workers have places.
    pub(super) fn hand_out(&mut self) {
        self.hand_out_alone();
        // In their order; but a call that needs no thread does not wait for one that does.
        for _ in 0..self.waiting.len() {
            let Some(call) = self.waiting.pop_front() else {
                break;
            };
            let count = self.slots.len();
            let in_turn = (0..count).map(|offset| (self.next + offset) % count);
            let free = in_turn.filter(|index| {
                self.reserved != Some(*index) && self.slots[*index].has_place(call.needs_thread)
            });
            match free.min_by_key(|index| self.slots[*index].count()) {
                Some(index) => {
                    self.next = (index + 1) % count;
                    self.send(index, call);
                }
                None => self.waiting.push_back(call),
            }
        }
    }

    /// Hands out a call that is to run alone, when its worker makes no other.
    fn hand_out_alone(&mut self) {
        let is_ready = |index: &usize| self.slots[*index].threads.is_some();
        self.reserved = self.reserved.filter(is_ready);
        if self.reserved.is_none() && !self.alone.is_empty() {
            let ready = (0..self.slots.len()).filter(is_ready);
            self.reserved = ready.min_by_key(|index| self.slots[*index].count());
        }
        if let Some(index) = self.reserved
            && self.slots[index].count() == 0
        {
            match self.alone.pop_front() {
                Some(call) => self.send(index, call),
                None => self.reserved = None,
            }
        }
    }

    fn send(&self, index: usize, call: PendingCall) {
        let slot = &self.slots[index];
        let needs_thread = call.needs_thread;
        slot.counts.all.fetch_add(1, Ordering::Relaxed);
        slot.counts
            .on_threads
            .fetch_add(usize::from(needs_thread), Ordering::Relaxed);
        // Fails only when the slot has ended, as the host stops.
        let _ = slot.calls.send(WorkerCall {
            call,
            _counted: Counted {
                counts: Arc::clone(&slot.counts),
                needs_thread,
                ended: Arc::clone(&self.ended),
            },
        });
    }

    /// Hands out no calls from now on: those that wait and those that come count as not begun.
    pub(super) fn close(&mut self) {
        self.is_open = false;
        self.waiting.clear();
        self.alone.clear();
    }

    fn set_threads(&mut self, worker: u32, threads: Option<usize>) {
        if let Some(slot) = self.slots.get_mut(worker as usize) {
            slot.threads = threads;
        }
        self.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::model::{Event, EventEnd};

    type Ends = mpsc::UnboundedReceiver<WorkerCall>;

    fn call(function: &str) -> PendingCall {
        with_end(function).0
    }

    fn with_end(function: &str) -> (PendingCall, oneshot::Receiver<EventEnd>) {
        let (end, ended) = oneshot::channel();
        let call = PendingCall {
            event: Event {
                function: function.to_owned(),
                ..Event::default()
            },
            needs_thread: true,
            alone: false,
            end,
        };
        (call, ended)
    }

    fn dispatcher(slots: usize) -> (Dispatcher, Vec<Ends>) {
        let (slots, ends): (Vec<_>, Vec<_>) = (0..slots).map(|_| mpsc::unbounded_channel()).unzip();
        (Dispatcher::new(slots), ends)
    }

    fn got(ends: &mut Ends) -> Option<(String, WorkerCall)> {
        let call = ends.try_recv().ok()?;
        Some((call.call.event.function.clone(), call))
    }

    #[test]
    fn the_worker_with_the_fewest_calls_gets_the_next_and_none_is_lost_while_none_is_ready() {
        let (mut dispatcher, mut ends) = dispatcher(3);
        dispatcher.dispatch(call("early"));
        dispatcher.add(1, 10);
        let early = got(&mut ends[1]).expect("it waited for a worker");
        assert_eq!(early.0, "early");

        dispatcher.add(2, 10);
        dispatcher.dispatch(call("second"));
        let second = got(&mut ends[2]).expect("worker 1 has a call already");
        dispatcher.dispatch(call("third"));
        let third = got(&mut ends[1]).expect("in turn");
        drop((early, third));
        dispatcher.dispatch(call("fourth"));
        got(&mut ends[1]).expect("its calls have ended");
        drop(second);

        dispatcher.remove(1);
        dispatcher.remove(2);
        let (waiting, mut ended) = with_end("waiting");
        dispatcher.dispatch(waiting);
        dispatcher.close();
        assert_eq!(ended.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        let (late, mut ended) = with_end("late");
        dispatcher.dispatch(late);
        assert_eq!(ended.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn no_worker_gets_more_calls_than_it_has_threads() {
        let (mut dispatcher, mut ends) = dispatcher(1);
        dispatcher.add(0, 1);
        dispatcher.dispatch(call("first"));
        dispatcher.dispatch(call("second"));
        dispatcher.dispatch(PendingCall {
            needs_thread: false,
            ..call("async")
        });
        let first = got(&mut ends[0]).expect("it has a thread");
        assert_eq!(got(&mut ends[0]).expect("it needs none").0, "async");
        assert!(got(&mut ends[0]).is_none(), "the second waits");
        drop(first);
        dispatcher.hand_out();
        assert_eq!(got(&mut ends[0]).expect("a thread is free").0, "second");
    }

    #[test]
    fn a_suspect_runs_alone_and_the_others_go_on_elsewhere_or_afterwards() {
        let (mut dispatcher, mut ends) = dispatcher(2);
        dispatcher.add(0, 10);
        dispatcher.add(1, 10);
        dispatcher.dispatch(call("a"));
        dispatcher.dispatch(call("b"));
        let (a, b) = (got(&mut ends[0]), got(&mut ends[1]));
        dispatcher.dispatch(PendingCall {
            alone: true,
            ..call("suspect")
        });
        // The first worker is kept free for it, although it still makes a call.
        dispatcher.dispatch(call("c"));
        let c = got(&mut ends[1]).expect("not on the worker that is kept free");
        assert_eq!(c.0, "c");
        assert!(got(&mut ends[0]).is_none());
        drop(a);
        dispatcher.hand_out();
        let suspect = got(&mut ends[0]).expect("nothing else runs there");
        assert_eq!(suspect.0, "suspect");
        dispatcher.remove(1);
        dispatcher.dispatch(call("d"));
        assert!(
            got(&mut ends[0]).is_none(),
            "it waits until the suspect has ended"
        );
        drop(suspect);
        dispatcher.hand_out();
        assert_eq!(got(&mut ends[0]).expect("the worker is free").0, "d");
        drop((b, c));
    }
}
