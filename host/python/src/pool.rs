//! The thread pool of synchronous functions.
//!
//! A thread attaches to the interpreter once, then takes calls from the queue one at a time while there are any, so a
//! call that blocks does not delay others. At most one idle thread is awake and waits for the GIL. It wakes the next one
//! when it has the GIL. So threads do not compete for the GIL, but all of them work when functions release it.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use funcdock::pipeline::RunnerCall;
use pyo3::prelude::*;

use crate::outcomes;
use crate::runtime::{self, Called, Runtime};

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
    /// A thread was woken and has not read the queue yet.
    waking: bool,
}

/// The stack size of CPython's main thread: deep recursion in a function must work as it does there.
const STACK_SIZE: usize = 8 << 20;

impl Pool {
    /// Starts the threads, which end with the process.
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

    /// Wakes a thread for queued calls. From any thread, attached or not.
    pub(crate) fn wake(&self) {
        self.wake_one(&mut self.lock());
    }

    /// Runs calls on one thread until the process ends.
    fn serve(&self, runtime: &Runtime) {
        // This makes the thread state once; attaching and detaching later only takes and releases the GIL.
        Python::attach(|py| {
            loop {
                py.detach(|| self.wait());
                let mut next = self.take(true);
                while let Some(call) = next {
                    // A panic in here is a fault of ours; it must cost the call, and not the thread.
                    let ticket = call.ticket;
                    let called = panic::catch_unwind(AssertUnwindSafe(|| runtime.call(py, call)));
                    let Called {
                        outcome,
                        rest,
                        running,
                    } = called.unwrap_or_else(|_| Called {
                        outcome: outcomes::lost("the call panicked in the worker"),
                        rest: None,
                        running: None,
                    });
                    if let Some(rest) = rest {
                        // The response begins; the rest of its body is made while it is sent.
                        let _hold = runtime.completions.hold_worker();
                        runtime.completions.push(ticket, outcome, false);
                        // The writer that is dropped ends the response with an error.
                        let _ = panic::catch_unwind(AssertUnwindSafe(|| rest.run(py)));
                        runtime::end(py, running);
                        next = self.take(false);
                        continue;
                    }
                    runtime::end(py, running);
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
            // Other threads took the calls that this one was woken for, so it need not wake another one.
            state.waking = false;
            state.sleeping += 1;
            state = self.available.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleeping -= 1;
        }
    }

    /// Takes the next call, if there is one. Attached.
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

    /// Locks the state. No code that holds the lock can panic or wait for the GIL.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
