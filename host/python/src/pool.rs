//! The thread pool of synchronous functions.
//!
//! A thread attaches to the interpreter once and then takes calls from the queue for as long as there are
//! any, one at a time: a call that blocks holds up no other. Of the idle threads at most one is awake and
//! waiting for the GIL. It wakes the next when it has got it, so that threads do not fight for the GIL, and
//! yet all of them come to work when functions let go of it.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use funcdock::pipeline::RunnerCall;
use pyo3::prelude::*;

use crate::outcomes;
use crate::runtime::Runtime;

/// The queue that the threads share.
#[derive(Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
    available: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<RunnerCall>,
    sleeping: usize,
    /// A thread was woken and has not got to the queue yet.
    waking: bool,
}

/// What CPython's own main thread has: deep recursion in a function needs as much here as there.
const STACK_SIZE: usize = 8 << 20;

impl Pool {
    /// Starts the threads; they end with the process.
    pub(crate) fn start(self: &Arc<Self>, threads: usize, runtime: &Arc<Runtime>) -> std::io::Result<()> {
        for index in 0..threads {
            let (pool, runtime) = (Arc::clone(self), Arc::clone(runtime));
            std::thread::Builder::new()
                .name(format!("function-{index}"))
                .stack_size(STACK_SIZE)
                .spawn(move || pool.serve(&runtime))?;
        }
        Ok(())
    }

    /// Queues a call. From any thread, attached or not.
    pub(crate) fn push(&self, call: RunnerCall) {
        self.lock().queue.push_back(call);
    }

    /// Wakes a thread for what was queued. From any thread, attached or not.
    pub(crate) fn wake(&self) {
        self.wake_one(&mut self.lock());
    }

    /// A thread's life.
    fn serve(&self, runtime: &Runtime) {
        // The thread state is made once, here; attaching and detaching then is only the GIL.
        Python::attach(|py| {
            loop {
                py.detach(|| self.wait());
                let mut next = self.take(true);
                while let Some(call) = next {
                    // A panic in here is a fault of ours; it must cost the call, and not the thread.
                    let ticket = call.ticket;
                    let called = panic::catch_unwind(AssertUnwindSafe(|| runtime.call(py, call)));
                    let outcome =
                        called.unwrap_or_else(|_| outcomes::lost("the call panicked in the worker"));
                    next = self.take(false);
                    runtime.completions.push(ticket, outcome, next.is_some());
                }
            }
        });
    }

    /// Waits until there is a call in the queue. Detached.
    fn wait(&self) {
        let mut state = self.lock();
        while state.queue.is_empty() {
            // Whoever was woken for calls that others took has nothing to wake others for.
            state.waking = false;
            state.sleeping += 1;
            state = self.available.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleeping -= 1;
        }
    }

    /// The next call, if there is one. Attached.
    fn take(&self, woken: bool) -> Option<RunnerCall> {
        let mut state = self.lock();
        let call = state.queue.pop_front();
        if woken {
            state.waking = false;
            self.wake_one(&mut state);
        }
        call
    }

    fn wake_one(&self, state: &mut State) {
        if !state.waking && state.sleeping > 0 && !state.queue.is_empty() {
            state.waking = true;
            self.available.notify_one();
        }
    }

    /// Nothing that holds the lock can panic or wait for the GIL.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
