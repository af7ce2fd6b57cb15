//! The thread pool of synchronous functions.
//!
//! A thread attaches to the interpreter once, then takes calls from the queue one at a time while there are any, so a
//! call that blocks does not delay others. At most one idle thread is awake and waits for the GIL. It wakes the next one
//! when it has the GIL. So threads do not compete for the GIL, but all of them work when functions release it.
//!
//! A thread that has waited for the switch interval gets the GIL by force, in the middle of another thread's call. If calls
//! have ended meanwhile, the others serve the queue well: the thread gives the GIL back and waits again. So does a thread
//! whose call was interrupted while calls of others ended, once that call has ended. Otherwise all threads would soon take
//! turns of an interval each, with an interrupted call in each of them.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    /// The number of calls that have ended; wraps around.
    ended: u32,
}

/// A moment, and the number of calls that had ended by then.
#[derive(Clone, Copy)]
struct Mark {
    at: Instant,
    ended: u32,
}

/// The time until a thread that gave the GIL back tries again.
const PAUSE: Duration = Duration::from_millis(1);

/// The stack size of CPython's main thread: deep recursion in a function must work as it does there.
const STACK_SIZE: usize = 8 << 20;

impl Pool {
    /// Starts the threads, which end with the process.
    ///
    /// `switch_interval` is Python's `sys.getswitchinterval()`.
    pub(crate) fn start(
        self: &Arc<Self>,
        threads: usize,
        switch_interval: Duration,
        runtime: &Arc<Runtime>,
    ) -> std::io::Result<()> {
        for index in 0..threads {
            let (pool, runtime) = (Arc::clone(self), Arc::clone(runtime));
            std::thread::Builder::new()
                .name(format!("function-{index}"))
                .stack_size(STACK_SIZE)
                .spawn(move || pool.serve(&runtime, switch_interval))?;
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
    fn serve(&self, runtime: &Runtime, switch_interval: Duration) {
        // This makes the thread state once; attaching and detaching later only takes and releases the GIL.
        Python::attach(|py| {
            loop {
                let mut mark = py.detach(|| self.wait(false));
                while mark.at.elapsed() >= switch_interval && self.lock().ended != mark.ended {
                    mark = py.detach(|| {
                        std::thread::sleep(PAUSE);
                        self.wait(true)
                    });
                }
                let mut next;
                (next, mark) = self.begin();
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
                        (next, mark) = self.next(mark, switch_interval);
                        continue;
                    }
                    runtime::end(py, running);
                    (next, mark) = self.next(mark, switch_interval);
                    runtime.completions.push(ticket, outcome, next.is_some());
                }
            }
        });
    }

    /// Waits until there is a call in the queue, and no other thread is about to take it. `is_woken` says that this thread is
    /// the one that was woken. Detached.
    fn wait(&self, mut is_woken: bool) -> Mark {
        let mut state = self.lock();
        while state.queue.is_empty() || (state.waking && !is_woken) {
            if is_woken {
                // Other threads took the calls that this one was woken for, so it need not wake another one.
                state.waking = false;
            }
            state.sleeping += 1;
            state = self.available.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleeping -= 1;
            is_woken = true;
        }
        state.waking = true;
        Mark {
            at: Instant::now(),
            ended: state.ended,
        }
    }

    /// Takes the first call of a thread that was woken, if it is still there. Attached.
    fn begin(&self) -> (Option<RunnerCall>, Mark) {
        let at = Instant::now();
        let mut state = self.lock();
        let call = state.queue.pop_front();
        state.waking = false;
        self.wake_one(&mut state);
        let ended = state.ended;
        (call, Mark { at, ended })
    }

    /// Ends the call that began at this mark. Takes the next one, unless others serve the queue. Attached.
    fn next(&self, mark: Mark, switch_interval: Duration) -> (Option<RunnerCall>, Mark) {
        let at = Instant::now();
        let was_interrupted = at.duration_since(mark.at) >= switch_interval;
        let mut state = self.lock();
        let others_serve = was_interrupted && state.ended != mark.ended;
        state.ended = state.ended.wrapping_add(1);
        let ended = state.ended;
        let call = if others_serve {
            None
        } else {
            state.queue.pop_front()
        };
        (call, Mark { at, ended })
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
