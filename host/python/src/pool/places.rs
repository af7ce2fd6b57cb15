//! The threads of the pool: what each of them runs, and which are lost.

use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use funcdock::model::Invocation;
use funcdock::pipeline::{LoadedFunction, RunnerCall};

/// The places of threads. A thread has the same one all its life.
#[derive(Default)]
pub(super) struct Places {
    all: Vec<Place>,
    /// The number of threads that take calls: those that are not lost.
    serving: usize,
    /// The number of calls that they run.
    running: usize,
    lost: usize,
}

#[derive(Default)]
struct Place {
    /// The thread; `None` if the place is free.
    thread: Option<PoolThread>,
    is_asleep: bool,
    /// The address of the invocation that it runs, which its call keeps alive; 0 if none.
    invocation: usize,
    lost: Option<Lost>,
}

struct PoolThread {
    /// As Python numbers it.
    ident: u64,
    handle: Thread,
}

/// A call that was given up, and goes on.
struct Lost {
    since: Instant,
    /// Taken when it is told.
    function: Option<Arc<LoadedFunction>>,
}

/// A thread whose call was given up, and goes on.
pub(crate) struct LostThread {
    /// The thread, as Python numbers it.
    pub(crate) thread: u64,
    /// The function that it runs.
    pub(crate) function: Arc<LoadedFunction>,
}

impl Places {
    /// Whether another thread may take calls. As many threads may be lost as may serve: a function that always hangs must
    /// not start threads without end.
    pub(super) fn has_room(&self, most: usize) -> bool {
        self.serving < most && self.lost <= most
    }

    /// Returns the number of threads that take calls.
    pub(super) fn serving(&self) -> usize {
        self.serving
    }

    /// Returns the number of calls that run on threads which are not lost.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Whether a call runs on a thread that is not lost.
    pub(super) fn is_busy(&self) -> bool {
        self.running > 0
    }

    /// Gives the current thread a place; `ident` is what Python numbers it as.
    pub(super) fn take(&mut self, ident: u64) -> usize {
        self.serving += 1;
        let free = self.all.iter().position(|place| place.thread.is_none());
        let index = free.unwrap_or_else(|| {
            self.all.push(Place::default());
            self.all.len() - 1
        });
        self.all[index].thread = Some(PoolThread {
            ident,
            handle: std::thread::current(),
        });
        index
    }

    /// Notes that a thread is about to park.
    pub(super) fn fall_asleep(&mut self, place: usize) {
        self.all[place].is_asleep = true;
    }

    pub(super) fn is_asleep(&self, place: usize) -> bool {
        self.all[place].is_asleep
    }

    /// Wakes a thread.
    pub(super) fn wake(&mut self, place: usize) {
        let place = &mut self.all[place];
        place.is_asleep = false;
        if let Some(thread) = &place.thread {
            thread.handle.unpark();
        }
    }

    /// Notes the call that a thread begins.
    pub(super) fn set(&mut self, place: usize, call: &RunnerCall) {
        let before = std::mem::replace(&mut self.all[place].invocation, address(&call.invocation));
        self.running += usize::from(before == 0);
    }

    /// Notes that a thread that serves runs nothing.
    pub(super) fn clear(&mut self, place: usize) {
        let before = std::mem::take(&mut self.all[place].invocation);
        self.running -= usize::from(before != 0);
    }

    /// Counts the thread that runs this call as lost. Returns whether there is one.
    pub(super) fn lose(&mut self, function: &Arc<LoadedFunction>, invocation: &Arc<Invocation>) -> bool {
        let address = address(invocation);
        let place = self.all.iter_mut().find(|place| place.invocation == address);
        let Some(place) = place.filter(|place| place.lost.is_none()) else {
            return false;
        };
        place.lost = Some(Lost {
            since: Instant::now(),
            function: Some(Arc::clone(function)),
        });
        self.serving -= 1;
        self.running -= 1;
        self.lost += 1;
        true
    }

    /// Handles the end of this thread's call. Returns whether another thread has taken its place.
    pub(super) fn is_replaced(&mut self, place: usize, most: usize) -> bool {
        if self.all[place].lost.take().is_none() {
            return false;
        }
        self.lost -= 1;
        self.all[place].invocation = 0;
        if self.serving >= most {
            return true;
        }
        self.serving += 1;
        false
    }

    /// Frees the place of a thread that serves and runs nothing, and ends.
    pub(super) fn end(&mut self, place: usize) {
        self.serving -= 1;
        self.leave(place);
    }

    /// Frees the place of a thread that is lost no more, and does not serve.
    pub(super) fn leave(&mut self, place: usize) {
        self.all[place] = Place::default();
    }

    /// Returns the threads that were lost at least this long ago, each once.
    pub(super) fn take_lost(&mut self, since: Duration) -> Vec<LostThread> {
        let take = |place: &mut Place| {
            let lost = place.lost.as_mut().filter(|lost| lost.since.elapsed() >= since)?;
            let function = lost.function.take()?;
            let thread = place.thread.as_ref()?.ident;
            Some(LostThread { thread, function })
        };
        self.all.iter_mut().filter_map(take).collect()
    }
}

fn address(invocation: &Arc<Invocation>) -> usize {
    Arc::as_ptr(invocation).addr()
}
