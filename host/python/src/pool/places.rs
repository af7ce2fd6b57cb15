//! The threads of the pool: what each of them runs, and which are lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use funcdock::model::Invocation;
use funcdock::pipeline::{LoadedFunction, RunnerCall};

/// The places of threads. A thread has the same one all its life.
#[derive(Default)]
pub(super) struct Places {
    all: Vec<Place>,
    /// The number of threads that take calls: those that are not lost.
    serving: usize,
    lost: usize,
}

#[derive(Default)]
struct Place {
    /// The thread, as Python numbers it; `None` if the place is free.
    thread: Option<u64>,
    /// The address of the invocation that it runs, which its call keeps alive; 0 if none.
    invocation: usize,
    lost: Option<Lost>,
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

    /// Returns the number of calls that run on threads which are not lost.
    pub(super) fn running(&self) -> usize {
        let runs = |place: &&Place| place.invocation != 0 && place.lost.is_none();
        self.all.iter().filter(runs).count()
    }

    /// Whether a call runs on a thread that is not lost.
    pub(super) fn is_busy(&self) -> bool {
        let runs = |place: &Place| place.invocation != 0 && place.lost.is_none();
        self.all.iter().any(runs)
    }

    /// Gives this thread a place.
    pub(super) fn take(&mut self, thread: u64) -> usize {
        self.serving += 1;
        let free = self.all.iter().position(|place| place.thread.is_none());
        let index = free.unwrap_or_else(|| {
            self.all.push(Place::default());
            self.all.len() - 1
        });
        self.all[index].thread = Some(thread);
        index
    }

    pub(super) fn set(&mut self, place: usize, call: &RunnerCall) {
        self.all[place].invocation = address(&call.invocation);
    }

    pub(super) fn clear(&mut self, place: usize) {
        self.all[place].invocation = 0;
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
        self.lost += 1;
        true
    }

    /// Handles the end of this thread's call. Returns whether another thread has taken its place.
    pub(super) fn is_replaced(&mut self, place: usize, most: usize) -> bool {
        if self.all[place].lost.take().is_none() {
            return false;
        }
        self.lost -= 1;
        if self.serving >= most {
            return true;
        }
        self.serving += 1;
        false
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
            let thread = place.thread?;
            Some(LostThread { thread, function })
        };
        self.all.iter_mut().filter_map(take).collect()
    }
}

fn address(invocation: &Arc<Invocation>) -> usize {
    Arc::as_ptr(invocation).addr()
}
