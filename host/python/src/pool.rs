//! The thread pool of synchronous functions.
//!
//! A thread attaches to the interpreter once, then takes calls from the queue one at a time while there are any, so a
//! call that blocks does not delay others. At most one idle thread is awake. As long as the calls of others end, it naps;
//! else it waits for the GIL, and wakes the next one when it has it. So threads do not compete for the GIL, but all of them
//! work when functions release it.
//!
//! A thread that has waited for the switch interval gets the GIL by force, in the middle of another thread's call. If calls
//! have ended meanwhile, the others serve the queue well: the thread gives the GIL back and waits again. So does a thread
//! whose call was interrupted while calls of others ended, once that call has ended. Otherwise all threads would soon take
//! turns of an interval each, with an interrupted call in each of them.
//!
//! Threads start when they are needed: one more than there are calls that run. A thread whose call was given up, and goes
//! on, is lost until that call ends. Another one takes its place.

mod places;

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use funcdock::model::Invocation;
use funcdock::pipeline::{LoadedFunction, RunnerCall};
use pyo3::prelude::*;

use crate::outcomes;
use crate::runtime::{self, Called, Runtime};

pub(crate) use places::LostThread;
use places::Places;

/// The queue that the threads share.
pub(crate) struct Pool {
    state: Mutex<State>,
    available: Condvar,
    /// The number of threads that take calls at most.
    most: usize,
    /// Python's `sys.getswitchinterval()`.
    switch_interval: Duration,
    /// Asks for another thread, which then [serves](Self::serve). From any thread, attached or not; does not block.
    start_thread: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<RunnerCall>,
    sleeping: usize,
    /// A thread was woken and has not read the queue yet.
    waking: bool,
    /// The number of calls that have ended; wraps around.
    ended: u32,
    /// A thread was asked for, and does not serve yet.
    starting: bool,
    places: Places,
}

/// A moment, and the number of calls that had ended by then.
#[derive(Clone, Copy)]
struct Mark {
    at: Instant,
    ended: u32,
}

/// What a thread does after a call.
enum Next {
    Run(RunnerCall, Mark),
    Wait,
    /// Another thread has taken its place.
    Leave,
}

/// The time after which a thread that was woken looks whether the others serve the queue.
const NAP: Duration = Duration::from_micros(100);

/// The time until a thread that gave the GIL back tries again.
const PAUSE: Duration = Duration::from_millis(1);

impl Pool {
    /// Returns a pool of at most this number of threads. It has none yet: `start_thread` starts one that serves.
    pub(crate) fn new(
        most: usize,
        switch_interval: Duration,
        start_thread: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Pool {
            state: Mutex::default(),
            available: Condvar::new(),
            most,
            switch_interval,
            start_thread: Box::new(start_thread),
        }
    }

    /// Returns the number of threads that take calls at most.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Has the first thread start.
    pub(crate) fn start(&self) {
        self.keep_spare(&mut self.lock());
    }

    /// Queues a call. From any thread, attached or not.
    pub(crate) fn push(&self, call: RunnerCall) {
        self.lock().queue.push_back(call);
    }

    /// Wakes a thread for queued calls. From any thread, attached or not.
    pub(crate) fn wake(&self) {
        self.wake_one(&mut self.lock());
    }

    /// Handles a call whose time is over: a thread cannot be stopped, so if the call runs, its thread is lost. From any
    /// thread.
    pub(crate) fn give_up(&self, function: &Arc<LoadedFunction>, invocation: &Arc<Invocation>) {
        let mut state = self.lock();
        if state.places.lose(function, invocation) {
            self.keep_spare(&mut state);
        }
    }

    /// Whether a call that is queued now would begin before others have ended. From any thread.
    pub(crate) fn has_idle_place(&self) -> bool {
        let state = self.lock();
        state.places.running() + state.queue.len() < self.most
    }

