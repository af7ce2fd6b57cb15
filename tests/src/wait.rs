//! Waits for conditions, and runs work concurrently.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take. Generous, as the machine may be busy and only a failing test waits this long.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Polls until `check` returns a value; returns `None` after [`DEADLINE`].
pub fn wait_for<T>(mut check: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = check() {
            return Some(value);
        }
        if Instant::now() > end {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Repeats `work` on `threads` threads while `body` runs, and returns what `body` does. The threads end also if an assertion
/// of `body` fails, which would otherwise wait for them forever.
pub fn under_load<T>(threads: usize, work: impl Fn() + Sync, body: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (work, done) = (&work, &done);
        for _ in 0..threads {
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    work();
                }
            });
        }
        let result = panic::catch_unwind(AssertUnwindSafe(body));
        done.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|failure| panic::resume_unwind(failure))
    })
}

/// Runs `work` on `threads` threads at once, each with its number. Returns the results in the order of the numbers.
pub fn at_once<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..threads)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        running
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}
