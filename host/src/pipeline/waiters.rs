//! The calls that wait for their outcome: a table of slots, so that a call needs no allocation to wait.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::model::Outcome;

/// The handle of a call that waits for its outcome. It is void when the call has its outcome, or is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    slot: u32,
    /// The number of earlier uses of the slot: a void ticket must not reach the next call.
    generation: u32,
}

#[derive(Default)]
pub(super) struct Waiters(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    /// As many as there have been calls at once: never shortened.
    all: Vec<Slot>,
    /// The indices of unused slots.
    free: Vec<u32>,
}

struct Slot {
    generation: u32,
    state: State,
}

enum State {
    /// The call runs. The waker is that of the waiting task, if it already waits.
    Running(Option<Waker>),
    Complete(Outcome),
    Free,
}

impl Waiters {
    /// Opens a slot for a call that begins.
    pub(super) fn open(&self) -> Ticket {
        let mut slots = self.lock();
        let slot = slots.free.pop().unwrap_or_else(|| {
            slots.all.push(Slot {
                generation: 0,
                state: State::Free,
            });
            // There is not enough memory for so many calls that this could overflow.
            (slots.all.len() - 1) as u32
        });
        let opened = &mut slots.all[slot as usize];
        opened.state = State::Running(None);
        Ticket {
            slot,
            generation: opened.generation,
        }
    }

    /// Gives the outcome to the call. Does nothing if the ticket is void or the call already has an outcome.
    pub(super) fn complete(&self, ticket: Ticket, outcome: Outcome) {
        let mut slots = self.lock();
        let Some(slot) = slots.get(ticket) else {
            // Not under the lock: this drops a function's return value.
            drop(slots);
            return drop(outcome);
        };
        let waker = match &mut slot.state {
            State::Running(waker) => waker.take(),
            State::Complete(_) | State::Free => return,
        };
        slot.state = State::Complete(outcome);
        drop(slots);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for the outcome. One task waits for one call.
    pub(super) fn wait(&self, ticket: Ticket) -> impl Future<Output = Outcome> {
        poll_fn(move |context| self.poll(ticket, context))
    }

    fn poll(&self, ticket: Ticket, context: &Context<'_>) -> Poll<Outcome> {
        let mut slots = self.lock();
        let Some(slot) = slots.get(ticket) else {
            return Poll::Pending;
        };
        match &mut slot.state {
            State::Complete(_) => match slots.release(ticket) {
                State::Complete(outcome) => Poll::Ready(outcome),
                State::Running(_) | State::Free => Poll::Pending,
            },
            State::Running(Some(waker)) if waker.will_wake(context.waker()) => Poll::Pending,
            State::Running(waker) => {
                let replaced = waker.replace(context.waker().clone());
                // Not under the lock: a waker may own the task that waits.
                drop(slots);
                drop(replaced);
                Poll::Pending
            }
            State::Free => Poll::Pending,
        }
    }

    /// Gives up waiting for the outcome.
    pub(super) fn close(&self, ticket: Ticket) {
        let mut slots = self.lock();
        if slots.get(ticket).is_some() {
            let state = slots.release(ticket);
            // Not under the lock, as in `complete`.
            drop(slots);
            drop(state);
        }
    }

    /// Locks the slots. No code that holds the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    /// Returns the slot of a ticket that is not void.
    fn get(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        let slot = self.all.get_mut(ticket.slot as usize)?;
        (slot.generation == ticket.generation && !matches!(slot.state, State::Free)).then_some(slot)
    }

    /// Frees the slot of a ticket that is not void; returns its state.
    fn release(&mut self, ticket: Ticket) -> State {
        let slot = &mut self.all[ticket.slot as usize];
        slot.generation = slot.generation.wrapping_add(1);
        let state = std::mem::replace(&mut slot.state, State::Free);
        self.free.push(ticket.slot);
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Data, Returned};

    fn value(number: i64) -> Outcome {
        Outcome::returned(Data::Int(number))
    }

    fn poll(waiters: &Waiters, ticket: Ticket) -> Option<i64> {
        match waiters.poll(ticket, &Context::from_waker(Waker::noop())) {
            Poll::Ready(Outcome::Returned(Returned {
                value: Data::Int(number),
                ..
            })) => Some(number),
            Poll::Ready(other) => panic!("{other:?}"),
            Poll::Pending => None,
        }
    }

    #[test]
    fn each_call_gets_its_own_outcome_once() {
        let waiters = Waiters::default();
        let (first, second) = (waiters.open(), waiters.open());
        assert_eq!(poll(&waiters, first), None);
        waiters.complete(second, value(2));
        waiters.complete(first, value(1));
        waiters.complete(first, value(3));
        assert_eq!(poll(&waiters, first), Some(1), "the first outcome counts");
        assert_eq!(poll(&waiters, first), None, "it was taken");
        assert_eq!(poll(&waiters, second), Some(2));
    }

    #[test]
    fn a_late_outcome_does_not_reach_the_next_call() {
        let waiters = Waiters::default();
        let late = waiters.open();
        waiters.close(late);
        let next = waiters.open();
        assert_eq!(next.slot, late.slot, "slots are used again");
        waiters.complete(late, value(1));
        assert_eq!(poll(&waiters, next), None);
        waiters.close(late);
        waiters.complete(next, value(2));
        assert_eq!(poll(&waiters, next), Some(2));
    }

    #[tokio::test]
    async fn the_task_that_waits_is_woken() {
        let waiters = std::sync::Arc::new(Waiters::default());
        let ticket = waiters.open();
        let other = std::sync::Arc::clone(&waiters);
        let thread = std::thread::spawn(move || other.complete(ticket, value(7)));
        assert!(matches!(waiters.wait(ticket).await, Outcome::Returned(_)));
        thread.join().expect("no panic");
    }
}
