//! What a thread of the pool does: it waits for a call, and for the GIL, and runs calls while there are any.

use std::panic::{self, AssertUnwindSafe};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use funcdock::pipeline::RunnerCall;
use pyo3::prelude::*;

use super::{Mark, NAP, Pool, State};
use crate::outcomes;
use crate::runtime::{self, Called, Runtime};

/// What a thread knows when it is about to ask for the GIL, to begin a call.
struct Asked {
    mark: Mark,
    /// Whether it has had the GIL a moment ago, so that nobody else had the time to take it.
    had_it: bool,
}

/// What a thread does after a call.
enum Next {
    Run(RunnerCall, Mark),
    Wait,
    /// Another thread has taken its place.
    Leave,
}

/// The time until a thread that gave the GIL back tries again.
const PAUSE: Duration = Duration::from_millis(1);

/// The same if the usual number of calls runs: it doubles up to this time.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// The longest time to wait for a GIL that is free, after a nap.
const FREE: Duration = Duration::from_millis(1);

/// A thread beyond the usual number ends when it has slept for so long.
const LONG: Duration = Duration::from_secs(30);

impl Pool {
    /// Runs calls on this thread until the process ends, another thread has taken its place, or it is not needed any more.
    /// Attached.
    pub(crate) fn serve(&self, py: Python<'_>, ident: u64, runtime: &Runtime) {
        let place = {
            let mut state = self.lock();
            state.starting = false;
            state.refused = None;
            state.places.take(ident)
        };
        loop {
            let Some(mut asked) = py.detach(|| self.wait(place, false)) else {
                return;
            };
            let mut pause = PAUSE;
            while !self.may_begin(py, &asked) {
                let waited = py.detach(|| {
                    std::thread::sleep(pause);
                    self.wait(place, true)
                });
                match waited {
                    Some(again) => asked = again,
                    None => return,
                }
                pause = (pause * 2).min(self.longest_pause());
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

    /// Whether a thread that has asked for the GIL, and has it, begins a call, and does not give it back. Attached.
    fn may_begin(&self, py: Python<'_>, &Asked { mark, had_it }: &Asked) -> bool {
        let now = Instant::now();
        // Functions that wait need the GIL for moments, many of them one after the other; only those who compute are forced.
        let by_force = now.duration_since(mark.at) >= self.switch_interval;
        let mut state = self.lock();
        let was_held = state.was_held(now);
        if by_force {
            state.held = Some(now);
        }
        if state.places.running() < self.threads.usual {
            return !by_force || state.ended == mark.ended;
        }
        drop(state);
        if by_force || !(had_it || was_held) {
            return !by_force;
        }
        // Those who compute take turns: one of them has it after a nap.
        let asked = py.detach(|| {
            std::thread::sleep(NAP);
            Instant::now()
        });
        asked.elapsed() < FREE
    }

    /// The longest time until a thread that gave the GIL back tries again.
    fn longest_pause(&self) -> Duration {
        let is_usual = self.lock().places.running() < self.threads.usual;
        if is_usual { PAUSE } else { LONGEST_PAUSE }
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
        // Its outcome need not wait for a call that takes longer than a signal.
        let more = matches!(next, Next::Run(_, Mark { is_brief: true, .. }));
        runtime.completions.push(ticket, outcome, more);
        next
    }

    /// Waits until there is a call in the queue that no other thread is about to take. `is_woken` says that this thread is one
    /// that was woken. Returns `None` if the thread is not needed any more. Detached.
    fn wait(&self, place: usize, mut is_woken: bool) -> Option<Asked> {
        let mut had_it = !is_woken;
        let mut state = self.lock();
        while state.queue.is_empty() || (!is_woken && state.waking >= state.wanted()) {
            if is_woken {
                // Other threads took the calls that this one was woken for, so it need not wake another one.
                state.waking -= 1;
            }
            state = self.sleep(place, state)?;
            had_it = false;
            is_woken = true;
            // As long as calls end, those who run them serve the queue well.
            let mut ended = state.ended;
            while !state.queue.is_empty() && state.places.is_busy() && state.typical < NAP {
                drop(state);
                std::thread::sleep(NAP);
                state = self.lock();
                if state.ended == ended {
                    break;
                }
                ended = state.ended;
            }
        }
        if !is_woken {
            state.waking += 1;
        }
        let mark = state.mark(Instant::now());
        Some(Asked { mark, had_it })
    }

    /// Sleeps until this thread is woken. Returns `None` if it is not needed any more. Detached.
    fn sleep<'a>(&'a self, place: usize, mut state: MutexGuard<'a, State>) -> Option<MutexGuard<'a, State>> {
        state.sleepers.push(place);
        state.places.fall_asleep(place);
        let long = Instant::now() + LONG;
        loop {
            drop(state);
            std::thread::park_timeout(LONG);
            state = self.lock();
            if !state.places.is_asleep(place) {
                return Some(state);
            }
            if Instant::now() >= long && state.places.serving() > self.threads.usual {
                state.sleepers.retain(|sleeper| *sleeper != place);
                state.places.end(place);
                return None;
            }
        }
    }

    /// Takes the first call of a thread that was woken, if it is still there. Attached.
    fn begin(&self, place: usize) -> Next {
        let at = Instant::now();
        let mut state = self.lock();
        let call = state.queue.pop_front();
        state.waking -= 1;
        self.wake_some(&mut state);
        let Some(call) = call else {
            return Next::Wait;
        };
        state.places.set(place, &call);
        self.keep_spare(&mut state);
        Next::Run(call, state.mark(at))
    }

    /// Ends the call that began at this mark. Takes the next one, unless others serve the queue. Attached.
    fn next(&self, place: usize, mark: Mark) -> Next {
        let at = Instant::now();
        let took = at.duration_since(mark.at);
        let was_interrupted = took >= self.switch_interval;
        let mut state = self.lock();
        // One of them always goes on.
        let others_serve = was_interrupted && state.ended != mark.ended && state.places.running() > 1;
        state.ended = state.ended.wrapping_add(1);
        // One that was interrupted does not make the others long.
        state.typical = (state.typical * 7 + took.min(2 * NAP)) / 8;
        if state.places.is_replaced(place, self.threads.most) {
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
                Next::Run(call, state.mark(at))
            }
            None => {
                state.places.clear(place);
                Next::Wait
            }
        }
    }
}