    /// Returns the number of calls that no thread has taken yet. From any thread.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    /// Returns the threads that were lost at least this long ago and are not back, each once.
    pub(crate) fn lost_threads(&self, since: Duration) -> Vec<LostThread> {
        self.lock().places.take_lost(since)
    }

    /// Handles that the thread that was asked for could not be started.
    pub(crate) fn not_started(&self) {
        self.lock().starting = false;
    }

    /// Runs calls on this thread until the process ends, or another thread has taken its place. Attached.
    pub(crate) fn serve(&self, py: Python<'_>, ident: u64, runtime: &Runtime) {
        let place = {
            let mut state = self.lock();
            state.starting = false;
            state.places.take(ident)
        };
        loop {
            let mut mark = py.detach(|| self.wait(false));
            while mark.at.elapsed() >= self.switch_interval && self.lock().ended != mark.ended {
                mark = py.detach(|| {
                    std::thread::sleep(PAUSE);
                    self.wait(true)
                });
            }
            let mut next = self.begin(place);
            while let Next::Run(call, mark) = next {
                next = self.run(py, place, call, mark, runtime);
            }
            if let Next::Leave = next {
                return;
            }
        }
    }

    /// Runs a call, and reports its outcome. Attached.
    fn run(&self, py: Python<'_>, place: usize, call: RunnerCall, mark: Mark, runtime: &Runtime) -> Next {
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
            return self.next(place, mark);
        }
        runtime::end(py, running);
        let next = self.next(place, mark);
        let more = matches!(next, Next::Run(..));
        runtime.completions.push(ticket, outcome, more);
        next
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
            // As long as calls end, those who run them serve the queue well.
            let mut ended = state.ended;
            while !state.queue.is_empty() && state.places.is_busy() {
                drop(state);
                std::thread::sleep(NAP);
                state = self.lock();
                if state.ended == ended {
                    break;
                }
                ended = state.ended;
            }
        }
        state.waking = true;
        Mark {
            at: Instant::now(),
            ended: state.ended,
        }
    }

    /// Takes the first call of a thread that was woken, if it is still there. Attached.
    fn begin(&self, place: usize) -> Next {
        let at = Instant::now();
        let mut state = self.lock();
        let call = state.queue.pop_front();
        state.waking = false;
        self.wake_one(&mut state);
        let Some(call) = call else {
            return Next::Wait;
        };
        state.places.set(place, &call);
        self.keep_spare(&mut state);
        let ended = state.ended;
        Next::Run(call, Mark { at, ended })
    }

    /// Ends the call that began at this mark. Takes the next one, unless others serve the queue. Attached.
    fn next(&self, place: usize, mark: Mark) -> Next {
        let at = Instant::now();
        let was_interrupted = at.duration_since(mark.at) >= self.switch_interval;
        let mut state = self.lock();
        let others_serve = was_interrupted && state.ended != mark.ended;
        state.ended = state.ended.wrapping_add(1);
        let ended = state.ended;
        if state.places.is_replaced(place, self.most) {
            state.places.leave(place);
            return Next::Leave;
        }
        let call = if others_serve {
            None
        } else {
            state.queue.pop_front()
        };
        match call {
            Some(call) => {
                state.places.set(place, &call);
                Next::Run(call, Mark { at, ended })
            }
            None => {
                state.places.clear(place);
                Next::Wait
            }
        }
    }

    fn wake_one(&self, state: &mut State) {
        if !state.waking && state.sleeping > 0 && !state.queue.is_empty() {
            state.waking = true;
            self.available.notify_one();
        }
    }

    /// Asks for a thread, unless one sleeps, wakes or starts, or there are enough.
    fn keep_spare(&self, state: &mut State) {
        if state.sleeping == 0 && !state.waking && !state.starting && state.places.has_room(self.most) {
            state.starting = true;
            (self.start_thread)();
        }
    }

    /// Locks the state. No code that holds the lock can panic or wait for the GIL.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
