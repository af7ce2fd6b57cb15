//! Where a runner's thread leaves the outcome and the waiting task finds it: a one-shot channel that lives
//! inside the invocation, so that a call needs no allocation for it.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use super::Outcome;
use super::lock;

#[derive(Default)]
pub(super) struct Completion(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Running,
    Awaited(Waker),
    Complete(Outcome),
    Taken,
}

impl Completion {
    pub(super) fn complete(&self, outcome: Outcome) {
        let mut state = lock(&self.0);
        let waker = match &*state {
            State::Running => None,
            State::Awaited(waker) => Some(waker.clone()),
            State::Complete(_) | State::Taken => return,
        };
        *state = State::Complete(outcome);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn abandon(&self) {
        *lock(&self.0) = State::Taken;
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(*lock(&self.0), State::Taken)
    }

    /// One task at a time may wait: a second one would take the first one's wake-up.
    pub(super) async fn wait(&self) -> Outcome {
        poll_fn(|context| {
            let mut state = lock(&self.0);
            match &mut *state {
                State::Complete(_) => match std::mem::replace(&mut *state, State::Taken) {
                    State::Complete(outcome) => Poll::Ready(outcome),
                    _ => Poll::Pending,
                },
                State::Taken => Poll::Pending,
                State::Awaited(waker) if waker.will_wake(context.waker()) => Poll::Pending,
                State::Running | State::Awaited(_) => {
                    *state = State::Awaited(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
