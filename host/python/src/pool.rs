//! The thread pool of synchronous functions.
//!
//! A thread attaches to the interpreter once, then takes calls from the queue one at a time while there are any, so a
//! call that blocks does not delay others. At most one idle thread is awake. As long as the calls of others end, it naps;
//! else it waits for the GIL, and wakes the next one when it has it. So threads do not compete for the GIL, but all of them
//! work when functions release it. If functions take long, and nobody holds the GIL, several are woken at once.
//!
//! A thread that has waited for the switch interval gets the GIL by force, in the middle of another thread's call. If calls
//! have ended meanwhile, the others serve the queue well: the thread gives the GIL back and waits again. So does a thread
//! whose call was interrupted while calls of others ended, once that call has ended. Otherwise all threads would soon take
//! turns of an interval each, with an interrupted call in each of them.
//!
//! Threads start when they are needed: one more than there are calls that run. More than the [usual](Threads) number of calls
//! run only while the GIL is free, as functions wait for something else: then a thread gets it at once. A thread that
//! was not needed for a while ends: the one that has slept for the shortest time is woken, so that the others may sleep on.
//!
//! A thread whose call was given up, and goes on, is lost until that call ends. Another one takes its place.

mod places;
mod serve;
mod threads;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use funcdock::model::Invocation;
use funcdock::pipeline::{LoadedFunction, RunnerCall};

pub(crate) use places::LostThread;
use places::Places;
pub(crate) use threads::Threads;

/// The queue that the threads share.
pub(crate) struct Pool {
    state: Mutex<State>,
    threads: Threads,
    /// Python's `sys.getswitchinterval()`.
    switch_interval: Duration,
    /// Asks for another thread, which then [serves](Self::serve). From any thread, attached or not; does not block.
    start_thread: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<RunnerCall>,
    /// The places of the threads that sleep; the last one is woken first.
    sleepers: Vec<usize>,
    /// The number of threads that were woken for calls in the queue, and have not taken them yet.
    waking: usize,
    /// The number of calls that have ended; wraps around.
    ended: u32,
    /// A thread was asked for, and does not serve yet.
    starting: bool,
    /// When the system has refused another thread; `None` if one has started since.
    refused: Option<Instant>,
    places: Places,
    /// When a thread last got the GIL by force.
    held: Option<Instant>,
    /// How long calls take, as a moving average in which long ones count as two naps.
    typical: Duration,
}

impl State {
    /// How many threads may be about to take calls from the queue: one, or several if they would not compete for the GIL.
    fn wanted(&self) -> usize {
        if self.queue.len() > 1 && self.typical >= NAP && !self.was_held(Instant::now()) {
            self.queue.len().min(MOST_WAKING)
        } else {
            self.queue.len().min(1)
        }
    }

    /// Whether a thread has got the GIL by force a moment ago.
    fn was_held(&self, now: Instant) -> bool {
        self.held.is_some_and(|held| now.duration_since(held) < WAS_HELD)
    }

    fn mark(&self, at: Instant) -> Mark {
        Mark {
            at,
            ended: self.ended,
            is_brief: self.typical < NAP,
        }
    }
}

/// A moment, and the number of calls that had ended by then.
#[derive(Clone, Copy)]
struct Mark {
    at: Instant,
    ended: u32,
    /// Whether calls are brief, as far as is known.
    is_brief: bool,
}

/// The time after which a thread that was woken looks whether the others serve the queue. It is worth it if calls are
/// shorter.
const NAP: Duration = Duration::from_micros(100);

/// For how long it is doubted that the GIL is free after it was not.
const WAS_HELD: Duration = Duration::from_millis(50);

/// For how long no thread is asked for after the system has refused one.
pub(crate) const REFUSED: Duration = Duration::from_secs(1);

/// The most threads that are woken at once. It takes longer until a thread runs than until it has begun a call, so one after the
/// other would leave calls that wait in the queue.
const MOST_WAKING: usize = 8;

impl Pool {
    /// Returns a pool of so many threads. It has none yet: `start_thread` starts one that serves.
    pub(crate) fn new(
        threads: Threads,
        switch_interval: Duration,
        start_thread: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Pool {
            state: Mutex::default(),
            threads,
            switch_interval,
            start_thread: Box::new(start_thread),
        }
    }

    /// Returns the number of calls that run at once in any case.
    pub(crate) fn usual(&self) -> usize {
        self.threads.usual
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
        self.wake_some(&mut self.lock());
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
        state.places.running() + state.queue.len() < state.places.serving().max(self.threads.usual)
    }

    /// Returns the number of calls that no thread has taken yet. From any thread.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    /// Returns the threads that were lost at least this long ago and are not back, each once.
    pub(crate) fn lost_threads(&self, since: Duration) -> Vec<LostThread> {
        self.lock().places.take_lost(since)
    }

    /// Handles that the thread that was asked for could not be started: the next one is asked for after [`REFUSED`]. Returns how
    /// many serve, if it is the first refusal in a row.
    pub(crate) fn not_started(&self) -> Option<usize> {
        let mut state = self.lock();
        state.starting = false;
        let is_first = state.refused.replace(Instant::now()).is_none();
        is_first.then(|| state.places.serving())
    }

    /// Asks for a thread that was refused, if there are calls for it.
    pub(crate) fn ask_again(&self) {
        let mut state = self.lock();
        if !state.queue.is_empty() {
            self.keep_spare(&mut state);
        }
    }

    /// Wakes as many threads for calls in the queue as are wanted.
    fn wake_some(&self, state: &mut State) {
        while state.waking < state.wanted()
            && let Some(place) = state.sleepers.pop()
        {
            state.waking += 1;
            state.places.wake(place);
        }
    }

    /// Asks for a thread, unless one sleeps, wakes or starts, or there are enough.
    fn keep_spare(&self, state: &mut State) {
        if state.refused.is_some_and(|at| at.elapsed() < REFUSED) {
            return;
        }
        if state.sleepers.is_empty()
            && state.waking == 0
            && !state.starting
            && state.places.has_room(self.threads.most)
        {
            state.starting = true;
            (self.start_thread)();
        }
    }

    /// Locks the state. No code that holds the lock can panic or wait for the GIL.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
